"""A folder of images in, a table of scores out."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from napari_vdsr.errors import FileError
from napari_vdsr.files import Picture, write_image
from napari_vdsr.imaging.resample import resize

Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for name, array in {
        "grey.png": skimage.data.camera()[60:100, 220:260],
        "colour.png": skimage.data.astronaut()[100:136, 200:240],
    }.items():
        axes = "YX" if array.ndim == 2 else "YXS"
        write_image(folder / name, Picture(array, axes, rgb=array.ndim == 3))
    return folder


def test_the_table_names_protocol_factors_and_models(run: Run, folder: Path) -> None:
    outcome = run("evaluate", folder, "--factor", 2, "--factor", 3)
    assert outcome.status == 0
    assert outcome.out.startswith("protocol A")
    for words in ("x2", "x3", "bicubic", "vdsr20", "grey.png", "colour.png"):
        assert words in outcome.out
    assert outcome.err == ""


@pytest.mark.parametrize("option", ["--csv", "--grid"])
def test_no_image_that_is_scored_is_replaced(
    option: str, run: Run, folder: Path, tmp_path: Path
) -> None:
    image, link = folder / "grey.png", tmp_path / "link.png"
    link.symlink_to(image)
    before = image.read_bytes()
    for output in (image, link):
        outcome = run("evaluate", folder, option, output, "--overwrite")
        assert outcome.status == 2
        assert "is the source itself" in outcome.err
    outcome = run("evaluate", folder, "--low", folder, option, image, "--overwrite")
    assert outcome.status == 2
    assert image.read_bytes() == before


def test_images_are_no_pairs_with_themselves(run: Run, folder: Path) -> None:
    for low in (folder, folder / ".." / folder.name):
        outcome = run("evaluate", folder, "--low", low)
        assert outcome.status == 2
        assert "name other images of the same fields" in outcome.err


def test_figures_are_printed_though_their_file_cannot_be_written(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise FileError("the disk is full")

    monkeypatch.setattr("napari_vdsr.files.atomic.replacing", full)
    table = tmp_path / "a.csv"
    outcome = run("evaluate", folder, "--factor", 2, "--csv", table, "--json")
    assert outcome.status == 1
    assert "the disk is full" in outcome.err
    assert len(json.loads(outcome.out)["rows"]) == 8


def test_json_holds_figures_that_beat_bicubic(run: Run, folder: Path) -> None:
    outcome = run("evaluate", folder, "--factor", 2, "--json")
    result = json.loads(outcome.out)
    assert result["protocol"] == "A"
    means = {mean["method"]: mean["psnr"] for mean in result["means"]}
    assert means["vdsr20"] > means["bicubic"] + 1
    assert len(result["rows"]) == 8


def test_other_protocols_and_single_images_are_taken(run: Run, folder: Path) -> None:
    outcome = run(
        "evaluate", folder / "grey.png", "--factor", 2, "--protocol", "direct", "--json"
    )
    result = json.loads(outcome.out)
    assert result["protocol"] == "direct"
    assert {row["image"] for row in result["rows"]} == {"grey.png"}


def test_images_are_taken_as_a_microscope_takes_them(run: Run, folder: Path) -> None:
    command = ("evaluate", folder, "--factor", 2, "--sampling", "scanner")
    outcome = run(*command, "--noise", "strong", "--json")
    assert outcome.status == 0, outcome.err
    result = json.loads(outcome.out)
    assert result["protocol"] == "direct"
    assert {row["sampling"] for row in result["rows"]} == {"scanner"}
    assert {round(row["noise_electrons"]) for row in result["rows"]} == {903}
    clean = json.loads(run(*command, "--json").out)
    for noisy, without in zip(result["means"], clean["means"], strict=True):
        assert noisy["psnr"] < without["psnr"] - 0.5
    assert "sampling scanner: points, as by confocal" in run(*command).out


def test_figures_and_a_picture_are_written_to_files(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    table, picture = tmp_path / "a.csv", tmp_path / "a.png"
    command = ["evaluate", folder, "--factor", 2, "--csv", table, "--grid", picture]
    assert run(*command).status == 0
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["colour.png"] * 4 + ["grey.png"] * 4
    with Image.open(picture) as image:
        assert min(image.size) > 100
    outcome = run(*command)
    assert outcome.status == 1
    assert "exists already" in outcome.err
    assert run(*command, "--overwrite").status == 0


def test_real_pairs_are_scored_as_they_are(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    (folder / "colour.png").unlink()
    low = tmp_path / "low"
    low.mkdir()
    small = resize(skimage.data.camera()[60:100, 220:260], (20, 20)).round()
    array = np.clip(small, 0, 255).astype(np.uint8)
    write_image(low / "grey.png", Picture(array, "YX"))
    result = json.loads(run("evaluate", folder, "--low", low, "--json").out)
    assert result["protocol"] == "pairs"
    assert {row["factor"] for row in result["rows"]} == {2}
    write_image(low / "lonely.png", Picture(array, "YX"))
    outcome = run("evaluate", folder, "--low", low)
    assert outcome.status == 2
    assert "lonely.png is in one only" in outcome.err


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--factor", "1"], 2, "1"),
        (["--factor", "9"], 2, "9"),
        (["--factor", "1.5"], 2, "1.5"),
        (["--protocol", "B"], 2, "B"),
        (["--model", "nonesuch"], 1, "nonesuch"),
        (["--device", "toaster"], 2, "toaster"),
        (["--low", "x", "--factor", "2"], 2, "leave it out with --low"),
        (["--low", "x", "--sampling", "camera"], 2, "--sampling is for images"),
        (["--low", "x", "--noise", "weak"], 2, "--noise is for images"),
        (["--sampling", "points"], 2, "scanner"),
        (["--noise", "loud"], 2, "weak, strong, estimated"),
        (["--noise", "-1"], 2, "-1"),
        (["--protocol", "A", "--noise", "weak"], 2, "leave noise out"),
        (["--grid", "a.jpg"], 2, "must end in .png"),
        (["--csv", "missing/a.csv"], 1, "no such folder"),
    ],
)
def test_a_wrong_argument_is_said(
    options: list[str], status: int, message: str, run: Run, folder: Path
) -> None:
    outcome = run("evaluate", folder, *options)
    assert outcome.status == status
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_a_folder_that_cannot_be_written_to_is_found_before_the_work(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = "napari_vdsr.evaluation.evaluate.evaluate"
    monkeypatch.setattr(work, lambda *_, **__: pytest.fail("it was scored"))
    monkeypatch.setattr("os.access", lambda *_: False)
    for option, name in (("--csv", "a.csv"), ("--grid", "a.png")):
        outcome = run("evaluate", folder, option, folder.parent / name)
        assert outcome.status == 1
        assert f"{name}: no permission to write in {folder.parent}" in outcome.err


def test_a_missing_or_empty_folder_is_an_error(run: Run, tmp_path: Path) -> None:
    outcome = run("evaluate", tmp_path / "missing")
    assert (outcome.status, "does not exist" in outcome.err) == (1, True)
    outcome = run("evaluate", tmp_path)
    assert (outcome.status, "holds no image" in outcome.err) == (1, True)


@pytest.mark.needs_shared
def test_the_shipped_model_gives_its_published_figures_on_set5(
    run: Run, shared: Path
) -> None:
    outcome = run("evaluate", shared / "data" / "images" / "Set5", "--json")
    figures = {
        (mean["method"], mean["factor"]): (mean["psnr"], mean["ssim"])
        for mean in json.loads(outcome.out)["means"]
    }
    for key, expected in {
        ("bicubic", 2): (33.66, 0.9299),
        ("bicubic", 3): (30.39, 0.8682),
        ("bicubic", 4): (28.42, 0.8104),
        ("vdsr20", 2): (37.640, 0.9594),
        ("vdsr20", 3): (33.772, 0.9231),
        ("vdsr20", 4): (31.424, 0.8856),
    }.items():
        assert figures[key][0] == pytest.approx(expected[0], abs=0.01), key
        assert figures[key][1] == pytest.approx(expected[1], abs=0.0005), key

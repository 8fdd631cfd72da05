"""What the shell tells of an image, by itself and before it is enlarged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage import data

from napari_vdsr import describe_image
from napari_vdsr.files import read_image

Run = Callable[..., Any]


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A noisy image in a file."""
    signal = data.camera()[:256, :256] / 4.0
    noisy = np.random.default_rng(0).poisson(signal).astype("uint16") * 10
    tifffile.imwrite(tmp_path / "cells.tif", noisy, photometric="minisblack")
    return tmp_path / "cells.tif"


def test_the_command_says_what_the_function_says(run: Run, cells: Path) -> None:
    outcome = run("describe", cells)
    report = describe_image(cells)
    assert outcome.status == 0
    assert outcome.out == f"{report.summary}\n\n{report.to_text()}\n"
    assert outcome.err == ""


def test_json_holds_the_values(run: Run, cells: Path) -> None:
    outcome = run("describe", cells, "--json")
    expected = {"file": str(cells)} | describe_image(cells).to_json()
    assert json.loads(outcome.out) == expected
    assert expected["noise"]["sure"]


def test_axes_can_be_named(run: Run, tmp_path: Path) -> None:
    image = np.moveaxis(data.astronaut()[:64, :64], -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    told = json.loads(
        run("describe", tmp_path / "a.tif", "--axes", "SYX", "--json").out
    )
    assert told["colour"]


def test_a_missing_file_fails_with_words(run: Run, tmp_path: Path) -> None:
    outcome = run("describe", tmp_path / "lost.tif")
    assert outcome.status == 1
    assert "lost.tif does not exist" in outcome.err


def test_it_is_told_before_an_image_is_enlarged(
    run: Run, cells: Path, tmp_path: Path
) -> None:
    outcome = run("upscale", cells, tmp_path / "out.tif", "--model", "vdsr5", "--json")
    report = describe_image(cells)
    lines = outcome.err.splitlines()
    told = [line for line in lines if report.summary in line]
    assert len(told) == 1
    assert lines.index(told[0]) < next(
        number for number, line in enumerate(lines) if "out.tif" in line
    )
    (result,) = json.loads(outcome.out)["results"]
    assert result["image"] == report.to_json()
    # It advises another model, and the one that was asked for has been used.
    assert report.helps
    assert "vdsr5" not in report.models
    assert result["model"] == "vdsr5"


def test_a_look_that_fails_does_not_fail_the_run(
    run: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("it burns")

    monkeypatch.setattr("napari_vdsr.evaluation.image_report.describe_image", broken)
    outcome = run("upscale", cells, tmp_path / "out.tif", "--model", "vdsr5", "--json")
    assert outcome.status == 0
    assert "cannot say anything about the image: it burns" in outcome.err
    (result,) = json.loads(outcome.out)["results"]
    assert "it burns" in result["image"]["summary"]
    assert read_image(tmp_path / "out.tif").array.shape == (512, 512)


def test_every_image_of_a_folder_is_told_of(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / "in" / name, np.full((20, 20), 9, "uint8"))
    outcome = run(
        "upscale", tmp_path / "in", tmp_path / "out", "--model", "vdsr5", "--json"
    )
    assert outcome.status == 0
    assert outcome.err.count("It is constant") == 2
    results = json.loads(outcome.out)["results"]
    assert [result["image"]["helps"] for result in results] == [False, False]

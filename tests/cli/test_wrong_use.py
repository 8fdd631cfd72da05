"""Whatever goes wrong: exit status, one clear message, the source untouched."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import skimage.data
import tifffile

from napari_vdsr import pipeline
from napari_vdsr.cli import main
from napari_vdsr.errors import VdsrWarning
from napari_vdsr.files import Picture, write_image
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model

Run = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    write_image(path, Picture(skimage.data.camera()[:16, :20], "YX"))
    return path


@pytest.fixture
def here(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the source as the current one."""
    monkeypatch.chdir(source.parent)
    return source.parent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--factor", "0"], "factor is 0: it must be from 1 to 8"),
        (["--factor", "-1"], "factor is -1: it must be from 1 to 8"),
        (["--factor", "nan"], "factor is nan: it must be from 1 to 8"),
        (["--factor", "inf"], "factor is inf: it must be from 1 to 8"),
        (["--factor", "9"], "factor is 9: it must be from 1 to 8"),
        (["--factor", "0.5"], "factor is 0.5: it must be from 1 to 8"),
        (["--factor", "2.0,9"], "factor is 9: it must be from 1 to 8"),
        (["--factor", "2, 9"], "factor is 9: it must be from 1 to 8"),
        (["--factor", "2,5"], "factor is '2,5', which may be 2.5 or two numbers"),
        (["--factor", "2,3"], 'write 2.3, or "2, 3" with a space for Y and X'),
        (["--factor", "2,5e-1"], "which may be 2.5e-1 or two numbers"),
        (["--pixel-size", "0,05"], "pixel size is '0,05', which may be 0.05 or two"),
        (["--pixel-size", "2,5nm"], 'write 2.5nm, or "2nm, 5nm" with a space'),
        (["--pixel-size", "0.1, 0.1"], "does not say how large its pixels are"),
        (["--pixel-size", "50nm,60nm"], "does not say how large its pixels are"),
        (["--factor", "abc"], "factor is 'abc': give one number, or one for Y"),
        (["--factor", ""], "factor is '': give one number"),
        (["--factor", "1,2,3"], "factor is '1,2,3': give one number"),
        (["--pixel-size", "abc"], "pixel size is 'abc': give one length"),
        (["--pixel-size", "1nm,1um"], "the same unit"),
        (["--pixel-size", "0.1"], "does not say how large its pixels are"),
        (["--pixel-size", "1", "--factor", "2"], "give one of them"),
        (["--device", "toaster"], "'toaster'"),
        (["--precision", "float99"], "'float99'"),
        (["--tile", "0"], "tile"),
        (["--tile", "-5"], "tile"),
        (["--tile", "many"], "tile"),
        (["--axes", "ZYX"], "3 letters, but the shape is (16, 20)"),
        (["--axes", "CX"], "name each once, Y and X among them"),
        (["--axes", "YY"], "name each once, Y and X among them"),
        (["--rgb"], "needs at least three dimensions"),
        (["--intensity-range", "0"], "--intensity-range"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_a_wrong_argument_gives_status_2(
    options: list[str], message: str, run: Run, source: Path, tmp_path: Path
) -> None:
    before = source.read_bytes()
    outcome = run("upscale", source, tmp_path / "out.png", *options)
    assert outcome.status == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert source.read_bytes() == before
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("out.gif", "its name must end in .tif"),
        ("out", "its name must end in .tif"),
        ("out.zip", "its name must end in .tif"),
        ("a.png", "is the source itself"),
        ("./a.png", "is the source itself"),
    ],
)
def test_a_wrong_target_gives_status_2(
    target: str, message: str, run: Run, source: Path, tmp_path: Path
) -> None:
    before = source.read_bytes()
    outcome = run("upscale", source, f"{tmp_path}/{target}", "--overwrite")
    assert outcome.status == 2
    assert message in outcome.err
    assert source.read_bytes() == before


def test_a_target_that_cannot_hold_the_result_is_found_before_the_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "upscale_array", lambda *_, **__: pytest.fail())
    write_image(tmp_path / "a.tif", Picture(np.zeros((4, 5), np.float32), "YX"))
    outcome = run("upscale", tmp_path / "a.tif", tmp_path / "b.png")
    assert outcome.status == 2
    assert "PNG holds uint8 and uint16" in outcome.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"no image", "not TIFF, PNG, JPEG or BMP"),
        (b"II*\0\x08\0\0\0", "damaged or cut short"),
    ],
    ids=["missing", "empty", "garbage", "truncated"],
)
def test_a_source_that_cannot_be_read_gives_status_1(
    content: bytes | None, message: str, run: Run, tmp_path: Path
) -> None:
    source = tmp_path / "bad.tif"
    if content is not None:
        source.write_bytes(content)
    outcome = run("upscale", source, tmp_path / "out.png")
    assert outcome.status == 1
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_damage_is_told_once(
    tile: tuple[int, int] | None, run: Run, tmp_path: Path
) -> None:
    source, target = tmp_path / "cut.tif", tmp_path / "out.tif"
    tifffile.imwrite(
        source, np.arange(4096, dtype=np.uint16).reshape(64, 64), tile=tile
    )
    source.write_bytes(source.read_bytes()[:4000])
    outcome = run("upscale", source, target, "--model", "vdsr5")
    assert outcome.status == 1
    assert outcome.err.count("cannot read") == outcome.err.count("damaged") == 1
    assert not target.exists()


ADDRESS = "https://example.org/a.tif"


@pytest.mark.parametrize(
    "command",
    [
        ["upscale", ADDRESS, "out.tif"],
        ["upscale", "a.png", "s3://bucket/out.zarr"],
        ["describe", ADDRESS],
        ["psnr", "a.png", ADDRESS],
        ["evaluate", ADDRESS],
        ["train", ADDRESS, "--output", "m.safetensors"],
        ["train", "a.png", "--output", "ftp://example.org/m.safetensors"],
    ],
    ids=" ".join,
)
def test_addresses_are_named_as_they_were_written(
    command: list[str], run: Run, source: Path, here: Path
) -> None:
    outcome = run(*command)
    assert outcome.status == 1
    (address,) = (word for word in command if "://" in word)
    assert f"error: {address} is an address, but files" in outcome.err
    assert "download it first" in outcome.err
    assert list(here.iterdir()) == [source]


def test_an_image_without_pixels_gives_status_1(run: Run, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 0), np.uint8))
    outcome = run("upscale", tmp_path / "a.tif", tmp_path / "out.tif")
    assert outcome.status == 1
    assert "holds no pixels" in outcome.err


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((4, 5), bool), "bool"),
        (np.ones((4, 5), np.complex64), "complex64"),
        (np.full((4, 5), np.inf, np.float32), "20 of 20 pixels are infinite"),
    ],
)
def test_an_image_that_cannot_be_enlarged_gives_status_2(
    array: Any, message: str, run: Run, tmp_path: Path
) -> None:
    write_image(tmp_path / "a.tif", Picture(array, "YX"))
    outcome = run("upscale", tmp_path / "a.tif", tmp_path / "out.tif")
    assert outcome.status == 2
    assert message in outcome.err
    assert not (tmp_path / "out.tif").exists()


def test_an_existing_target_gives_status_1(
    run: Run, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "b.png"
    target.write_bytes(b"precious")
    outcome = run("upscale", source, target)
    assert outcome.status == 1
    assert "exists already" in outcome.err
    assert "--overwrite" in outcome.err
    assert target.read_bytes() == b"precious"
    assert run("upscale", source, target, "--overwrite").status == 0


@pytest.mark.parametrize("target", ["a.png/b.png", "missing/b.png"])
def test_a_target_that_cannot_be_written_gives_status_1(
    target: str, run: Run, source: Path, tmp_path: Path
) -> None:
    outcome = run("upscale", source, tmp_path / target)
    assert outcome.status == 1
    assert f"cannot write {tmp_path / target}" in outcome.err


def test_a_folder_that_cannot_be_made_gives_status_1(
    run: Run, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    source.rename(tmp_path / "in" / "a.png")
    (tmp_path / "file").touch()
    outcome = run("upscale", tmp_path / "in", tmp_path / "file" / "out")
    assert outcome.status == 1
    assert f"{tmp_path / 'file' / 'out'}: Not a directory" in outcome.err


def test_an_unknown_model_gives_status_1(
    run: Run, source: Path, tmp_path: Path
) -> None:
    outcome = run("upscale", source, tmp_path / "b.png", "--model", "nonesuch")
    assert outcome.status == 1
    assert "nonesuch" in outcome.err


def test_with_json_an_error_is_an_object_too(
    run: Run, source: Path, tmp_path: Path
) -> None:
    outcome = run("upscale", source, tmp_path / "b.png", "--factor", "9", "--json")
    assert outcome.status == 2
    error = json.loads(outcome.out)["error"]
    assert error == {
        "type": "InputError",
        "message": "factor is 9: it must be from 1 to 8",
    }


def test_a_fault_of_ours_shows_where_and_where_to_report_it(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(pipeline, "upscale_array", broken)
    outcome = run("upscale", source, tmp_path / "b.png")
    assert outcome.status == 1
    assert "Traceback" in outcome.err
    assert "ZeroDivisionError" in outcome.err
    assert "please report" in outcome.err


def test_too_little_memory_is_said_plainly(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_: object, **__: object) -> None:
        np.empty(1 << 46)

    monkeypatch.setattr(pipeline, "upscale_array", hungry)
    outcome = run("upscale", source, tmp_path / "b.png")
    assert outcome.status == 1
    assert f"error: not enough memory for enlarging {source}: " in outcome.err
    assert "Traceback" not in outcome.err
    (tmp_path / "in").mkdir()
    source.rename(tmp_path / "in" / "a.png")
    outcome = run("upscale", tmp_path / "in", tmp_path / "out", "--json")
    assert outcome.status == 1
    (result,) = json.loads(outcome.out)["results"]
    assert result["error"]["type"] == "MemoryError"
    assert f"not enough memory for enlarging {result['input']}" in outcome.err


def test_a_result_beyond_memory_is_refused_before_the_work(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "upscale_array", lambda *_, **__: pytest.fail())
    for name in ("virtual_memory", "swap_memory"):
        little = SimpleNamespace(available=600, free=600)
        monkeypatch.setattr(psutil, name, lambda little=little: little)
    outcome = run("upscale", source, tmp_path / "b.png")
    assert outcome.status == 1
    assert "GB of memory" in outcome.err


def test_a_model_with_biases_needs_the_intensity_range(
    run: Run, tmp_path: Path
) -> None:
    model = Model(VDSR(depth=2, bias=True, first_padding="zeros"), "biased", "", "", {})
    model.save(tmp_path / "biased.safetensors")
    counts = np.full((4, 5), 1000, np.uint16)
    write_image(tmp_path / "a.tif", Picture(counts, "YX"))
    command = ["upscale", tmp_path / "a.tif", tmp_path / "b.tif"]
    command += ["--model", tmp_path / "biased.safetensors"]
    outcome = run(*command)
    assert outcome.status == 2
    assert "give --intensity-range BLACK WHITE, or use" in outcome.err
    assert run(*command, "--intensity-range", 0, 4095).status == 0


def test_our_warnings_are_one_line_and_others_as_usual(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warning(image: Any, *_: object, **__: object) -> Any:
        warnings.warn("smaller tiles were used", VdsrWarning, stacklevel=1)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("of some library", UserWarning, stacklevel=1)
        return image.repeat(2, 0).repeat(2, 1)

    monkeypatch.setattr(pipeline, "upscale_array", warning)
    with pytest.warns(UserWarning, match="of some library"):
        outcome = run("upscale", source, tmp_path / "b.png")
    assert outcome.status == 0
    assert "napari-vdsr: warning: smaller tiles were used\n" in outcome.err


def test_no_command_shows_the_help(run: Run) -> None:
    outcome = run()
    assert outcome.status == 2
    assert "upscale" in outcome.out + outcome.err
    assert run("nonsense").status == 2


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["upscale", "", "out"], "IN"),
        (["upscale", "a.png", ""], "OUT"),
        (["psnr", "", "a.png"], "REFERENCE"),
        (["describe", ""], "IMAGE"),
        (["evaluate", ""], "FOLDER"),
        (["evaluate", "a.png", "--low", ""], "--low"),
        (["train", "", "--output", "m.safetensors"], "FOLDER"),
        (["train", "a.png", "--output", ""], "--output"),
        (["models", "import", ""], "file"),
    ],
)
def test_an_empty_name_is_not_the_current_folder(
    command: list[str], name: str, run: Run, source: Path, here: Path
) -> None:
    outcome = run(*command)
    assert outcome.status == 2
    assert name.lower() in outcome.err.lower()
    assert "the name is empty" in outcome.err
    assert list(here.iterdir()) == [source]


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_goes_on(
    run: Run, source: Path, tmp_path: Path, refuse_to_list: Any
) -> None:
    closed = tmp_path / "in" / "closed"
    closed.mkdir(parents=True)
    source.rename(tmp_path / "in" / "a.png")
    refuse_to_list(closed)
    outcome = run("upscale", tmp_path / "in", tmp_path / "out", "--json")
    assert outcome.status == 1
    assert f"cannot list the folder {closed}: Permission denied" in outcome.err
    found = json.loads(outcome.out)
    assert (found["done"], found["failed"]) == (1, 1)
    assert found["results"][0]["input"] == str(closed)
    assert (tmp_path / "out" / "a.png").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["upscale", "{long}.png", "o.png"],
        ["psnr", "{long}.png", "{long}.png"],
        ["models", "import", "{long}.pth"],
        ["models", "export", "vdsr5", "{long}.safetensors"],
    ],
)
def test_names_that_no_system_takes_are_an_error_in_words(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    long = "d" * 300
    assert main([word.format(long=long) for word in command]) == 1
    said = capsys.readouterr().err
    assert "too long" in said or "255 are allowed" in said
    assert "Traceback" not in said

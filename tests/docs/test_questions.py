"""The messages that docs/questions.md quotes are those that people see."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from pages import ROOT
from PIL import Image

import napari_vdsr
from napari_vdsr.cli import main
from napari_vdsr.errors import InputError

PAGE = " ".join((ROOT / "docs" / "questions.md").read_text("utf-8").split())
QUOTED = {
    "upscale cells.czi out.tif": "not TIFF, PNG, JPEG or BMP",
    "upscale cells.tif out.tif --factor 2,5": '"2,5"',
    "upscale cut.png out.png": "damaged or cut short",
    "upscale cells.tif done.tif": "exists already",
    "upscale cells.tif out.tif --device cuda": "this machine has auto, cpu",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 200, (8, 9), dtype=np.uint8)
    for name in ("cells.tif", "done.tif"):
        tifffile.imwrite(name, pixels)
    Image.fromarray(pixels).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:50])
    Path("cells.czi").write_bytes(b"ZISRAWFILE" + bytes(100))
    return tmp_path


@pytest.mark.parametrize("command", QUOTED)
def test_messages_are_quoted_as_they_are(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "cuda" in command and torch.cuda.is_available():
        pytest.skip("this machine has a graphics card")
    assert main(command.split()) != 0
    assert QUOTED[command] in PAGE
    assert QUOTED[command].replace('"', "") in capsys.readouterr().err


def test_equal_images_have_the_psnr_that_the_page_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["psnr", "cells.tif", "done.tif"]) == 0
    assert "PSNR inf" in capsys.readouterr().out
    assert 'PSNR is "inf"' in PAGE


def test_arrays_that_may_be_colours_are_asked_about() -> None:
    with pytest.raises(InputError, match="may be colours or X"):
        napari_vdsr.upscale(np.zeros((20, 30, 3), np.uint8))
    assert "the last axis may be colours or X" in PAGE


def test_at_most_two_source_pixels_around_a_gap_have_no_value() -> None:
    image = np.random.default_rng(0).random((12, 12)).astype(np.float32)
    image[6, 6] = np.nan
    gaps = np.argwhere(np.isnan(napari_vdsr.upscale(image, 2)))
    assert gaps.min() >= 2 * (6 - 2)
    assert gaps.max() < 2 * (6 + 2 + 1)
    assert "at most two source pixels around it" in PAGE

"""Two files in, decibels out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import tifffile
import zarr
from numpy.typing import NDArray

from napari_vdsr.files import Picture, write_image

Run = Callable[..., Any]

TRUTH = skimage.data.camera()[:40, :50]


def stored(path: Path, array: NDArray[Any]) -> Path:
    axes = {2: "YX", 3: "YXS"}[array.ndim]
    write_image(path, Picture(array, axes, rgb=array.ndim == 3))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Give a truth and an image that is 5 grey levels brighter."""
    brighter = np.minimum(TRUTH, 250) + 5
    truth = stored(tmp_path / "truth.png", np.minimum(TRUTH, 250))
    return truth, stored(tmp_path / "image.tif", brighter)


def test_the_report_shows_figure_and_data_range(
    run: Run, pair: tuple[Path, Path]
) -> None:
    outcome = run("psnr", *pair)
    assert outcome.status == 0
    assert "34.15 dB" in outcome.out  # 20 log10(255 / 5)
    assert "data range 255: 8-bit image" in outcome.out
    assert outcome.err == ""


def test_json_holds_the_report_and_nothing_else(
    run: Run, pair: tuple[Path, Path]
) -> None:
    outcome = run("psnr", *pair, "--json", "--border", 3, "--fit")
    report = json.loads(outcome.out)
    assert report["mean"] == pytest.approx(34.1514, abs=1e-4)
    assert report["border"] == 3
    assert report["fitted"]["mean"] is None  # infinite: nothing is left
    assert report["reference"] == str(pair[0])


def test_a_given_range_is_used_and_doubted(run: Run, pair: tuple[Path, Path]) -> None:
    outcome = run("psnr", *pair, "--data-range", 65535)
    assert "data range 65535: given" in outcome.out
    assert outcome.err.startswith("napari-vdsr: warning: data_range 65535")
    assert outcome.err.count("\n") == 1


def test_identical_images_give_infinity(run: Run, pair: tuple[Path, Path]) -> None:
    outcome = run("psnr", pair[0], pair[0])
    assert "inf" in outcome.out
    assert json.loads(run("psnr", pair[0], pair[0], "--json").out)["identical"] == 1


def test_colours_are_compared_by_luminance_or_all(run: Run, tmp_path: Path) -> None:
    truth = skimage.data.astronaut()[:30, :30]
    image = truth.copy()
    image[..., 2] ^= 16  # blue hardly matters to luminance
    paths = (stored(tmp_path / "a.png", truth), stored(tmp_path / "b.png", image))
    means = [
        json.loads(run("psnr", *paths, "--luminance", choice, "--json").out)["mean"]
        for choice in ("auto", "yes", "no")
    ]
    assert means[0] == means[1] > means[2] + 5
    assert means[2] == pytest.approx(20 * np.log10(255 / 16) + 10 * np.log10(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--border", "20"], "border is 20"),
        (["--border", "-1"], "border is -1"),
        (["--data-range", "0"], "data_range is 0"),
        (["--data-range", "nan"], "data_range is nan"),
        (["--luminance", "yes"], "no colours"),
        (["--luminance", "perhaps"], "perhaps"),
    ],
)
def test_a_wrong_argument_gives_status_2(
    options: list[str], message: str, run: Run, pair: tuple[Path, Path]
) -> None:
    outcome = run("psnr", *pair, *options)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.out == ""


def test_images_that_do_not_fit_are_refused(
    run: Run, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    other = stored(tmp_path / "other.png", TRUTH[:-1])
    outcome = run("psnr", pair[0], other)
    assert outcome.status == 2
    assert "(40, 50)" in outcome.err
    assert "(39, 50)" in outcome.err
    colour = stored(tmp_path / "colour.png", skimage.data.astronaut()[:40, :50])
    outcome = run("psnr", pair[0], colour)
    assert outcome.status == 2
    assert "the image has colours and the reference has none" in outcome.err
    assert run("psnr", pair[0], tmp_path / "missing.png").status == 1


def test_zarrs_are_compared_and_warnings_said_once(run: Run, tmp_path: Path) -> None:
    stack = np.stack([TRUTH, TRUTH // 2])
    zarr.create_array(str(tmp_path / "a.zarr"), data=stack)
    with tifffile.TiffWriter(tmp_path / "b.tif") as tif:
        tif.write(stack, photometric="minisblack", metadata=None)
        tif.write(TRUTH[:9])
    outcome = run("psnr", tmp_path / "a.zarr", tmp_path / "b.tif", "--json")
    assert json.loads(outcome.out)["identical"] == 2
    assert outcome.err.count("holds 2 images of different shape") == 1
    outcome = run("psnr", tmp_path / "b.tif", tmp_path / "b.tif", "--json")
    assert outcome.err.count("\n") == 1

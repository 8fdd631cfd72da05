"""What an image says of itself before it is enlarged."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from napari.layers import Image
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_vdsr import describe_image
from napari_vdsr.errors import FileError, InputError
from napari_vdsr.evaluation.image_report import CAMERA, REDUCED, SCANNER, ImageReport

PHOTOGRAPH = data.camera()


def noisy(photons: float, image: NDArray[Any] = PHOTOGRAPH) -> NDArray[np.uint16]:
    scale = photons / image.max()
    rng = np.random.default_rng(0)
    return (10 * rng.poisson(image * scale)).astype("uint16")


def check_that_it_can_be_told(report: ImageReport) -> None:
    """All of it can be written down, whatever was not found out."""
    assert report.summary
    assert "\n" not in report.summary
    assert report.reason
    json.dumps(report.to_json(), allow_nan=False)
    assert (report.model is not None) == (len(report.models) == 1)


@pytest.mark.parametrize("scale", [1e300, 1e-170, 1e-300])
def test_floats_of_any_size_are_described_alike(scale: float) -> None:
    """Their detail was lost where its squares have no number."""
    image = noisy(60).astype(float)
    one, other = describe_image(image), describe_image(scale * image)
    assert other.summary == one.summary
    assert one.sampling is not None
    assert other.sampling is not None
    for name in ("noise", "span"):
        expected = scale * getattr(one.sampling, name)
        assert getattr(other.sampling, name) == pytest.approx(expected, rel=1e-6, abs=0)
    json.dumps(other.sampling.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("dtype", "lowest"),
    [("int64", -(2**63)), ("int64", 2**63 - 2**14), ("uint64", 2**64 - 2**14)],
)
def test_integers_that_float64_cannot_tell_apart_are_described_alike(
    dtype: str, lowest: int
) -> None:
    image = noisy(60, PHOTOGRAPH[:256, :256]).astype("int64")
    image -= image.min()
    far = (image.astype("uint64") + np.uint64(lowest % 2**64)).view(dtype)
    one, other = describe_image(image), describe_image(far)
    assert other.summary == one.summary
    assert f"given less {lowest}" in other.unknown[0]
    assert replace(other, unknown=()) == one


def test_an_8_bit_photograph_without_noise_fits_the_model_of_its_kind() -> None:
    report = describe_image(PHOTOGRAPH)
    assert report.model == REDUCED
    assert report.helps
    assert REDUCED in report.summary


def test_a_colour_photograph_fits_the_same_model() -> None:
    report = describe_image(data.rocket(), rgb=True)
    assert report.colour
    assert report.model == REDUCED


def test_a_noisy_image_needs_a_model_for_microscopes() -> None:
    report = describe_image(noisy(60))
    assert report.models == (SCANNER, CAMERA)
    assert report.model is None
    assert report.helps
    assert report.noise is not None and report.noise.sure
    assert report.noise.electrons_at_white == pytest.approx(60, rel=0.3)
    assert "noise" in report.summary.lower()
    assert "photons" in report.summary
    assert "cannot be told from the pixels" in report.to_text()


def test_an_image_of_16_bits_is_not_taken_for_a_picture() -> None:
    smooth = gaussian_filter(PHOTOGRAPH * 255.0, 0.6).astype("uint16")
    assert describe_image(smooth).models == (SCANNER, CAMERA)


def test_fine_texture_is_not_taken_for_a_clean_image() -> None:
    report = describe_image(data.gravel())
    assert report.models == (SCANNER, CAMERA)
    assert "cannot be told from fine detail" in report.reason
    assert "at most" in report.summary


@pytest.mark.parametrize(
    "image", [data.cell(), gaussian_filter(PHOTOGRAPH.astype(float), 3)]
)
def test_an_oversampled_image_gains_nothing(image: NDArray[Any]) -> None:
    report = describe_image(image)
    assert report.helps is False
    assert report.models == ()
    assert "enlarging adds pixels, not detail" in report.summary


def test_noise_that_nobody_sees_has_no_figure() -> None:
    smooth = gaussian_filter(data.camera().astype(float), 4)
    report = describe_image(smooth)
    assert report.summary.startswith("Next to no noise · ")
    assert "Noise: at most 0.05 % of the range" in report.to_text()


def test_jpeg_and_8_bit_history_are_said() -> None:
    wide = PHOTOGRAPH.astype("uint16") * 16
    assert "few values" in describe_image(wide).summary
    assert "8-bit image before" in describe_image(wide).to_text()


@pytest.mark.parametrize(
    ("mode", "model"),
    [
        ("LaserScanningConfocalMicroscopy", SCANNER),
        ("WideField", CAMERA),
        ("Other", None),
    ],
)
def test_metadata_tell_the_instrument(
    mode: str, model: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "cells.ome.tif"
    channel = {"Name": ["dye"], "AcquisitionMode": [mode]}
    tifffile.imwrite(
        path, noisy(50)[None], metadata={"axes": "CYX", "Channel": channel}
    )
    assert describe_image(path).model == model


# Wherever the image is


def test_arrays_layers_and_files_say_the_same(tmp_path: Path) -> None:
    image = np.stack([noisy(50), noisy(55)])
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    stored = zarr.create_array(tmp_path / "a.zarr", data=image, chunks=(1, 128, 128))
    expected = describe_image(image)
    assert expected.pixels == image.size
    for same in (
        da.from_array(image, (1, 200, 200)),
        stored,
        Image(image),
        Image([image, image[:, ::2, ::2]], multiscale=True),
        torch.from_numpy(image.astype("int32")),
        tmp_path / "a.tif",
        str(tmp_path / "a.tif"),
    ):
        found = describe_image(same)
        assert found.noise == expected.noise
        assert found.models == expected.models


def test_axes_may_lie_anywhere() -> None:
    image = noisy(50)
    moved = np.moveaxis(np.stack([image, image, image]), 0, 1)
    found = describe_image(moved, axes="YCX")
    assert found.noise == describe_image(np.stack([image] * 3)).noise
    colours = np.moveaxis(data.rocket(), -1, 0)
    assert describe_image(colours, axes="SYX") == describe_image(
        data.rocket(), rgb=True
    )


def test_a_layer_larger_than_memory_is_looked_at_by_parts() -> None:
    seen: list[int] = []

    def made(block: NDArray[Any]) -> NDArray[Any]:
        seen.append(block.size)
        rng = np.random.default_rng(0)
        return rng.poisson(50, block.shape).astype("uint16")

    huge = da.zeros((500, 65536, 65536), "uint16", chunks=(1, 1024, 1024))
    huge = huge.map_blocks(made, dtype="uint16", meta=np.empty((0, 0, 0), "uint16"))
    assert huge.nbytes > 1e12
    report = describe_image(huge)
    assert 512**2 <= report.pixels <= 9 * 512**2  # as many as there is time for
    assert sum(seen) <= 9 * 4 * 1024**2
    assert report.noise is not None
    assert report.noise.sigma == pytest.approx(50**0.5, rel=0.1)


def test_chunks_larger_than_memory_are_not_read() -> None:
    huge = da.zeros((3, 10**6, 10**6), "uint16", chunks=(1, 10**6, 10**6))
    report = describe_image(huge)
    assert report.pixels == 0
    assert "smaller chunks" in report.summary
    check_that_it_can_be_told(report)


def test_slow_images_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_vdsr.images.open_any._SECONDS", 0.0)
    report = describe_image(np.tile(noisy(50), (4, 4)))
    assert report.pixels == 512**2
    assert "only 1 of 9 parts" in report.to_text()


def test_damaged_parts_are_passed_over() -> None:
    image = np.tile(noisy(50), (2, 2))

    def made(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        if block_info[0]["chunk-location"] == (0, 1):
            raise OSError("chunk is damaged")
        return block

    lazy = da.from_array(image, 512).map_blocks(made, dtype=image.dtype, meta=image)
    report = describe_image(lazy)
    assert report.pixels == 3 * 512**2
    assert report.models == (SCANNER, CAMERA)
    assert "chunk is damaged" in report.to_text()


# What cannot be told


NOTHING_TO_TELL = {
    "constant": np.full((80, 80), 7, "uint8"),
    "NaN": np.full((80, 80), np.nan),
    "infinite": np.full((80, 80), np.inf),
    "one row": np.arange(500, dtype="uint16")[None],
    "one column": np.arange(500.0)[:, None],
    "one pixel": np.ones((1, 1)),
    "saturated": np.where(np.eye(300) > 0, 65534, 65535).astype("uint16"),
    "labels": np.kron(np.arange(144).reshape(12, 12), np.ones((30, 30), int)),
    "mask of 0 and 1": (PHOTOGRAPH > 99).astype("uint8"),
    "small": PHOTOGRAPH[:20, :20],
}


@pytest.mark.parametrize("name", NOTHING_TO_TELL)
def test_what_cannot_be_told_is_said_and_nothing_is_raised(name: str) -> None:
    report = describe_image(NOTHING_TO_TELL[name])
    assert report.models == ()
    assert not report.helps
    check_that_it_can_be_told(report)


def test_negative_values_are_values() -> None:
    image = noisy(50).astype("float32")
    one, other = describe_image(image), describe_image(image - 5000)
    assert one.noise is not None and other.noise is not None
    assert other.noise.sigma == pytest.approx(one.noise.sigma, rel=1e-3)
    assert other.models == one.models


def test_an_image_with_a_hole_is_looked_at_around_it() -> None:
    image = noisy(50).astype("float32")
    image[100:200] = np.nan
    report = describe_image(image)
    assert report.noise is not None and report.noise.sure
    assert "how fine its detail is cannot be told" in report.to_text().lower()


@settings(max_examples=60, deadline=None)
@given(
    image=arrays(
        st.sampled_from(["uint8", "int16", "uint64", "float16", "float32", "float64"]),
        array_shapes(min_dims=2, max_dims=3, max_side=40),
    )
)
def test_no_values_make_it_fail(image: NDArray[Any]) -> None:
    check_that_it_can_be_told(describe_image(image, rgb=False))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "None"),
        (np.zeros((0, 4)), "no pixel"),
        (np.zeros(4), "two dimensions"),
        (np.zeros((9, 9), bool), "mask"),
        (np.zeros((9, 9), complex), "real part"),
        (np.zeros((9, 9, 3)), "rgb=True"),
        (np.ma.masked_array(np.zeros((9, 9)), False), "mask"),
    ],
)
def test_what_is_no_image_is_refused(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        describe_image(image)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        describe_image(tmp_path / "lost.tif")


def test_looking_needs_neither_qt_nor_torch() -> None:
    code = """
import sys
import numpy as np
from napari_vdsr.evaluation.image_report import describe_image
describe_image(np.zeros((40, 40)))
print(*sorted({"torch", "qtpy", "napari"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""


def test_what_takes_very_many_steps_to_compute_is_not_computed() -> None:
    computed: list[int] = []

    def noted(block: Any) -> Any:
        computed.append(1)
        return block

    stack = da.from_array(
        noisy(500)[None, :64, :64].repeat(1200, 0), chunks=(1, 64, 64)
    )
    light = stack.map_blocks(noted, meta=np.empty(0, stack.dtype))
    report = describe_image(light.max(axis=0))
    assert not computed
    assert report.noise is None
    assert "steps to compute: save the image first" in report.unknown[0]
    assert describe_image(light[:8].max(axis=0)).noise is not None

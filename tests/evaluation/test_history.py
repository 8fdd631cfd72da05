"""What values tell about the past of an image."""

import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import data

from napari_vdsr import simulate, upscale
from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.history import history_of

CAMERA = data.camera()
CLEAN = {
    "camera": CAMERA,
    "cell": data.cell(),
    "brick": data.brick(),
    "gravel": data.gravel(),
    "astronaut": data.astronaut()[:256, ..., 1],
    "noise": np.random.default_rng(0).normal(128, 20, (512, 512)).astype("uint8"),
}


def as_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", CLEAN)
def test_an_untouched_image_has_nothing_to_remark(name: str) -> None:
    assert history_of([CLEAN[name]]).remarks == ()


@pytest.mark.parametrize("name", ["camera", "cell", "astronaut", "noise"])
@pytest.mark.parametrize("cut", [0, 3])
def test_the_grid_of_jpeg_is_seen_wherever_it_lies(name: str, cut: int) -> None:
    found = history_of([as_jpeg(CLEAN[name], 75)[cut:, 2 * cut :]])
    assert found.was_jpeg
    assert any("JPEG" in remark for remark in found.remarks)


def test_the_grid_is_found_in_several_windows_together() -> None:
    image = as_jpeg(CLEAN["camera"], 80)
    windows = [image[y : y + 128, x : x + 128] for y in (0, 200) for x in (8, 304)]
    assert history_of(windows).was_jpeg


@pytest.mark.parametrize("noise", [0, 5])
@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("name", ["camera", "cell"])
def test_what_was_enlarged_has_no_grid_of_jpeg(
    name: str, factor: int, noise: float
) -> None:
    """Grids of 2 and 4 pixels were taken for that of 8, in nearly all of them."""
    plane = CLEAN[name][:192, :192].astype(np.float32)
    plane = plane + np.random.default_rng(0).normal(0, noise, plane.shape)
    size = (192 * factor, 192 * factor)
    bicubic = Image.fromarray(plane.astype(np.float32)).resize(size, 3)
    spline = ndimage.zoom(plane, factor, mode="grid-mirror", grid_mode=True)
    assert not history_of([np.asarray(bicubic)]).was_jpeg
    assert not history_of([spline]).was_jpeg


def test_results_of_a_network_have_no_grid_of_jpeg() -> None:
    seen = simulate("filaments", photons=60).image
    assert not history_of([upscale(seen, 2, model="vdsr5", device="cpu")]).was_jpeg


def test_saturation_is_told_from_a_bright_image() -> None:
    bright = np.clip(CAMERA.astype(int) * 2, 0, 255).astype("uint8")
    found = history_of([bright])
    assert found.saturated
    assert found.top == pytest.approx((bright == 255).mean())
    assert not history_of([CAMERA // 2]).saturated


def test_values_cut_off_at_the_bottom_are_said() -> None:
    found = history_of([np.maximum(CAMERA.astype("uint16") * 7, 400)])
    assert found.cut_off
    assert any("cut off" in remark for remark in found.remarks)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
def test_an_8_bit_past_is_seen_in_wider_types(dtype: str) -> None:
    found = history_of([CAMERA.astype(dtype) * 3])
    assert found.eight_bit
    assert found.step == (0 if dtype.startswith("float") else 3)
    full = np.random.default_rng(0).integers(0, 4096, (256, 256)).astype(dtype)
    assert not history_of([full]).eight_bit


def test_a_change_of_contrast_leaves_a_comb() -> None:
    stretched = np.clip(CAMERA.astype(float) * 1.4 - 20, 0, 255).round()
    assert history_of([stretched.astype("uint8")]).comb


@pytest.mark.parametrize("levels", [2, 40])
def test_labels_and_masks_look_like_labels(levels: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, levels, (12, 12)), np.ones((20, 20), int))
    assert history_of([labels]).like_labels
    gaps = np.where(labels == 0, np.nan, labels).astype("float32")
    assert history_of([gaps]).like_labels, "labels in floats, without background"
    assert not history_of([CAMERA]).like_labels


@pytest.mark.parametrize("dtype", "int8 uint8 int16 int64 uint64 float16".split())
def test_every_dtype_is_looked_at(dtype: str) -> None:
    low, high = (-120, 120) if dtype == "int8" else (0, 250)
    image = np.random.default_rng(0).integers(low, high, (64, 64)).astype(dtype)
    found = history_of([image])
    assert found.distinct <= 250
    assert found.bits == 8 * np.dtype(dtype).itemsize
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_value_at_all_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="no pixel has a value"):
        history_of([np.full((8, 8), value)])


def test_one_pixel_is_enough_to_look_at() -> None:
    found: Any = history_of([np.ones((1, 1), "uint8")])
    assert (found.distinct, found.saturated, found.jpeg) == (1, False, 0.0)

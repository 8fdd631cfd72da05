"""The promises: tiled equals whole, affine equivariance, dtypes and gaps.

The reference is the network in float64 on the whole image at once, enlarged by the
same kernel: nothing of the tiling, scaling or precision of the engine is in it.
"""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_vdsr.api import upscale as upscale_array
from napari_vdsr.errors import VdsrWarning
from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.resample import resize
from napari_vdsr.inference.device import available_devices
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

REAL = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
REAL += ["float16", "float32", "float64"]

sizes = st.integers(1, 16)
factors = st.one_of(st.sampled_from([2, 3, 4]), st.floats(1, 8))
# Of up to 128 output pixels; a tile of one pixel is tried below.
tiles = st.integers(24, 60)


def image_of(shape: tuple[int, ...], dtype: str, seed: int) -> NDArray[Any]:
    """Make an image that uses all of a dtype's range, extremes included."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (rng.normal(size=shape) * 1000).astype(dtype)
    limits = np.iinfo(kind)
    image = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    extreme = rng.random(shape)
    image[extreme < 0.1] = limits.min
    image[extreme > 0.9] = limits.max
    return image


def error_bound(image: NDArray[Any]) -> float:
    """Give what float32 sums, and results in the image's dtype, may err by.

    Contrast is computed in float32, whatever it lies on; the sum with what it lies on
    is made in float64 where the dtype is wider than float32, else in float32.
    """
    values = image.astype(np.float64)
    kind = image.dtype
    eps = np.finfo(kind).eps if kind.kind == "f" else np.finfo(np.float64).eps
    return float(2e-5 * np.ptp(values) + 4 * eps * np.abs(values).max())


def quietly(*arguments: Any, **options: Any) -> NDArray[Any]:
    """Upscale without the warning that factors above 4 give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VdsrWarning)
        return upscale_array(*arguments, **options)


def reference(image: NDArray[Any], factor: float, model: Model) -> NDArray[np.float64]:
    """Enlarge and restore a plane in float64, whole."""
    shape = enlarged_size(image.shape[0], factor), enlarged_size(image.shape[1], factor)
    if shape == image.shape:
        return image.astype(np.float64)
    ratio = max(shape[0] / image.shape[0], shape[1] / image.shape[1])
    if ratio > 4:
        roots = [(n / m) ** 0.5 for n, m in zip(shape, image.shape, strict=True)]
        middle = [enlarged_size(m, r) for m, r in zip(image.shape, roots, strict=True)]
        image = _restored(image, (middle[0], middle[1]), model)
    return _restored(image, shape, model)


def _restored(
    image: NDArray[Any], shape: tuple[int, int], model: Model
) -> NDArray[np.float64]:
    base = resize(image, shape)
    x = torch.from_numpy(base - base.mean())[None, None]
    layers = list(model.network.layers)
    y = x
    for index, layer in enumerate(layers):
        edge = "replicate" if index == 0 else "constant"
        y = torch.nn.functional.pad(y if index == 0 else torch.relu(y), [1] * 4, edge)
        y = torch.nn.functional.conv2d(y, layer.weight.double())
    return base + y[0, 0].numpy()


@given(
    st.tuples(sizes, sizes),
    factors,
    tiles,
    st.sampled_from(REAL),
    st.sampled_from(available_devices()),
    st.integers(0, 99),
)
def test_any_tile_factor_dtype_and_device_equals_the_reference(
    model: Model,
    shape: tuple[int, int],
    factor: float,
    tile: int,
    dtype: str,
    device: str,
    seed: int,
) -> None:
    image = image_of(shape, dtype, seed)
    options: dict[str, Any] = {"device": device, "precision": "float32", "tile": tile}
    result = quietly(image, factor, model=model, **options)
    expected = reference(image, factor, model)
    assert result.dtype == image.dtype
    assert result.shape == expected.shape
    if image.dtype.kind != "f":
        limits = np.iinfo(dtype)
        expected = np.clip(expected, limits.min, limits.max)
    bound = error_bound(image) + (0.5 if image.dtype.kind != "f" else 0)
    assert np.abs(result.astype(np.float64) - expected).max() <= bound


@given(sizes, sizes, factors, tiles, st.sampled_from(REAL), st.integers(0, 99))
def test_tiled_equals_whole(
    model: Model, h: int, w: int, factor: float, tile: int, dtype: str, seed: int
) -> None:
    image = image_of((h, w), dtype, seed)
    whole = quietly(image, factor, model=model, device="cpu", tile=10_000)
    tiled = quietly(image, factor, model=model, device="cpu", tile=tile)
    difference = np.abs(tiled.astype(np.float64) - whole.astype(np.float64)).max()
    step = 1 if image.dtype.kind != "f" else 0
    assert difference <= error_bound(image) + step


@pytest.mark.parametrize("tile", [1, 2, 3])
def test_tiles_of_a_few_pixels_equal_the_whole(model: Model, tile: int) -> None:
    image = image_of((9, 7), "float32", 4)
    whole = upscale_array(image, 2, model=model, device="cpu")
    tiled = upscale_array(image, 2, model=model, device="cpu", tile=tile)
    np.testing.assert_allclose(tiled, whole, atol=4e-6 * np.ptp(image))


@pytest.mark.parametrize("shape", [(40, 37), (40, 37, 3)])
def test_a_region_is_that_part_of_the_whole(
    model: Model, shape: tuple[int, ...]
) -> None:
    image = image_of(shape, "float32", 5)
    upscaler = Upscaler(RunOptions(model, device="cpu", tile=30))
    whole = upscaler.region(image, (93, 120))
    part = upscaler.region(image, (93, 120), (slice(11, 64), slice(70, 120)))
    np.testing.assert_allclose(part, whole[11:64, 70:120], atol=4e-6 * np.ptp(image))


class OnePixelShort(Upscaler):
    """An upscaler whose halo is one pixel too small."""

    @property
    def halo(self) -> int:
        return super().halo - 1


def test_a_halo_one_pixel_smaller_is_not_enough(model: Model) -> None:
    image = image_of((60, 60), "float32", 6)
    shape = (120, 120)
    whole = Upscaler(RunOptions(model, device="cpu", tile=10_000)).region(image, shape)
    right = Upscaler(RunOptions(model, device="cpu", tile=20)).region(image, shape)
    short = OnePixelShort(RunOptions(model, device="cpu", tile=20)).region(image, shape)
    assert np.abs(right - whole).max() <= 4e-6 * np.ptp(image)
    assert np.abs(short - whole).max() > 1e-4 * np.ptp(image)


@given(
    st.floats(1e-3, 1e6),
    st.floats(-1e6, 1e6),
    factors,
    st.sampled_from(["float32", "float64"]),
)
def test_the_default_kind_of_model_follows_any_affine_change(
    model: Model, a: float, b: float, factor: float, dtype: str
) -> None:
    image = np.random.default_rng(7).random((13, 9))
    changed = (a * image + b).astype(dtype)
    direct = quietly(changed, factor, model=model, device="cpu", tile=16)
    after = a * quietly(image, factor, model=model, device="cpu", tile=16) + b
    # What the dtype itself loses of a small image on a large offset, and float32.
    lost = 40 * np.finfo(dtype).eps * (abs(a) + abs(b)) + 2e-5 * a
    assert np.abs(direct - after).max() <= lost


def test_doubling_an_image_doubles_the_result_to_the_last_bit(model: Model) -> None:
    image = np.random.default_rng(8).random((21, 17)).astype("float32")
    once = upscale_array(image, 2, model=model, device="cpu")
    for factor in (2.0**-100, 0.5, 2.0, 2.0**90):
        scaled = upscale_array(image * np.float32(factor), 2, model=model, device="cpu")
        np.testing.assert_array_equal(scaled, once * np.float32(factor))


@pytest.mark.parametrize("dtype", REAL)
def test_a_constant_stays_constant_at_the_ends_of_the_dtype(
    model: Model, dtype: str
) -> None:
    kind = np.dtype(dtype)
    limits: Any = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    for value in (limits.min, limits.max, kind.type(0)):
        image = np.full((5, 4), value, dtype)
        result = upscale_array(image, 2, model=model, device="cpu")
        np.testing.assert_array_equal(result, np.full((10, 8), value, dtype))


@pytest.mark.parametrize("dtype", REAL)
def test_overshoot_is_clipped_and_never_wrapped(model: Model, dtype: str) -> None:
    kind = np.dtype(dtype)
    limits: Any = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    image = np.full((12, 12), limits.min, dtype)
    image[:, 6:] = limits.max
    result = upscale_array(image, 2, model=model, device="cpu")
    assert np.isfinite(result.astype(np.float64)).all()
    middle = limits.max / 2 + limits.min / 2
    assert (result[:, :9] < middle).all()
    assert (result[:, 15:] > middle).all()


@pytest.mark.parametrize("factor", [2, 2.7, 5])
@given(st.integers(0, 10**6), st.floats(0.002, 0.6), tiles)
@settings(max_examples=8)
def test_nan_stays_where_the_kernel_touches_it_whatever_the_tiles(
    model: Model, factor: float, seed: int, share: float, tile: int
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.random((24, 31)).astype("float32")
    image[rng.random(image.shape) < share] = np.nan
    image[8:15, 3:12] = np.nan
    whole = quietly(image, factor, model=model, device="cpu", tile=10_000)
    tiled = quietly(image, factor, model=model, device="cpu", tile=tile)
    np.testing.assert_array_equal(np.isnan(tiled), np.isnan(whole))
    np.testing.assert_allclose(tiled, whole, atol=4e-5)
    if factor <= 4:
        down, across = (
            np.abs(resize(np.eye(old), (new, old))) > 1e-12
            for old, new in zip(image.shape, whole.shape, strict=True)
        )
        touched = down.astype(int) @ np.isnan(image) @ across.T.astype(int) > 0
        np.testing.assert_array_equal(np.isnan(whole), touched)


@pytest.mark.parametrize("factor", [2, 5.5, (7, 2)])
@given(st.integers(0, 10**6), st.floats(0.01, 0.3), tiles)
@settings(max_examples=8)
def test_gaps_in_one_colour_give_the_others_the_same_whatever_the_tiles(
    model: Model, factor: Any, seed: int, share: float, tile: int
) -> None:
    """The luminance, of which colours take their detail, has to be filled there."""
    rng = np.random.default_rng(seed)
    image = rng.random((20, 9, 3)).astype("float32")
    image[rng.random(image.shape) < share] = np.nan
    image[6:16, :, 0] = np.nan
    options: dict[str, Any] = {"model": model, "device": "cpu", "axes": "YXS"}
    whole = quietly(image, factor, tile=10_000, **options)
    tiled = quietly(image, factor, tile=tile, **options)
    np.testing.assert_array_equal(np.isnan(tiled), np.isnan(whole))
    np.testing.assert_allclose(tiled, whole, atol=4e-5)


def test_one_missing_pixel_costs_only_the_kernel(model: Model) -> None:
    image = np.random.default_rng(9).random((30, 30)).astype("float32")
    clean = upscale_array(image, 2, model=model, device="cpu")
    image[15, 15] = np.nan
    result = upscale_array(image, 2, model=model, device="cpu")
    lost = np.argwhere(np.isnan(result))
    assert lost.min(axis=0).tolist() == [27, 27]
    assert lost.max(axis=0).tolist() == [34, 34]
    far = np.ones(result.shape, bool)
    far[19:43, 19:43] = False
    np.testing.assert_allclose(result[far], clean[far], atol=1e-6)


def test_an_image_of_nothing_but_nan_stays_so(model: Model) -> None:
    image = np.full((6, 5), np.nan, "float32")
    assert np.isnan(upscale_array(image, 3, model=model, device="cpu")).all()

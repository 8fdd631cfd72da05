"""The mean of eight flips and turns, and how far they lie apart."""

from itertools import product
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_vdsr import upscale
from napari_vdsr.errors import InputError
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

RNG = np.random.default_rng(0)
IMAGE = RNG.random((24, 31), np.float32)
VIEWS = list(product([False, True], [1, -1], [1, -1]))


def view(image: NDArray[Any], turned: bool, down: int, across: int) -> NDArray[Any]:
    flipped = image[..., ::down, ::across]
    return np.ascontiguousarray(flipped.swapaxes(-1, -2) if turned else flipped)


def back(image: NDArray[Any], turned: bool, down: int, across: int) -> NDArray[Any]:
    straight = image.swapaxes(-1, -2) if turned else image
    return straight[..., ::down, ::across]


def eight(image: NDArray[Any], factor: float, model: Model) -> NDArray[np.float64]:
    """Give the results for all views, one by one."""
    results = [
        back(upscale(view(image, *each), factor, model=model, device="cpu"), *each)
        for each in VIEWS
    ]
    return np.array(results, np.float64)


@settings(max_examples=8)
@given(st.sampled_from([1.5, 2, 3, 4]), st.integers(5, 24), st.integers(5, 31))
def test_it_is_the_mean_of_eight_and_their_standard_deviation(
    model: Model, factor: float, height: int, width: int
) -> None:
    image = IMAGE[:height, :width]
    mean, spread = upscale(
        image, factor, model=model, device="cpu", ensemble=True, spread=True
    )
    results = eight(image, factor, model)
    assert (mean.dtype, spread.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(mean, results.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(spread, results.std(axis=0), atol=1e-6)
    assert spread.max() > 0.01, "else the network does not care how an image lies"


def test_tiles_views_and_intensities_change_nothing(model: Model) -> None:
    options: dict[str, Any] = {"model": model, "device": "cpu", "ensemble": True}
    whole, spread = upscale(IMAGE, 3, spread=True, **options)
    tiles = upscale(IMAGE, 3, spread=True, tile=32, **options)
    np.testing.assert_allclose(tiles, (whole, spread), atol=1e-6)
    scaled = upscale(IMAGE * 1000 + 500, 3, spread=True, **options)
    np.testing.assert_allclose(scaled[0], whole * 1000 + 500, atol=2e-3)
    np.testing.assert_allclose(scaled[1], spread * 1000, atol=2e-3)
    for each in VIEWS:
        np.testing.assert_allclose(
            back(upscale(view(IMAGE, *each), 3, **options), *each), whole, atol=1e-6
        )


def test_gaps_stay_gaps_in_both_images(model: Model) -> None:
    image = IMAGE.copy()
    image[3:6, 4] = np.nan
    options: dict[str, Any] = {"model": model, "device": "cpu"}
    plain = upscale(image, 2, **options)
    mean, spread = upscale(image, 2, ensemble=True, spread=True, **options)
    np.testing.assert_array_equal(np.isnan(mean), np.isnan(plain))
    np.testing.assert_array_equal(np.isnan(spread), np.isnan(plain))
    same, none = upscale(image, 1, ensemble=True, spread=True, **options)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(none, image * 0)


@pytest.mark.parametrize(
    ("dtype", "of_spread"),
    [("uint8", "float32"), ("uint16", "float32"), ("float64", "float64")],
)
def test_the_spread_keeps_the_unit_and_its_fractions(
    model: Model, dtype: str, of_spread: str
) -> None:
    image = (IMAGE * 200).astype(dtype)
    mean, spread = upscale(
        image, 2, model=model, device="cpu", ensemble=True, spread=True
    )
    fractions = image.astype(np.float32)
    _, exact = upscale(
        fractions, 2, model=model, device="cpu", ensemble=True, spread=True
    )
    assert (mean.dtype, spread.dtype) == (dtype, of_spread)
    np.testing.assert_allclose(spread, exact, atol=1e-3)
    assert (spread % 1 > 0.01).any()


@pytest.mark.parametrize("colours", [3, 4])
def test_colours_and_stacks_have_it_plane_by_plane(
    model: Model, colour_model: Model, colours: int
) -> None:
    stack = RNG.random((2, 9, 11, colours), np.float32)
    options: dict[str, Any] = {"device": "cpu", "ensemble": True, "spread": True}
    for each in (model, colour_model):
        both = upscale(stack, 2, model=each, rgb=True, **options)
        alone = upscale(stack[1], 2, model=each, rgb=True, **options)
        for image, plane in zip(both, alone, strict=True):
            assert image.shape == (2, 18, 22, colours)
            np.testing.assert_allclose(image[1], plane, atol=1e-6)
        if colours == 4:
            assert not both[1][..., 3].any(), "the network leaves alpha as it is"


def test_a_grey_image_has_the_spread_of_its_luminance(colour_model: Model) -> None:
    options: dict[str, Any] = {"model": colour_model, "device": "cpu"}
    _, spread = upscale(IMAGE, 2, ensemble=True, spread=True, **options)
    np.testing.assert_allclose(
        spread, eight(IMAGE, 2, colour_model).std(axis=0), atol=1e-6
    )


def test_lazy_arrays_and_tensors_give_the_same(model: Model) -> None:
    options: dict[str, Any] = {
        **{"model": model, "device": "cpu"},
        **{"ensemble": True, "spread": True},
    }
    eager = upscale(IMAGE, 2, **options)
    lazy = upscale(da.from_array(IMAGE, 11), 2, **options)
    assert [each.dtype for each in lazy] == ["float32", "float32"]
    np.testing.assert_allclose(da.compute(*lazy), eager, atol=1e-6)
    tensors = upscale(torch.from_numpy(IMAGE).bfloat16(), 2, **options)
    assert [each.dtype for each in tensors] == [torch.bfloat16, torch.float32]
    np.testing.assert_allclose(tensors[0].float(), eager[0], atol=0.02)


def test_any_engine_will_do(model: Model) -> None:
    engine = TorchEngine(model.network, torch.device("cpu"), torch.float32)
    upscaler = Upscaler(RunOptions(model, "cpu", ensemble=True), engine=engine)
    np.testing.assert_allclose(
        upscaler.region(IMAGE, (48, 62)),
        upscale(IMAGE, 2, model=model, device="cpu", ensemble=True),
        atol=1e-6,
    )


def test_a_spread_needs_an_ensemble(model: Model) -> None:
    with pytest.raises(InputError, match="ensemble=True"):
        upscale(IMAGE, 2, model=model, spread=True)

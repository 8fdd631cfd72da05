"""Source and result share their outer corners, whatever the transforms are."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image

from napari_vdsr.layers import plan_layer, result_layer
from napari_vdsr.layers.result import Provenance

# napari cannot show slices that are turned out of its axes, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

NUMBERS = st.floats(-3, 3).filter(lambda value: abs(value) > 0.05)


@st.composite
def layers(draw: st.DrawFn) -> Image:
    ndim = draw(st.integers(2, 5))
    rgb = draw(st.booleans())
    sizes = [draw(st.integers(1, 7)) for _ in range(ndim)]
    numbers = st.lists(NUMBERS, min_size=ndim, max_size=ndim)
    shears = ndim * (ndim - 1) // 2
    affine = np.eye(ndim + 1)
    affine[:ndim] += 0.2 * np.array(
        draw(st.lists(NUMBERS, min_size=ndim * (ndim + 1), max_size=ndim * (ndim + 1)))
    ).reshape(ndim, ndim + 1)
    # napari has to invert it to show the layer.
    affine[np.diag_indices(ndim)] += 3
    return Image(
        np.zeros((*sizes, 3) if rgb else sizes, np.uint8),
        rgb=rgb,
        scale=draw(numbers),
        translate=draw(numbers),
        rotate=_rotation(draw(st.floats(-180, 180)), ndim),
        shear=draw(st.lists(st.floats(-1, 1), min_size=shears, max_size=shears)),
        affine=affine,
    )


def _rotation(degrees: float, ndim: int) -> np.ndarray[Any, Any]:
    """A rotation that mixes all axes."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(ndim)
    for first in range(ndim - 1):
        turn = np.eye(ndim)
        turn[first : first + 2, first : first + 2] = [
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ]
        matrix = matrix @ turn
    return matrix


def corners(layer: Image, start: Any = None, stop: Any = None) -> np.ndarray[Any, Any]:
    """World positions of the outer corners of some pixels, by default of all."""
    start = [0] * layer.ndim if start is None else start
    stop = layer.data.shape[: layer.ndim] if stop is None else stop
    points = product(*[(a - 0.5, b - 0.5) for a, b in zip(start, stop, strict=True)])
    return np.array([layer.data_to_world(point) for point in points])


def enlarged(layer: Image, factor: Any, **options: Any) -> Image:
    plan = plan_layer(layer, factor, **options)
    pixels = np.zeros(plan.shape, plan.dtype)
    return result_layer(layer, plan, pixels, name="result", provenance=Provenance())


@given(layers(), st.tuples(st.floats(1, 8), st.floats(1, 8)))
@settings(max_examples=60, deadline=None)
def test_the_corners_agree_in_world_coordinates(
    layer: Image, factor: tuple[float, float]
) -> None:
    """Half-pixel shifts (napari#2778, #6320) and lost pixel sizes."""
    result = enlarged(layer, factor)
    assert np.abs(corners(result) - corners(layer)).max() < 1e-9


@given(layers(), st.sampled_from([2, 3, 4]), st.data())
@settings(max_examples=30, deadline=None)
def test_a_region_lies_where_it_was_taken(
    layer: Image, factor: int, data: st.DataObject
) -> None:
    sizes = layer.data.shape[: layer.ndim]
    start = [data.draw(st.integers(0, size - 1)) for size in sizes]
    stop = [
        data.draw(st.integers(low + 1, size))
        for low, size in zip(start, sizes, strict=True)
    ]
    region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    result = enlarged(layer, factor, region=region)
    assert np.abs(corners(result) - corners(layer, start, stop)).max() < 1e-9


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_level_of_a_multiscale_layer_gives_the_same_corners(level: int) -> None:
    levels = [np.zeros((2, size, size + 8), np.uint8) for size in (32, 16, 8)]
    layer = Image(levels, multiscale=True, scale=(1, 0.5, -0.5), translate=(3, 4, 5))
    result = enlarged(layer, 3, level=level)
    reference = Image(levels[0], scale=layer.scale, translate=layer.translate)
    assert result.data.shape[1] == 3 * levels[level].shape[1]
    assert np.abs(corners(result) - corners(reference)).max() < 1e-9


def test_a_target_pixel_size_counts_in_world_units() -> None:
    layer = Image(np.zeros((20, 30), np.uint8), scale=(0.2, 0.3))
    assert enlarged(layer, 2, pixel_size=0.1).data.shape == (40, 90)
    assert enlarged(layer, 2, pixel_size=0.1).scale.tolist() == pytest.approx(
        [0.1, 0.1]
    )


def test_an_affine_counts_for_the_pixel_size() -> None:
    layer = Image(np.zeros((20, 20), np.uint8), affine=np.diag([0.4, 0.4, 1]))
    assert enlarged(layer, 2, pixel_size=0.1).data.shape == (80, 80)


def test_unequal_pixels_become_equal_whatever_the_order_of_axes() -> None:
    """Z is left as it is: only Y and X are enlarged."""
    pixels = np.zeros((30, 4, 20), np.uint8)
    layer = Image(pixels, scale=(0.3, 2, 0.2), axis_labels=("x", "z", "y"))
    square = enlarged(layer, 2, pixel_size=0.1)
    assert square.data.shape == (90, 4, 40)
    assert square.scale.tolist() == pytest.approx([0.1, 2, 0.1])
    oblong = enlarged(layer, 2, pixel_size=(0.1, 0.15))  # Y, X
    assert oblong.data.shape == (60, 4, 40)
    assert oblong.scale.tolist() == pytest.approx([0.15, 2, 0.1])
    assert np.abs(corners(oblong) - corners(layer)).max() < 1e-9


def test_one_of_two_labels_is_not_enough() -> None:
    """Axes are told by both Y and X, or they are the last two."""
    pixels = np.zeros((10, 12, 14), np.uint8)
    for labels in (("y", "b", "c"), ("y", "y", "x"), ("time", "row", "column")):
        result = enlarged(Image(pixels, axis_labels=labels), 2)
        assert result.data.shape == (10, 24, 28)
    labelled = Image(pixels, axis_labels=("Y", "c", "X"))
    assert enlarged(labelled, 2).data.shape == (20, 12, 28)

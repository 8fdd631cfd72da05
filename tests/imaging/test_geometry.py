"""Sizes, factors and the words for wrong ones."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import (
    check_factor,
    enlarged_size,
    factor_for_pixel_size,
    pixel_centre_shift,
)


@given(st.integers(1, 10**6), st.floats(1, 8))
def test_the_outer_edges_stay_where_they_are(size: int, factor: float) -> None:
    new_size = enlarged_size(size, factor)
    used = new_size / size
    first = pixel_centre_shift(used)
    last = first + (new_size - 1) / used
    assert math.isclose(first - 0.5 / used, -0.5, abs_tol=1e-9)
    assert math.isclose(last + 0.5 / used, size - 0.5, rel_tol=1e-12, abs_tol=1e-9)
    assert abs(new_size - size * factor) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    "factor",
    [
        0,
        -2,
        0.99,
        8.01,
        math.nan,
        math.inf,
        "2",
        None,
        True,
        np.array(2.0),
        (2,),
        (2, 3, 4),
        (2, 0),
    ],
)
def test_a_wrong_factor_is_named(factor: Any) -> None:
    with pytest.raises(InputError, match="factor is"):
        check_factor(factor)


def test_one_factor_or_two_are_taken() -> None:
    assert check_factor(1.5) == (1.5, 1.5)
    assert check_factor((2, 3)) == (2.0, 3.0)


@pytest.mark.parametrize("target", [0, -0.1, math.nan, 0.21, 0.01, "x"])
def test_a_wrong_pixel_size_is_named(target: Any) -> None:
    with pytest.raises(InputError, match="pixel size is"):
        factor_for_pixel_size(target, (0.2, 0.2))


def test_a_target_pixel_size_asks_for_a_factor_on_each_axis() -> None:
    assert factor_for_pixel_size(0.1, (0.2, -0.4)) == pytest.approx((2, 4))
    # An eighth of a pixel and a whole one are allowed, however they are rounded.
    assert factor_for_pixel_size((0.7 / 8, 0.7), (0.7, 0.7)) == (8, 1)
    assert factor_for_pixel_size(0.1 * 3, (0.3, 2.4)) == pytest.approx((1, 8))

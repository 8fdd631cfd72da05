"""Filling gaps from their neighbours."""

import numpy as np
import pytest

from napari_vdsr.imaging.intensities import fill_gaps


def test_valid_pixels_stay_and_gaps_take_their_neighbours_mean() -> None:
    image = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0], [7.0, 8.0, 9.0]])
    filled, deep = fill_gaps(image, 1)
    assert not deep.any()
    assert filled[1, 1] == 5
    valid = ~np.isnan(image)
    assert np.array_equal(filled[valid], image[valid])


def test_what_lies_deeper_than_asked_becomes_zero() -> None:
    image = np.full((1, 9), np.nan)
    image[0, 0] = 4
    filled, deep = fill_gaps(image, 3)
    assert filled.tolist() == [[4, 4, 4, 4, 0, 0, 0, 0, 0]]
    assert deep.tolist() == [[False] * 4 + [True] * 5]


def test_a_window_fills_as_the_whole_does() -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(size=(60, 60))
    image[rng.random((60, 60)) < 0.7] = np.nan
    whole, _ = fill_gaps(image, 5)
    part, _ = fill_gaps(image[15:45, 15:45], 5)
    np.testing.assert_array_equal(part[5:-5, 5:-5], whole[20:40, 20:40])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_empty_image_stays_zero_and_keeps_its_dtype(dtype: str) -> None:
    filled, deep = fill_gaps(np.full((3, 4), np.nan, dtype), 9)
    assert filled.dtype == dtype
    assert not filled.any()
    assert deep.all()

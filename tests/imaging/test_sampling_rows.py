"""Sampling of instruments: against direct sums, for whole and for real factors."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.resample import SAMPLINGS, Sampling, sampling_rows

kinds = st.sampled_from(SAMPLINGS)


def sampled(values: np.ndarray, coarse: int, kind: Sampling) -> np.ndarray:
    rows = sampling_rows(len(values), coarse, kind)
    return np.asarray(rows.weights @ values[rows.source])


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_camera_collects_over_the_area_of_its_pixel(
    coarse: int, factor: int, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=coarse * factor)
    expected = values.reshape(coarse, factor).mean(1)
    np.testing.assert_allclose(sampled(values, coarse, "camera"), expected, atol=1e-12)


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_scanner_takes_the_two_pixels_at_the_centre(
    coarse: int, factor: int, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=2 * coarse * factor)
    first = 2 * factor * np.arange(coarse) + factor - 1
    expected = (values[first] + values[first + 1]) / 2
    np.testing.assert_allclose(sampled(values, coarse, "scanner"), expected, atol=1e-12)


@given(st.integers(1, 60), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_area_weights_are_the_shares_of_pixels_for_any_factor(
    coarse: int, more: int, seed: int
) -> None:
    size = coarse + more
    values = np.random.default_rng(seed).normal(size=size)
    total = np.concatenate([[0], np.cumsum(values)])
    edges = np.linspace(0, size, coarse + 1)
    # The integral of a piecewise constant function, at any edge.
    integral = np.interp(edges, np.arange(size + 1), total)
    expected = np.diff(integral) * coarse / size
    np.testing.assert_allclose(sampled(values, coarse, "camera"), expected, atol=1e-9)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_gaussian_is_what_scikit_image_does(factor: int) -> None:
    from skimage.transform import resize

    values = np.cos(np.arange(12 * factor) / factor)
    # A row repeated: what happens along the other axis changes nothing.
    image = np.tile(values, (48, 1))
    expected = resize(image, (48, 12), order=3, anti_aliasing=True, mode="symmetric")[9]
    found = sampled(values, 12, "gaussian")
    # Its spline of third order is not quite the cubic kernel of this package.
    np.testing.assert_allclose(found[2:-2], expected[2:-2], atol=0.01)


@given(kinds, st.integers(1, 60), st.integers(0, 200))
def test_rows_sum_to_one_and_mirror(kind: Sampling, coarse: int, more: int) -> None:
    size = coarse + more
    rows = sampling_rows(size, coarse, kind)
    matrix = np.zeros((coarse, size))
    matrix[:, rows.source] = rows.weights
    np.testing.assert_allclose(matrix.sum(1), 1)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-9)


@given(kinds, st.integers(8, 40), st.floats(1.5, 8))
def test_a_ramp_stays_a_ramp(kind: Sampling, coarse: int, factor: float) -> None:
    """Coarse pixels lie where their centres are, away from the mirrored borders."""
    size = 2 * round(coarse * factor)
    centres = (np.arange(coarse) + 0.5) * size / coarse - 0.5
    found = sampled(np.arange(float(size)), coarse, kind)
    inner = slice(3, -3)
    close = 1e-9 * size if kind == "scanner" else 0.1  # parts of pixels: nearly
    np.testing.assert_allclose(found[inner], centres[inner], atol=close)


@given(kinds, st.integers(1, 60), st.integers(0, 200), st.data())
def test_some_rows_are_those_of_all(
    kind: Sampling, coarse: int, more: int, data: st.DataObject
) -> None:
    size = coarse + more
    start = data.draw(st.integers(0, coarse - 1))
    stop = data.draw(st.integers(start + 1, coarse))
    whole, some = np.zeros((coarse, size)), np.zeros((stop - start, size))
    rows = sampling_rows(size, coarse, kind)
    whole[:, rows.source] = rows.weights
    rows = sampling_rows(size, coarse, kind, start, stop)
    some[:, rows.source] = rows.weights
    np.testing.assert_allclose(some, whole[start:stop], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", SAMPLINGS)
def test_rows_take_little_beside_their_matrix(
    kind: Sampling, memory_below: Callable[[float], AbstractContextManager[None]]
) -> None:
    """Those of a Gaussian took 660 MB for 256 pixels of 16 source pixels each."""
    matrix = 8 * 256 * 4096
    with memory_below(4 * matrix):
        sampling_rows(4096, 256, kind)


def test_what_cannot_be_sampled_is_refused() -> None:
    with pytest.raises(InputError, match="cannot sample 4 pixels as 5"):
        sampling_rows(4, 5, "camera")
    with pytest.raises(InputError, match="choose reduced, gaussian, camera, scanner"):
        sampling_rows(4, 2, "tape")  # type: ignore[arg-type]

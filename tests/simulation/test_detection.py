"""The physics of a simulated microscope, each part against a direct computation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.simulation.microscope import detected, sampled, through_optics
from napari_vdsr.simulation.scenes import PER_FINE

factors = st.integers(1, 8)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**32)


def light(shape: tuple[int, int], factor: int, seed: int) -> np.ndarray:
    y, x = (size * factor * PER_FINE for size in shape)
    return np.random.default_rng(seed).random((y, x))


@given(sizes, factors, seeds)
def test_a_camera_pixel_is_the_mean_of_the_finer_ones(
    shape: tuple[int, int], factor: int, seed: int
) -> None:
    source = light(shape, factor, seed)
    fine = sampled(source, (shape[0] * factor, shape[1] * factor), "camera")
    means = fine.reshape(shape[0], factor, shape[1], factor).mean((1, 3))
    np.testing.assert_allclose(sampled(source, shape, "camera"), means, rtol=1e-12)


@given(sizes, st.sampled_from((1, 3, 5, 7)), seeds)
def test_a_scanner_pixel_is_the_finer_one_at_its_centre(
    shape: tuple[int, int], factor: int, seed: int
) -> None:
    source = light(shape, factor, seed)
    fine = sampled(source, (shape[0] * factor, shape[1] * factor), "scanner")
    centres = fine[factor // 2 :: factor, factor // 2 :: factor]
    np.testing.assert_allclose(sampled(source, shape, "scanner"), centres, rtol=1e-12)


@given(sizes, st.sampled_from((2, 4, 6, 8)), seeds)
def test_between_finer_pixels_a_scanner_sees_by_the_same_spot(
    shape: tuple[int, int], factor: int, seed: int
) -> None:
    """The centre of a pixel is a corner of four finer ones when the factor is even."""
    source = light(shape, factor, seed)
    y, x = (np.arange(size) * factor * PER_FINE + factor - 1 for size in shape)
    around = [source[np.ix_(y + dy, x + dx)] for dy in (0, 1) for dx in (0, 1)]
    expected = np.mean(around, axis=0)
    np.testing.assert_allclose(sampled(source, shape, "scanner"), expected, rtol=1e-12)


@pytest.mark.parametrize("defocus", [0.0, 1.5, -1.5])
def test_a_point_becomes_a_gaussian_wider_and_dimmer_out_of_focus(
    defocus: float,
) -> None:
    point = np.zeros((128, 128))
    point[64, 64] = 1
    spot = through_optics(point, 3.0, defocus)
    spread = 1 + (defocus / 1.5) ** 2
    variance = spread * (3.0 * PER_FINE) ** 2
    distance = (np.indices(spot.shape) - 64) ** 2
    expected = np.exp(-distance.sum(0) / 2 / variance) / (2 * np.pi * variance)
    np.testing.assert_allclose(spot, expected / spread, atol=2e-3 * spot.max())
    assert spot.sum() == pytest.approx(1 / spread)


@pytest.mark.parametrize(("photons", "read_noise"), [(20, 0), (20, 3), (5000, 10)])
@pytest.mark.parametrize("brightness", [0.0, 0.1, 1.0])
def test_the_noise_is_that_of_photons_and_of_reading(
    photons: float, read_noise: float, brightness: float
) -> None:
    rng = np.random.default_rng(0)
    flat = np.full((400, 400), brightness)
    electrons = detected(flat, photons, read_noise, rng) * photons
    signal = photons * brightness
    variance = signal + read_noise**2
    assert electrons.mean() == pytest.approx(signal, abs=5 * math.sqrt(variance) / 400)
    assert electrons.var() == pytest.approx(variance, rel=0.03)
    both = electrons - electrons.mean()
    neighbours = np.mean(both[1:] * both[:-1])
    assert abs(neighbours) <= 0.02 * variance

"""PSNR, SSIM and MATLAB's imresize against their published definitions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from similar import ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_vdsr.evaluation.psnr import psnr
from napari_vdsr.imaging.resample import resize, resize_rows

# --- Known answers of the definitions -------------------------------------------------


@pytest.mark.parametrize(
    ("error", "decibels"),
    # 10 lg(255² / error²): one grey level is 48.13 dB, all of the range 0 dB.
    [(1, 48.130803608679074), (16, 24.0484042), (255, 0.0)],
)
def test_psnr_of_a_constant_error(error: int, decibels: float) -> None:
    dark = np.zeros((20, 30), np.uint8)
    assert psnr(dark, dark + np.uint8(error)).mean == pytest.approx(decibels, abs=1e-6)


def test_ssim_of_two_flat_images_is_their_luminance_term() -> None:
    # Wang et al. (2004), equation 6 with C1 = (0.01 · 255)²: nothing varies.
    a, b, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    flat = np.full((20, 30), 100, np.uint8)
    found = ssim(flat, flat + np.uint8(50))
    assert found == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_scikit_image_agrees(seed: int, noise: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 256, (24, 31)).astype(np.uint8)
    image = np.clip(truth + rng.normal(0, noise, truth.shape), 0, 255).astype(np.uint8)
    expected = peak_signal_noise_ratio(truth, image, data_range=255)
    assert psnr(truth, image, data_range=255).mean == pytest.approx(expected, abs=1e-9)
    similarity = structural_similarity(
        truth.astype(float),
        image.astype(float),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    found = ssim(truth, image, data_range=255)
    assert found == pytest.approx(similarity, abs=1e-9)


# --- imresize, in exact fractions -----------------------------------------------------


def keys(x: Fraction) -> Fraction:
    """The cubic convolution kernel of Keys (1981) with a = -1/2."""
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x < 2:
        return -Fraction(1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def imresize_row(size: int, new_size: int, index: int) -> list[float]:
    """Weights of one output pixel as MATLAB's documentation of imresize tells them.

    The kernel is widened when the image gets smaller (antialiasing), the weights sum to
    one, and beyond its border the image is mirrored with the border pixel repeated.
    """
    scale = Fraction(new_size, size)
    shrink = min(scale, Fraction(1))
    centre = (index + Fraction(1, 2)) / scale - Fraction(1, 2)
    reach = int(2 / shrink) + 2
    weights = [Fraction(0)] * size
    for place in range(int(centre) - reach, int(centre) + reach + 1):
        mirrored = place % (2 * size)
        mirrored = min(mirrored, 2 * size - 1 - mirrored)
        weights[mirrored] += keys((centre - place) * shrink)
    return [float(weight / sum(weights)) for weight in weights]


@given(st.integers(1, 30), st.integers(1, 60), st.data())
def test_imresize_to_any_size(size: int, new_size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, new_size - 1))
    rows = resize_rows(size, new_size, index, index + 1)
    found = np.zeros(size)
    found[rows.source] = rows.weights[0]
    np.testing.assert_allclose(found, imresize_row(size, new_size, index), atol=1e-12)


@pytest.mark.parametrize(
    ("factor", "pulse"),
    [
        (2, np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 128),
        (3, np.array([-1, -2, 0, 9, 21, 27, 21, 9, 0, -2, -1]) / 27),
    ],
)
def test_a_pulse_enlarged_by_imresize(factor: int, pulse: NDArray[np.float64]) -> None:
    image = np.zeros((1, 20))
    image[0, 10] = 1
    row = resize(image, (1, 20 * factor))[0]
    middle = 10 * factor + factor // 2
    first = middle - len(pulse) // 2
    np.testing.assert_allclose(row[first : first + len(pulse)], pulse, atol=1e-12)
    assert np.count_nonzero(np.abs(row) > 1e-12) == np.count_nonzero(pulse)

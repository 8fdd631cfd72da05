"""The noise estimate, on noise that was put there."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter
from skimage import data

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.noise import NoiseEstimate, estimate_noise

TEXTURES = {
    "camera": data.camera(),
    "cell": data.cell(),
    "coins": data.coins(),
    "moon": data.moon(),
    "page": data.page(),
    "retina": data.retina()[..., 1],
    "tissue": data.immunohistochemistry()[..., 1],
}
# Photons at white, and read noise relative to the range.
STRENGTHS = {
    "strong": (40, 0.01),
    "middle": (200, 0.01),
    "read noise alone": (math.inf, 0.04),
}


def with_noise(
    image: NDArray[Any], photons: float, read: float, correlation: float = 0.0
) -> tuple[NDArray[np.float64], float, float]:
    """An image with noise, its gain and its read noise."""
    clean = image.astype(float)
    span = np.ptp(clean)
    white = np.random.default_rng(0).normal(size=clean.shape)
    if correlation:
        side = (1 - math.sqrt(1 - 4 * correlation**2)) / (2 * correlation)
        for axis in (0, 1):
            white = convolve1d(white, [side, 1, 0], axis=axis, mode="wrap")
        white /= white.std()
    gain, read = span / photons, read * span
    sigma = np.sqrt((clean - clean.min()) * gain + read**2)
    return clean + sigma * white, gain, read


def true_sigma(
    estimate: NoiseEstimate, image: NDArray[Any], gain: float, read: float
) -> float:
    mid = (estimate.offset + estimate.white) / 2
    return math.sqrt((mid - float(image.min())) * gain + read**2)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", TEXTURES)
def test_what_is_sure_is_right_on_real_textures(name: str, strength: str) -> None:
    image = TEXTURES[name]
    noisy, gain, read = with_noise(image, *STRENGTHS[strength])
    found = estimate_noise(noisy)
    if found.sure:
        truth = true_sigma(found, image, gain, read)
        assert found.sigma == pytest.approx(truth, rel=0.2)
        assert abs(found.gain - gain) < 0.3 * gain + 2 * found.gain_error
    else:
        # What is not sure is rather too large.
        assert found.sigma > 0.8 * true_sigma(found, image, gain, read)


def test_most_noisy_images_are_sure() -> None:
    sure = [
        estimate_noise(with_noise(image, *strength)[0]).sure
        for image in TEXTURES.values()
        for strength in STRENGTHS.values()
    ]
    assert sum(sure) > 0.6 * len(sure)


def test_gain_read_noise_and_offset_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    signal = gaussian_filter(rng.normal(size=(512, 512)), 12)
    signal = 2000 * (signal - signal.min()) / np.ptp(signal)
    noisy = 100 + 5 * rng.poisson(signal / 5) + rng.normal(0, 20, signal.shape)
    found = estimate_noise(noisy.round().astype("uint16"))
    assert found.sure
    assert found.gain == pytest.approx(5, rel=0.15)
    dark = found.offset - 100
    assert found.read_noise == pytest.approx(math.sqrt(400 + 5 * dark), rel=0.2)
    assert found.electrons_at_white == pytest.approx(
        (found.white - found.offset) / 5, rel=0.15
    )


@pytest.mark.parametrize("name", ["camera", "cell", "coins"])
@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.2])
def test_correlated_noise_is_not_taken_for_less(name: str, correlation: float) -> None:
    image = TEXTURES[name]
    noisy, gain, read = with_noise(image, 100, 0.01, correlation)
    found = estimate_noise(noisy)
    assert found.correlation == pytest.approx((correlation,) * 2, abs=0.05)
    truth = true_sigma(found, image, gain, read)
    assert found.sigma == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("name", ["brick", "grass", "gravel", "text"])
def test_texture_without_noise_is_not_sure(name: str) -> None:
    found = estimate_noise(getattr(data, name)())
    assert not found.sure
    assert all(found.doubts)


def test_noise_below_the_steps_of_the_values_is_not_sure() -> None:
    slope = np.linspace(0, 200, 256) * np.ones((256, 1))
    found = estimate_noise(slope.astype("uint8"))
    assert not found.sure
    assert found.sigma < 1


def test_one_brightness_tells_the_noise_and_not_the_gain() -> None:
    plane = np.random.default_rng(0).normal(1000, 30, (256, 256))
    found = estimate_noise(plane)
    assert found.sigma == pytest.approx(30, rel=0.1)
    assert found.electrons_at_white is None


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((64, 64)),
        np.full((64, 64), np.nan),
        np.arange(500.0)[None],
        np.full((64, 64), 65535, "uint16"),
        np.kron(np.eye(2, dtype=int), np.ones((64, 64), int)),
        np.zeros((64, 64), bool),
        np.zeros((4, 64, 64)),
    ],
)
def test_planes_without_noise_to_see_are_refused(plane: NDArray[Any]) -> None:
    with pytest.raises(InputError, match=r"\w+"):
        estimate_noise(plane)


def test_parts_that_are_missing_or_clipped_are_passed_over() -> None:
    image = gaussian_filter(TEXTURES["camera"].astype(float), 2)
    noisy, gain, read = with_noise(image, 60, 0.02)
    noisy[:90] = np.nan
    noisy = np.clip(noisy, None, np.nanquantile(noisy, 0.9))
    found = estimate_noise(noisy)
    truth = true_sigma(found, image, gain, read)
    assert found.sigma == pytest.approx(truth, rel=0.2)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e4, 1e4),
    photons=st.floats(10, 500),
)
def test_the_estimate_follows_the_scale_of_the_image(
    scale: float, offset: float, photons: float
) -> None:
    noisy, _, _ = with_noise(TEXTURES["coins"], photons, 0.01)
    one, other = estimate_noise(noisy), estimate_noise(scale * noisy + offset)
    assert other.sigma == pytest.approx(scale * one.sigma, rel=1e-3)
    assert other.gain == pytest.approx(scale * one.gain, rel=1e-2, abs=1e-3 * scale)
    assert other.share == pytest.approx(one.share, rel=1e-3)
    assert other.doubts == one.doubts


@pytest.mark.parametrize("scale", [1e300, 1e160, 1e-170, 1e-300])
def test_values_whose_squares_have_no_number_are_measured(scale: float) -> None:
    noisy, _, _ = with_noise(TEXTURES["coins"], 100, 0.01)
    one, other = estimate_noise(noisy), estimate_noise(scale * noisy)
    for name in ("sigma", "gain", "read_noise", "offset", "white"):
        expected = scale * getattr(one, name)
        assert getattr(other, name) == pytest.approx(expected, rel=1e-6, abs=0)
    assert other.share == pytest.approx(one.share)
    assert other.doubts == one.doubts


def test_integers_that_float64_cannot_tell_apart_are_refused() -> None:
    far = with_noise(TEXTURES["coins"], 100, 0.01)[0].astype("int64") + 2**62
    with pytest.raises(InputError, match=rf"take {far.min()} from all"):
        estimate_noise(far)


def test_the_estimate_is_plain_values_for_json() -> None:
    found = estimate_noise(with_noise(TEXTURES["camera"], 40, 0.01)[0])
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["gain"] == found.gain
    assert values["electrons_at_white"] == found.electrons_at_white
    assert values["sure"] is True

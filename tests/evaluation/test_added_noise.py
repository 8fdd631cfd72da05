"""Noise by a level that a microscopist can state."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.acquisition import add_shot_noise, check_noise, noise_level

levels = st.floats(50, 20_000)


@pytest.mark.parametrize(("name", "sigma"), [("weak", 2), ("strong", 6)])
def test_words_stand_for_grey_levels_at_mid_grey(name: str, sigma: float) -> None:
    electrons: Any = check_noise(name)
    grey = np.full((400, 400), 127.5)
    noisy = add_shot_noise(grey, electrons, (0, 255), seed=0)
    assert noisy.std() == pytest.approx(sigma, rel=0.02)
    assert noisy.mean() == pytest.approx(127.5, abs=0.1)


@given(levels, st.floats(0.05, 1), st.floats(-1e3, 1e3), st.floats(0.1, 1e4))
def test_noise_grows_with_the_root_of_the_light(
    electrons: float, part: float, black: float, span: float
) -> None:
    image = np.full((100, 100), black + part * span)
    noisy = add_shot_noise(image, electrons, (black, black + span), seed=1)
    expected = span * math.sqrt(part / electrons)
    assert np.isclose((noisy - image).std(), expected, rtol=0.1)


def test_below_black_there_is_no_light() -> None:
    dark = np.full((4, 4), -3.0)
    np.testing.assert_array_equal(add_shot_noise(dark, 100, (0, 255), seed=0), 0)


@settings(max_examples=15)
@given(st.floats(200, 20_000), st.booleans())
def test_added_noise_is_estimated(electrons: float, rgb: bool) -> None:
    y, x = np.mgrid[:240, :260]
    smooth = 120 + 60 * np.sin(y / 20) * np.cos(x / 25)
    image = np.repeat(smooth[..., None], 3, axis=-1) if rgb else smooth
    noisy = add_shot_noise(image, electrons, (0, 255), seed=2)
    assert noise_level(noisy, (0, 255)) == pytest.approx(electrons, rel=0.25)


def test_texture_is_not_taken_for_noise() -> None:
    """Where some part is flat the noise is found there, whatever lies beside it."""
    random = np.random.default_rng(3)
    image = np.full((320, 320), 60.0)
    image[:, 100:] += np.linspace(0, 120, 220)
    image[:220] += random.normal(0, 25, (220, 320))
    noisy = add_shot_noise(image.clip(0, 255), 2000, (0, 255), seed=4)
    assert noise_level(noisy, (0, 255)) == pytest.approx(2000, rel=0.4)


def test_noise_that_is_none_is_not_added() -> None:
    """A smooth image in floats, of which only rounding errors vary."""
    y, x = np.mgrid[:96, :96]
    smooth = 0.5 + 0.4 * np.sin(y / 30) * np.cos(x / 35)
    level = noise_level(smooth, (0, 1))
    add_shot_noise(smooth, level or 1e12, (0, 1), seed=0)
    assert level is None or level > 1e6


def test_noise_that_cannot_be_told_has_to_be_stated() -> None:
    image = np.random.default_rng(0).random((12, 40))
    with pytest.raises(InputError, match=r"cannot be estimated: .* electrons at white"):
        noise_level(image, (0, 1))


@pytest.mark.parametrize("value", [0, 7])
def test_an_image_without_noise_has_none(value: int) -> None:
    assert noise_level(np.full((20, 20), value, "uint8"), (0, 255)) is None


@pytest.mark.parametrize("none", [None, 0, 0.0])
def test_no_noise_is_no_noise(none: Any) -> None:
    assert check_noise(none) is None


@pytest.mark.parametrize(
    "wrong", [-1, math.nan, math.inf, 1e13, "loud", "900 e", True, [900]]
)
def test_a_level_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="one of weak, strong, estimated"):
        check_noise(wrong)

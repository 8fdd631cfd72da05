"""An enlarged image, reduced again, against its source."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.consistency import consistency
from napari_vdsr.imaging.resample import resize


def test_an_image_reduced_by_the_forward_model_is_consistent(
    photograph: NDArray[Any],
) -> None:
    low = resize(photograph, (30, 36))
    report = consistency(low, photograph, 2)
    np.testing.assert_allclose(report.difference, 0, atol=1e-9)
    assert report.rms < 1e-9


def test_the_map_shows_where_the_result_departs_from_its_source(
    photograph: NDArray[Any],
) -> None:
    low = resize(photograph, (20, 24))
    high = photograph.astype(float)
    high[27:33, 36:42] += 50
    report = consistency(low, high)
    y, x = np.unravel_index(np.argmax(report.difference), report.difference.shape)
    assert (y, x) in {(9, 12), (9, 13), (10, 12), (10, 13)}
    assert report.largest == pytest.approx(report.difference.max())
    assert report.bias == pytest.approx(50 * 36 / photograph.size, rel=1e-6)


def test_a_dark_part_of_an_image_brings_no_warning(photograph: NDArray[Any]) -> None:
    """Its range is not asked for: previews measure the dark corner of an image."""
    low = photograph[:20, :24] / 255 / 30
    report = consistency(low, np.kron(low, np.ones((2, 2))))
    assert report.data_range.value == 1


def test_a_brighter_result_shows_as_bias() -> None:
    report = consistency(np.full((8, 8), 10.0), np.full((16, 16), 12.0))
    assert report.bias == pytest.approx(2)
    assert report.rms == pytest.approx(2)


def test_any_factor_stacks_and_colours_are_taken(ramp: NDArray[Any]) -> None:
    low = np.stack([ramp, ramp])
    high = np.repeat(np.repeat(low, 2, axis=1), 2, axis=2)[:, :36, :45]
    report = consistency(low, high, 1.5, rgb=True)
    assert report.difference.shape == low.shape


def test_it_is_never_called_a_psnr(photograph: NDArray[Any]) -> None:
    report = consistency(photograph, np.kron(photograph, np.ones((2, 2))))
    words = report.to_text() + json.dumps(report.to_json(), allow_nan=False)
    assert "psnr" not in words.lower()
    assert "db" not in words.lower().replace('"', " ").split()
    assert "not that its new detail is true" in words


def test_nan_stays_where_it_is(photograph: NDArray[Any]) -> None:
    high = photograph.astype(float)
    high[0, 0] = np.nan
    report = consistency(resize(photograph, (30, 36)), high)
    assert np.isnan(report.difference[0, 0])
    assert report.rms < 1e-9


@pytest.mark.parametrize(
    ("low", "high", "factor", "words"),
    [
        ((8, 8), (16, 16), 3, "makes 24 x 24 pixels"),
        ((8, 8), (4, 4), None, "larger"),
        ((2, 8, 8), (3, 16, 16), None, "only Y and X"),
        ((8, 8), (2, 16, 16), None, "only Y and X"),
        ((8, 8), (16, 16), 0.5, "factor"),
    ],
)
def test_what_is_no_enlargement_is_refused(
    low: tuple[int, ...], high: tuple[int, ...], factor: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        consistency(np.zeros(low), np.zeros(high), factor)


def test_alpha_is_no_intensity(photograph: NDArray[Any]) -> None:
    """It counted as a colour without difference, and its range as that of the image."""
    rng = np.random.default_rng(1)
    low = rng.integers(0, 4000, (12, 14, 4)).astype(np.uint16)
    low[..., 3] = 65535
    high = np.kron(low, np.ones((2, 2, 1))).astype(np.uint16)
    high[:, ::2, :3] += 100
    report = consistency(low, high, rgb=True)
    without = consistency(low[..., :3], high[..., :3], rgb=True)
    assert report.data_range == without.data_range
    assert report.data_range.value < 4000
    assert (report.rms, report.relative) == (without.rms, without.relative)
    np.testing.assert_array_equal(report.difference, without.difference)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_large_integers_are_compared_as_small_ones(dtype: str) -> None:
    """Above 2^53 the figures were those of float64's rounding."""
    small = np.random.default_rng(2).integers(0, 4000, (10, 11))
    enlarged = np.kron(small, np.ones((2, 2), np.int64)) + np.arange(22) % 3
    expected = consistency(small, enlarged)
    offset = np.array(np.iinfo(dtype).max - 5000, dtype)
    large = small.astype(dtype) + offset, enlarged.astype(dtype) + offset
    report = consistency(*large)
    np.testing.assert_allclose(report.difference, expected.difference, atol=1e-9)


def test_an_image_without_values_is_refused(photograph: NDArray[Any]) -> None:
    """Its figures were NaN, with a warning of numpy."""
    with pytest.raises(InputError, match="no pixel of the source has a value in the"):
        consistency(resize(photograph, (30, 36)), np.full(photograph.shape, np.nan))

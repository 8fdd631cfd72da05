"""The data range follows the data, and says why."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.evaluation.data_range import range_of
from napari_vdsr.evaluation.psnr import psnr

within_one = hnp.arrays(
    st.sampled_from(["float32", "float64"]), (4, 5), elements=st.floats(0, 1, width=32)
)


def test_the_range_of_8_bits_is_255_however_little_of_it_is_used() -> None:
    assert range_of(np.array([3, 9], "uint8")).value == 255


@pytest.mark.filterwarnings("ignore:no value is above")  # faint ones are told of
@given(within_one)
def test_the_range_of_floats_within_0_and_1_is_1(image: NDArray[Any]) -> None:
    found = range_of(image)
    assert found.value == 1
    assert "within [0, 1]" in found.reason


def test_other_data_span_their_own_range() -> None:
    found = range_of(np.array([[100, 4095]], "uint16"))
    assert found.value == 3995
    assert "100 to 4095" in found.reason
    assert range_of(np.array([-2.0, 0.5])).value == 2.5


def test_12_bit_counts_in_16_bits_gain_nothing_from_the_dtype() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4096, (64, 64)).astype("uint16")
    other = rng.integers(0, 4096, (64, 64)).astype("uint16")
    honest = psnr(counts, other).mean
    with pytest.warns(VdsrWarning, match="24.0"):
        flattered = psnr(counts, other, data_range=65535).mean
    assert flattered - honest > 24


@pytest.mark.filterwarnings("ignore:the reference's values lie")
@pytest.mark.filterwarnings("ignore:no value is above")  # faint ones are told, too
@given(within_one, within_one)
def test_values_within_0_and_1_are_scored_with_255_only_if_asked_and_then_warned(
    a: NDArray[Any], b: NDArray[Any]
) -> None:
    if (a == b).all():
        return
    honest = psnr(a, b)
    assert honest.data_range.value == 1
    with pytest.warns(VdsrWarning, match=r"changes the PSNR by \+48\.13 dB"):
        course = psnr(a, b, data_range=255)
    assert course.mean - honest.mean == pytest.approx(48.13, abs=0.01)
    assert course.data_range.reason == "given by the caller"


def test_a_range_smaller_than_the_data_is_warned_of() -> None:
    a = np.array([[0, 255], [255, 0]], "uint8")
    with pytest.warns(VdsrWarning, match=r"1 is less than the reference spans"):
        psnr(a, a[::-1], data_range=1)


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (np.array([[0, 12]], "uint8"), 255),
        (np.array([[0.0, 0.01]]), 1),
        (np.array([[0, 3000]], "uint16"), 4095),
        (np.array([[5, 5]], "int32"), 100),
    ],
)
def test_a_range_that_fits_is_not_warned_of(image: NDArray[Any], value: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert psnr(image, image, data_range=value).data_range.value == value


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_range_that_is_no_range_is_refused(value: float) -> None:
    image = np.zeros((3, 3), "uint8")
    with pytest.raises(InputError, match="data_range"):
        psnr(image, image, data_range=value)


def test_nan_does_not_hide_the_range() -> None:
    assert range_of(np.array([np.nan, 0.2, 0.4])).value == 1

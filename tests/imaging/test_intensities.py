"""What dtypes hold and how results come back into them."""

from typing import Any

import numpy as np
import pytest
import torch

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.imaging.intensities import (
    check_dtype,
    into_dtype,
    natural_range,
    work_dtype,
)

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


@pytest.mark.parametrize("dtype", [bool, complex, object, "U3", "datetime64[s]"])
def test_what_is_no_intensity_is_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="cannot be enlarged"):
        check_dtype(dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_rounded_and_saturate(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = torch.tensor([-1e30, 0.49, 1.51, 41.5, 42.5, 1e30], dtype=torch.float64)
    result = into_dtype(values, np.dtype(dtype)).numpy()
    assert result.dtype == dtype
    assert result.tolist() == [limits.min, 0, 2, 42, 42, limits.max]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_stay_finite_and_keep_nan(dtype: str) -> None:
    values = torch.tensor([1e308, -1e308, torch.nan, 0.5], dtype=torch.float64)
    result = into_dtype(values, np.dtype(dtype)).numpy()
    assert np.isfinite(result[:2]).all()
    assert np.isnan(result[2])
    assert result[3] == 0.5


@pytest.mark.parametrize("dtype", INTEGERS)
def test_the_work_precision_holds_every_value_of_narrow_integers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    work = work_dtype(np.dtype(dtype))
    if limits.bits <= 16:
        assert work is torch.float32
        assert int(torch.tensor(limits.max, dtype=work)) == limits.max
    else:
        assert work is torch.float64


def test_floats_that_use_next_to_nothing_of_their_range_are_told_of() -> None:
    image = np.linspace(0, 1e-3, 12).reshape(3, 4)
    with pytest.warns(VdsrWarning, match=r"no value is above 0.001, .* intensity_ra"):
        assert natural_range(image) == (0, 1)
    assert natural_range(image * 100) == (0, 1)
    assert natural_range(image * 0) == (0, 1)  # of black nothing is lost


def test_the_natural_range_is_known_or_asked_for() -> None:
    assert natural_range(np.zeros(3, "uint8")) == (0, 255)
    assert natural_range(np.array([0.2, np.nan, 1.0])) == (0, 1)
    for image in (np.zeros(3, "uint16"), np.array([0.0, 1.1]), np.array([-0.1])):
        with pytest.raises(InputError, match="intensity_range="):
            natural_range(image)

"""Between host and device: everything arrives, and nothing is waited for."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch_modes import Journal

from napari_vdsr.imaging.intensities import into_dtype, work_dtype
from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.transfer import Download, uploaded
from napari_vdsr.inference.window import restore_window
from napari_vdsr.network import VDSR

CPU = torch.device("cpu")
DTYPES = ["u1", "i1", ">u2", "<i2", ">u4", "<i4", "<u8", ">i8", "f2", ">f4", "f8", "?"]


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=3))
    ),
    st.booleans(),
)
def test_any_layout_and_byte_order_arrives(image: Any, backwards: bool) -> None:
    view = (image[::-1] if backwards else image).T
    view.setflags(write=False)
    values = uploaded(view, CPU, torch.float64)
    assert values.is_contiguous()
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(Download(values).array(), view.astype("f8"))


def test_the_source_may_change_meanwhile() -> None:
    image = np.ones((3, 4), np.float32)
    values = uploaded(image, CPU, torch.float32)
    image[:] = 2
    assert (values == 1).all()


# The host would wait for the answer, or bring numbers.
WAITING = ("_local_scalar_dense", "index", "nonzero", "equal", "lift_fresh")


def test_the_journal_notes_what_waits() -> None:
    with Journal(*WAITING) as journal:
        ones = torch.ones(3)
        ones[ones > 0].sum().item()
        torch.tensor([1.0, 2.0])
    assert journal.noted == ["index", "_local_scalar_dense", "lift_fresh"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 4)])
@pytest.mark.parametrize("gaps", [False, True])
def test_nothing_between_upload_and_download_is_waited_for(
    dtype: str, shape: tuple[int, ...], gaps: bool
) -> None:
    # A device runs the same operations, whose order shows on the CPU already.
    kind = np.dtype(dtype)
    image = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    if gaps and kind.kind == "f":
        image[4, 5] = np.nan
    work = work_dtype(kind)
    weights = [
        uploaded(resize_rows(n, 2 * n, 0, 2 * n).weights, CPU, work) for n in shape[:2]
    ]
    engine = TorchEngine(VDSR(3, features=4).requires_grad_(False), CPU, torch.bfloat16)
    with Journal(*WAITING) as journal:
        (values,), _ = restore_window(
            image, (weights[0], weights[1]), engine, None, rings=4
        )
        result = into_dtype(values, kind)
    assert journal.noted == []
    assert result.shape[1:] == (24, 20)

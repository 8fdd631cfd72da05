"""An enlarged array is sliced like any other, and computes no more than that."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_vdsr
from napari_vdsr.imaging.geometry import Axes, plan_enlargement
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network.stack import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(VDSR(depth=2, features=4), "tiny")


@pytest.mark.parametrize("axes", ["YX", "XY", "ZYX", "YZX", "YXS", "SYX", "TYSX"])
def test_any_slice_is_that_slice_of_the_whole(axes: str, model: Model) -> None:
    sizes = {"Y": 9, "X": 7, "S": 3, "Z": 2, "T": 3}
    image = RNG.random([sizes[axis] for axis in axes])
    whole = napari_vdsr.upscale(image, 2, model=model, device="cpu", axes=axes)
    plan = plan_enlargement(image.shape, 2, axes=axes)
    upscaler = Upscaler(RunOptions(model, device="cpu"))

    @given(st.data())
    @settings(max_examples=10)
    def check(data: st.DataObject) -> None:
        order = tuple(data.draw(st.permutations(range(image.ndim))))
        shape = [whole.shape[axis] for axis in order]
        wanted = [some_slice(data, size) for size in shape]
        key = tuple(
            data.draw(st.sampled_from([part, part.start]))
            for part in (some_slice(data, one.stop - one.start) for one in wanted)
        )[: data.draw(st.integers(0, image.ndim))]
        enlarged = EnlargedArray(
            image, plan.axes, plan.plane_shape, upscaler, order=order, wanted=wanted
        )
        expected = whole.transpose(order)[tuple(wanted)]
        assert (enlarged.shape, enlarged.dtype) == (expected.shape, expected.dtype)
        colours = expected.shape[order.index(axes.index("S"))] if "S" in axes else 1
        assert enlarged.pixels == expected.size // colours
        np.testing.assert_allclose(enlarged[key], expected[key], atol=1e-6)

    check()


def some_slice(data: st.DataObject, size: int) -> slice:
    start = data.draw(st.integers(0, size - 1))
    return slice(start, data.draw(st.integers(start + 1, size)))


class Counted:
    """An array that notes how many pixels are read of it."""

    shape, dtype = (4, 200, 300), np.dtype(np.uint16)

    def __init__(self) -> None:
        self.read = 0

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        pixels = np.broadcast_to(np.uint16(7), self.shape)[key]
        self.read += pixels.size
        return pixels


def test_only_what_a_region_needs_is_read(model: Model) -> None:
    source = Counted()
    axes = Axes(1, 2, None)
    upscaler = Upscaler(RunOptions(model, device="cpu"))
    enlarged = EnlargedArray(source, axes, (400, 600), upscaler)
    assert enlarged.shape == (4, 400, 600)
    assert source.read == 0
    part = enlarged[2, 100:140, 200:260]
    assert (part == 7).all()
    assert part.shape == (40, 60)
    assert source.read <= 40 * 50

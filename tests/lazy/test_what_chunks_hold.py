"""Chunks are what their array says, and named dimensions mean what they say."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

import napari_vdsr
from napari_vdsr.errors import InputError
from napari_vdsr.layers import plan_layer, upscale_layer
from napari_vdsr.layers.saving import save_enlarged
from napari_vdsr.layers.upscale import bicubic_plan
from napari_vdsr.lazy.graph import readable
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

IMAGE = np.random.default_rng(0).random((24, 30), np.float32)


def spoiled(change: Callable[[Any], Any]) -> da.Array:
    """Give a stack whose chunk (1, 1, 0) is another than announced."""

    def block(chunk: Any, block_info: Any = None) -> Any:
        here = block_info[0]["chunk-location"] == (1, 1, 0)
        return change(chunk) if here else chunk

    lazy = da.from_array(np.stack([IMAGE, IMAGE]), (1, 12, 12))
    return lazy.map_blocks(block, dtype="f4", meta=np.empty((0, 0, 0), "f4"))


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "dtype": (lambda chunk: chunk.astype("f8"), r"chunk \(1, 1, 0\) .*float64"),
    "smaller": (lambda chunk: chunk[:, :5], r"chunk \(1, 1, 0\) .*shape \(1, 5, 12\)"),
    "one": (lambda chunk: chunk[:, :1, :1], r"chunk \(1, 1, 0\) .*shape \(1, 1, 1\)"),
    "axes": (lambda chunk: chunk[0], r"chunk \(1, 1, 0\) .*shape \(12, 12\)"),
    "mask": (lambda chunk: np.ma.masked_less(chunk, 0.5), "masks are not known"),
}


@pytest.fixture(params=WRONG)
def wrong(request: Any) -> tuple[da.Array, str]:
    change, words = WRONG[request.param]
    return spoiled(change), words


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_chunk_that_is_another_is_named_wherever_it_is_read(
    tiny: Model, wrong: tuple[da.Array, str], tmp_path: Any
) -> None:
    array, words = wrong
    lazy = napari_vdsr.upscale(array, 2, model=tiny, device="cpu")
    assert lazy[0].compute().shape == (48, 60)
    with pytest.raises(InputError, match=words):
        lazy.compute(scheduler="sync")
    layer = Image(array, contrast_limits=(0, 1))
    plan = plan_layer(layer, 2)
    parts = slice(1, 2), slice(0, 24), slice(0, 9)
    for read in (
        lambda: upscale_layer(layer, 2, model=tiny, device="cpu", region=parts),
        lambda: upscale_layer(layer, 2, model=tiny, device="cpu").data[0].compute(),
        lambda: bicubic_plan(plan, array)[...],
        lambda: save_enlarged(
            layer, plan, array, tmp_path / "a.zarr", RunOptions(tiny, "cpu")
        ),
        lambda: save_enlarged(
            layer, plan, array, tmp_path / "a.tif", RunOptions(tiny, "cpu")
        ),
    ):
        with pytest.raises(InputError, match=words):
            read()


def test_masks_that_are_known_beforehand_are_refused_at_once(tiny: Model) -> None:
    masked = np.ma.masked_less(IMAGE, 0.5)
    lazy = da.ma.masked_less(da.from_array(IMAGE, 12), 0.5)  # type: ignore[no-untyped-call]
    for each in (masked, lazy):
        with pytest.raises(InputError, match="masks are not known"):
            napari_vdsr.upscale(each, 2, model=tiny)
    with pytest.raises(InputError, match="masks are not known"):
        upscale_layer(Image(lazy, contrast_limits=(0, 1)), 2, model=tiny)


def test_any_part_is_read_as_dask_reads_it() -> None:
    array = da.from_array(np.arange(5 * 7 * 9).reshape(5, 7, 9), (2, 3, 4))
    for key in (
        (slice(0, 5), slice(0, 7), slice(0, 9)),
        (3, slice(2, 7), slice(1, 2)),
        (slice(1, 4), 6, slice(4, 9)),
    ):
        np.testing.assert_array_equal(readable(array)[key], array[key])
    assert readable(IMAGE) is IMAGE


@pytest.fixture
def data_array(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give what xarray's class is to `upscale`: the package itself is large."""

    class DataArray:
        def __init__(self, data: Any, dims: tuple[str, ...]) -> None:
            self.data, self.dims = data, dims

    module = ModuleType("xarray")
    module.DataArray = DataArray  # type: ignore[attr-defined]
    module.Dataset = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xarray", module)
    return DataArray


@pytest.mark.parametrize("chunked", [False, True])
def test_dimensions_called_y_and_x_are_enlarged(
    tiny: Model, data_array: Any, chunked: bool
) -> None:
    stack = np.stack([IMAGE, IMAGE[::-1], IMAGE[:, ::-1]])
    moved = np.ascontiguousarray(stack.transpose(2, 0, 1))
    image = data_array(da.from_array(moved, 10) if chunked else moved, ("x", "t", "y"))
    result = napari_vdsr.upscale(image, 2, model=tiny, device="cpu")
    expected = napari_vdsr.upscale(stack, 2, model=tiny, device="cpu", rgb=False)
    assert result.shape == (60, 3, 48)
    np.testing.assert_allclose(
        np.asarray(result).transpose(1, 2, 0), expected, atol=1e-5
    )
    named = napari_vdsr.upscale(image, 2, model=tiny, device="cpu", axes="YTX")
    assert named.shape == (60, 3, 48)
    last = data_array(stack[:2], ("a", "b", "c"))
    assert napari_vdsr.upscale(last, 2, model=tiny, device="cpu").shape == (2, 48, 60)


def test_colours_and_variables_of_xarray(tiny: Model, data_array: Any) -> None:
    colours = np.stack([IMAGE] * 3, axis=-1)
    image = data_array(colours, ("y", "x", "band"))
    together = napari_vdsr.upscale(image, 2, model=tiny, device="cpu", rgb=True)
    apart = napari_vdsr.upscale(image, 2, model=tiny, device="cpu")
    assert together.shape == apart.shape == (48, 60, 3)
    with pytest.raises(InputError, match="take one of its variables"):
        napari_vdsr.upscale({"a": image}, 2, model=tiny)

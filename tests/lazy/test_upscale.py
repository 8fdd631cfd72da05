"""Lazy equals eager, and nothing is read that is not needed."""

from copy import deepcopy
from itertools import pairwise, product
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_vdsr
from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.imaging.geometry import find_axes
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

RNG = np.random.default_rng(0)
FACTORS = st.sampled_from([1, 1.3, 2, 2.7, 3, 4, 5.5, (1, 3), (3.3, 1.5), (7, 2)])
DTYPES = ["uint8", "uint16", "int32", "uint64", "float16", "float32", "float64", ">f4"]


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], str, da.Array]:
    """Give an image, the names of its axes and the same image in chunks."""
    others = draw(st.sampled_from(["", "Z", "TC", "S"]))
    axes = "".join(draw(st.permutations("YX" + others)))
    sizes = [
        draw(st.sampled_from([3, 4] if axis == "S" else [1, 2]))
        if axis in others
        else draw(st.integers(1, 20))
        for axis in axes
    ]
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    image = RNG.integers(0, 250, sizes).astype(dtype)
    if dtype.kind == "f" and draw(st.booleans()):
        image[RNG.random(sizes) < 0.02] = np.nan
    chunks = []
    for size in sizes:
        cuts = sorted(draw(st.sets(st.integers(1, size), max_size=3)) - {size})
        chunks.append(tuple(b - a for a, b in pairwise([0, *cuts, size])))
    return image, axes, da.from_array(image, tuple(chunks))


@pytest.mark.filterwarnings("ignore:factor:napari_vdsr.errors.VdsrWarning")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images(), FACTORS)
def test_every_block_equals_the_same_region_of_the_whole(
    tiny: Model, small_blocks: int, made: Any, factor: Any
) -> None:
    image, axes, chunked = made
    whole = napari_vdsr.upscale(image, factor, model=tiny, device="cpu", axes=axes)
    lazy = napari_vdsr.upscale(chunked, factor, model=tiny, device="cpu", axes=axes)
    assert (lazy.shape, lazy.dtype) == (whole.shape, whole.dtype)
    upscaler = Upscaler(RunOptions(tiny, device="cpu"))
    found = find_axes(image.shape, axes)
    order = found.moved_last(image.ndim)
    ends = [np.cumsum([0, *sizes]) for sizes in lazy.chunks]
    for index in product(*map(range, lazy.numblocks)):
        block = lazy.blocks[index].compute(scheduler="sync")
        where = tuple(
            slice(int(end[i]), int(end[i + 1]))
            for i, end in zip(index, ends, strict=True)
        )
        # Exactly what eager work on that region gives …
        planes = block.transpose(order)
        stack = image[
            tuple(
                slice(None) if axis in (found.y, found.x) else part
                for axis, part in enumerate(where)
            )
        ].transpose(order)
        stacked = block.ndim - (2 if found.samples is None else 3)
        region = where[found.y], where[found.x]
        plane_shape = lazy.shape[found.y], lazy.shape[found.x]
        for plane in np.ndindex(planes.shape[:stacked]):
            expected = upscaler.region(stack[plane], plane_shape, region)
            np.testing.assert_array_equal(planes[plane], expected)
        # … and, but for the rounding of other tiles, what it is in the whole.
        _assert_close(block, whole[where])


def _assert_close(block: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> None:
    assert block.dtype == whole.dtype
    if block.dtype.kind != "f":
        difference = block.astype(np.float64) - whole.astype(np.float64)
        assert np.abs(difference).max() <= 1  # a tie may go either way
        return
    tolerance = 0.3 if block.dtype.itemsize == 2 else 2e-3  # a step of float16
    np.testing.assert_array_equal(np.isnan(block), np.isnan(whole))
    np.testing.assert_allclose(block, whole, atol=tolerance)


class Source:
    """A dask array that notes which of its chunks are read."""

    def __init__(self, chunks: Any, dtype: Any = np.uint16) -> None:
        self.read: list[tuple[int, ...]] = []
        self.array = da.map_blocks(
            self._block, chunks=chunks, dtype=dtype, meta=np.empty((0, 0), dtype)
        )

    def _block(self, block_info: Any = None) -> np.ndarray[Any, Any]:
        info = block_info[None]
        self.read.append(info["chunk-location"])
        return np.full(info["chunk-shape"], 7, info["dtype"])


def test_nothing_is_computed_before_it_is_asked_for(tiny: Model) -> None:
    source = Source(((600,) * 4, (500,) * 3))
    lazy = napari_vdsr.upscale(source.array, 2, model=tiny, device="cpu")
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype) == ((4800, 3000), np.uint16)
    assert lazy.chunks == ((600,) * 8, (500,) * 6)
    assert source.read == []


def test_a_block_reads_the_chunks_that_its_window_touches(
    tiny: Model, small_blocks: int
) -> None:
    source = Source(((10,) * 9, (10,) * 9))
    lazy = napari_vdsr.upscale(source.array, 1.2, model=tiny, device="cpu")
    assert lazy.numblocks == (9, 9)
    lazy.blocks[4, 4].compute(scheduler="sync")
    around = [(y, x) for y in (3, 4, 5) for x in (3, 4, 5)]
    assert sorted(source.read) == around  # each of them once
    source.read.clear()
    lazy.blocks[0, 0].compute(scheduler="sync")
    assert sorted(source.read) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_of_a_large_chunk_only_the_window_is_worked_on(tiny: Model) -> None:
    source = Source(((5000,), (5000,)))
    lazy = napari_vdsr.upscale(source.array, 2, model=tiny, device="cpu")
    assert max(map(max, lazy.chunks)) <= 768
    assert (lazy[:100, :100].compute() == 7).all()


def test_small_planes_share_a_block_as_their_chunks_do(tiny: Model) -> None:
    stack = da.zeros((70, 32, 32), dtype="u1", chunks=(50, 32, 32))
    lazy = napari_vdsr.upscale(stack, 2, model=tiny, device="cpu")
    assert lazy.chunks == ((50, 20), (64,), (64,))
    stack = da.zeros((8, 600, 600), dtype="u1", chunks=(8, 600, 600))
    lazy = napari_vdsr.upscale(stack, 2, model=tiny, device="cpu")
    assert lazy.chunks[0] == (1,) * 8


def test_a_graph_of_many_blocks_makes_only_the_tasks_asked_for(tiny: Model) -> None:
    movie = da.zeros((500, 20, 20_480, 20_480), dtype="u2", chunks=(1, 1, 512, 512))
    lazy = napari_vdsr.upscale(movie, 2, model=tiny, device="cpu")
    assert lazy.npartitions == 500 * 20 * 80 * 80
    blocks = lazy.dask.layers[lazy.name]
    assert len(blocks) == lazy.npartitions
    needed, _ = blocks.cull({(lazy.name, 3, 4, 5, 6)}, set())
    assert len(needed) == 1
    assert (lazy.name, 3, 4, 5, 80) not in blocks


def test_equal_requests_have_equal_names(tiny: Model) -> None:
    array = da.zeros((40, 40), chunks=20)
    name = napari_vdsr.upscale(array, 2, model=tiny, device="cpu").name
    assert napari_vdsr.upscale(array, 2, model=tiny, device="cpu").name == name
    assert napari_vdsr.upscale(array, 3, model=tiny, device="cpu").name != name
    copy = Model(deepcopy(tiny.network), "tiny")
    assert napari_vdsr.upscale(array, 2, model=copy, device="cpu").name == name
    other = Model(VDSR(depth=3, features=6), "tiny")
    assert napari_vdsr.upscale(array, 2, model=other, device="cpu").name != name


def test_threads_give_what_one_thread_gives(tiny: Model, small_blocks: int) -> None:
    image = RNG.random((60, 60), np.float32)
    lazy = napari_vdsr.upscale(da.from_array(image, 11), 2, model=tiny, device="cpu")
    alone = lazy.compute(scheduler="sync")
    for _ in range(3):
        crowd = lazy.compute(scheduler="threads", num_workers=8)
        np.testing.assert_array_equal(crowd, alone)


def test_zarr_arrays_are_read_by_their_chunks(
    tiny: Model, small_blocks: int, tmp_path: Any
) -> None:
    zarr = pytest.importorskip("zarr")
    image = RNG.integers(0, 4000, (2, 20, 30)).astype(np.uint16)
    stored = zarr.create_array(
        tmp_path / "image.zarr", shape=image.shape, chunks=(1, 8, 8), dtype=image.dtype
    )
    stored[:] = image
    lazy = napari_vdsr.upscale(stored, 1.5, model=tiny, device="cpu")
    assert lazy.chunks[1:] == ((12, 12, 6), (12, 12, 12, 9))
    eager = napari_vdsr.upscale(image, 1.5, model=tiny, device="cpu")
    _assert_close(lazy.compute(), eager)


def test_infinite_pixels_are_counted_when_they_are_computed(
    tiny: Model, small_blocks: int
) -> None:
    image = np.zeros((60, 60), np.float32)
    image[3, 4:6] = np.inf
    for factor in (1, 2):
        lazy = napari_vdsr.upscale(
            da.from_array(image, 12), factor, model=tiny, device="cpu"
        )
        lazy.blocks[-1, -1].compute()
        with pytest.raises(InputError, match=r"^2 of \d+ pixels.* infinite"):
            lazy.blocks[0, 0].compute()


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (da.zeros((8, 8), dtype=bool), {}, "dtype bool"),
        (da.zeros((8, 8)), {"factor": 9}, "factor is 9"),
        (da.zeros((8, 3)), {"axes": "YXS"}, "axes are 'YXS'"),
        (da.zeros((8, 8, 3)), {}, "may be colours or X"),
        (da.zeros((0, 8)), {}, "no pixel"),
        (da.zeros((8, 8)), {"device": "abacus"}, "device is 'abacus'"),
        (da.zeros((8, 8)), {"precision": "int4"}, "precision is 'int4'"),
        (da.zeros((8, 8)), {"tile": "1 kB"}, "tile is '1 kB'"),
    ],
)
def test_wrong_arguments_are_named_at_once(
    tiny: Model, array: da.Array, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        napari_vdsr.upscale(array, **{"model": tiny, "device": "cpu", **options})


def test_unknown_chunk_sizes_are_refused_with_what_to_do(tiny: Model) -> None:
    array = da.zeros((8, 8), chunks=4)
    array = array[array[:, 0] == 0]
    with pytest.raises(InputError, match="compute_chunk_sizes"):
        napari_vdsr.upscale(array, model=tiny)


def test_models_with_biases_have_to_be_told_the_range() -> None:
    model = Model(VDSR(depth=2, features=4, bias=True, first_padding="zeros"), "b")
    array = da.from_array(RNG.random((9, 9), np.float32), 5)
    with pytest.raises(InputError, match="intensity_range"):
        napari_vdsr.upscale(array, model=model, device="cpu")
    lazy = napari_vdsr.upscale(array, model=model, device="cpu", intensity_range=(0, 1))
    eager = napari_vdsr.upscale(
        array.compute(), model=model, device="cpu", intensity_range=(0, 1)
    )
    np.testing.assert_allclose(lazy, eager, atol=1e-5)


def test_two_passes_are_told_of(tiny: Model) -> None:
    with pytest.warns(VdsrWarning, match="two passes"):
        napari_vdsr.upscale(da.zeros((8, 8)), 6, model=tiny, device="cpu")

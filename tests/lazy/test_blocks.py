"""Cutting axes: every pixel belongs to one block, and blocks are of a good size."""

from itertools import accumulate, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.lazy import blocks
from napari_vdsr.lazy.blocks import (
    assembled,
    enlarged_bounds,
    make_parts,
    planes_in_block,
    stack_bounds,
)

CHUNKS = st.lists(st.integers(0, 3000), min_size=1, max_size=12).filter(any)


@given(CHUNKS, st.floats(0.5, 8))
def test_blocks_are_never_empty_and_make_up_the_axis(
    chunks: list[int], factor: float
) -> None:
    new_size = enlarged_size(sum(chunks), factor)
    bounds = enlarged_bounds(chunks, new_size)
    assert (bounds[0], bounds[-1]) == (0, new_size)
    sizes = [stop - start for start, stop in pairwise(bounds)]
    assert min(sizes) > 0
    assert max(sizes) <= 1.5 * blocks.BLOCK + 1


@given(CHUNKS, st.floats(1, 8))
def test_blocks_begin_where_chunks_of_the_source_do(
    chunks: list[int], factor: float
) -> None:
    new_size = enlarged_size(sum(chunks), factor)
    ends = {enlarged_size(end, new_size / sum(chunks)) for end in accumulate(chunks)}
    bounds = enlarged_bounds(chunks, new_size)
    for end in ends - {*bounds}:
        # Only where the next chunk went into the same block.
        before, after = (
            max(b for b in bounds if b < end),
            min(b for b in bounds if b > end),
        )
        assert after - before <= 1.25 * blocks.BLOCK


def test_large_chunks_are_cut_and_small_ones_joined() -> None:
    assert enlarged_bounds([2048], 4096) == list(range(0, 4097, 512))
    assert enlarged_bounds([1] * 1000, 1000) == [0, 640, 1000]
    assert planes_in_block(64, 64) == 64
    assert planes_in_block(700, 700) == 1
    assert stack_bounds([5, 2], 3) == [0, 2, 5, 7]


@given(st.data())
def test_windows_are_put_together_from_chunks(data: st.DataObject) -> None:
    image = np.arange(7 * 9).reshape(7, 9)
    axes = []
    for size in image.shape:
        cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
        chunks = [b - a for a, b in pairwise([0, *cuts, size])]
        start = data.draw(st.integers(0, size - 1))
        window = slice(start, data.draw(st.integers(start + 1, size)))
        (part,) = make_parts([0, 1], [window], chunks)
        axes.append((part, [0, *accumulate(chunks)], window))
    (y, rows, wanted_y), (x, columns, wanted_x) = axes
    chunks_of_window = [
        image[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
        for i in y.chunks
        for j in x.chunks
    ]
    found = assembled(chunks_of_window, [y, x], image.dtype)
    np.testing.assert_array_equal(found, image[wanted_y, wanted_x])

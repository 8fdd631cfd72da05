"""Blocks of a result: how large they are and which source pixels each one needs.

Every axis is cut by itself, and a block is a combination of parts, one for each axis.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from math import ceil
from typing import Any

import numpy as np
from dask.base import compute
from numpy.typing import NDArray

from napari_vdsr.files.opening import Sliced, checked_pixels
from napari_vdsr.imaging.geometry import enlarged_size

BLOCK = 512
"""Pixels per edge that blocks are near to: what a viewer likes to load at a time."""


@dataclass(frozen=True)
class Part:
    """One axis of a block: output pixels and the source pixels they are made from.

    `chunks` are the chunks of the source that hold the window, and `bounds` where each
    of them begins and the last one ends.
    """

    out: slice
    window: slice
    chunks: range
    bounds: tuple[int, ...]

    def size_of(self, chunk: int) -> int:
        """Pixels of one of the chunks."""
        first = chunk - self.chunks.start
        return self.bounds[first + 1] - self.bounds[first]

    @property
    def overlaps(self) -> list[tuple[slice, slice]]:
        """For every chunk, which pixels of it are needed, and where in the window."""
        pairs = []
        for start, stop in pairwise(self.bounds):
            low, high = max(start, self.window.start), min(stop, self.window.stop)
            source = slice(low - start, high - start)
            pairs.append(
                (source, slice(low - self.window.start, high - self.window.start))
            )
        return pairs


def make_parts(
    bounds: Sequence[int], windows: Iterable[slice] | None, chunks: Sequence[int]
) -> tuple[Part, ...]:
    """Describe all blocks along one axis.

    `bounds` are where blocks of the result begin and the last one ends, `windows` the
    source pixels that each needs (None: those of its own place), and `chunks` the sizes
    of the source's chunks.

    Examples
    --------
    >>> (part,) = make_parts([0, 8], [slice(1, 4)], [2, 2])
    >>> part.chunks, part.overlaps
    (range(0, 2), [(slice(1, 2, None), slice(0, 1, None)), \
(slice(0, 2, None), slice(1, 3, None))])
    """
    edges = [0, *accumulate(chunks)]
    parts = []
    windows = windows or (slice(*pair) for pair in pairwise(bounds))
    for (start, stop), window in zip(pairwise(bounds), windows, strict=True):
        first = bisect_right(edges, window.start) - 1
        last = bisect_left(edges, window.stop)
        parts.append(
            Part(
                slice(start, stop),
                window,
                range(first, last),
                tuple(edges[first : last + 1]),
            )
        )
    return tuple(parts)


def enlarged_bounds(chunks: Sequence[int], new_size: int) -> list[int]:
    """Where blocks of an enlarged or reduced axis begin, and where the last ends.

    They begin where chunks of the source do. Small chunks are joined and large ones
    cut, so that blocks are near `BLOCK` pixels.

    Examples
    --------
    >>> enlarged_bounds([100, 100, 100, 600, 100], 2000)
    [0, 600, 1200, 1800, 2000]
    """
    edges = [0, *accumulate(chunks)]
    ends = [enlarged_size(edge, new_size / edges[-1]) for edge in edges]
    bounds = [0]
    for end, following in zip(ends, [*ends[1:], None], strict=True):
        start = bounds[-1]
        if following is not None and following - start <= 1.25 * BLOCK:
            continue  # the next chunk still fits
        bounds += _cut(start, end, max(1, round((end - start) / BLOCK)))
    return bounds


def stack_bounds(chunks: Sequence[int], most: int) -> list[int]:
    """Where blocks of an axis that is not enlarged begin, and where the last ends.

    A block has at most `most` (1 or more) positions, and none of two chunks.

    Examples
    --------
    >>> stack_bounds([5, 2], 3)
    [0, 2, 5, 7]
    """
    bounds = [0]
    for start, stop in pairwise([0, *accumulate(chunks)]):
        bounds += _cut(start, stop, ceil((stop - start) / most))
    return bounds


def planes_in_block(height: int, width: int) -> int:
    """How many planes of this size, in pixels, a block may hold; at least 1."""
    return max(1, BLOCK**2 // (height * width))


def _cut(start: int, stop: int, count: int) -> list[int]:
    """Ends of `count` parts as equal as can be; none where there is nothing."""
    size = stop - start
    return [start + size * (i + 1) // count for i in range(count if size else 0)]


def assembled(
    chunks: Sequence[Any], parts: Sequence[Part], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The window of a block, put together from the chunks that its parts name.

    The last axis of the chunks changes fastest. May be a view of a chunk. Raises
    InputError when a chunk has a mask, or is not of the shape or dtype of its place.
    """
    window = np.empty([part.window.stop - part.window.start for part in parts], dtype)
    places = product(*(zip(part.chunks, part.overlaps, strict=True) for part in parts))
    for chunk, axes in zip(chunks, places, strict=True):
        source = tuple(here for _, (here, _) in axes)
        index = tuple(number for number, _ in axes)
        sizes = [
            part.size_of(number) for part, number in zip(parts, index, strict=True)
        ]
        which = f"chunk {index} of the image"
        if isinstance(chunk, np.ndarray):
            pixels = checked_pixels(chunk, sizes, dtype, which)[source]
        else:  # it is read where it is sliced
            wanted = [part.stop - part.start for part in source]
            pixels = checked_pixels(chunk[source], wanted, dtype, which)
        if len(chunks) == 1:
            return pixels
        window[tuple(there for _, (_, there) in axes)] = pixels
    return window


def chunked_pixels(array: Any) -> Sliced:
    """A dask array that is computed where it is sliced, each chunk checked."""

    def read(wanted: tuple[slice, ...]) -> NDArray[Any]:
        parts = [
            make_parts([part.start, part.stop], [part], sizes)[0]
            for part, sizes in zip(wanted, array.chunks, strict=True)
        ]
        touched = tuple(slice(part.chunks.start, part.chunks.stop) for part in parts)
        blocks = array.blocks[touched].to_delayed().ravel()
        chunks = compute(*blocks)  # type: ignore[no-untyped-call]
        return assembled(chunks, parts, array.dtype)

    return Sliced(array.shape, array.dtype, read)


def window_of(
    pixels: NDArray[Any], first: Sequence[int], shape: Sequence[int]
) -> Sliced:
    """Part of an array, sliced by the coordinates of the whole array.

    `first` says where the part begins along each axis, `shape` how large the whole is.
    """

    def read(wanted: tuple[slice, ...]) -> NDArray[Any]:
        parts = []
        for part, start, size in zip(wanted, first, pixels.shape, strict=True):
            # Else an index below zero would count from the end.
            assert start <= part.start <= part.stop <= start + size
            parts.append(slice(part.start - start, part.stop - start))
        return pixels[tuple(parts)]

    return Sliced(shape, pixels.dtype, read)

"""Blocks of a result: how large they are and what of the source each one needs.

Every axis is cut by itself, and a block is a combination of parts, one an axis.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.geometry import enlarged_size

BLOCK = 512
"""Pixels per edge that blocks are near to: what a viewer likes to load at a time."""


@dataclass(frozen=True)
class Part:
    """One axis of a block.

    Attributes
    ----------
    out : slice
        The pixels of the result that it is.
    window : slice
        The pixels of the source that it is made from.
    chunks : range
        The chunks of the source that hold these.
    bounds : tuple of int
        Where these chunks begin, and where the last of them ends.
    """

    out: slice
    window: slice
    chunks: range
    bounds: tuple[int, ...]

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
    bounds: Sequence[int], windows: Sequence[slice], chunks: Sequence[int]
) -> tuple[Part, ...]:
    """Describe all blocks along one axis.

    Parameters
    ----------
    bounds : sequence of int
        Where blocks of the result begin, and where the last one ends.
    windows : sequence of slice
        The source pixels that each of them needs.
    chunks : sequence of int
        Sizes of the source's chunks.

    Returns
    -------
    tuple of Part

    Examples
    --------
    >>> (part,) = make_parts([0, 8], [slice(1, 4)], [2, 2])
    >>> part.chunks, part.overlaps
    (range(0, 2), [(slice(1, 2, None), slice(0, 1, None)), \
(slice(0, 2, None), slice(1, 3, None))])
    """
    edges = [0, *accumulate(chunks)]
    parts = []
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

    They begin where chunks of the source do. Small chunks are taken together and
    large ones cut, so that blocks are near `BLOCK` pixels.

    Parameters
    ----------
    chunks : sequence of int
        Sizes of the source's chunks.
    new_size : int
        Pixels of the whole axis of the result.

    Returns
    -------
    list of int
        Rising, from 0 to `new_size`.

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

    Parameters
    ----------
    chunks : sequence of int
        Sizes of the source's chunks; no block holds parts of two of them.
    most : int
        Positions in a block, at least 1.

    Returns
    -------
    list of int

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
    """How many planes a block may hold where they are small.

    Parameters
    ----------
    height, width : int
        Of the largest block, in pixels.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, BLOCK**2 // (height * width))


def _cut(start: int, stop: int, count: int) -> list[int]:
    """Ends of `count` parts as equal as can be; none where there is nothing."""
    size = stop - start
    return [start + size * (i + 1) // count for i in range(count if size else 0)]


def assembled(chunks: Sequence[Any], parts: Sequence[Part]) -> NDArray[Any]:
    """Put together the window of a block.

    Parameters
    ----------
    chunks : sequence of array-like
        Those of the source that the parts name, the last axis changing fastest.
    parts : sequence of Part
        One for each axis.

    Returns
    -------
    ndarray
        Perhaps a view of a chunk.
    """
    overlaps = product(*(part.overlaps for part in parts))
    if len(chunks) == 1:
        return np.asarray(chunks[0][tuple(source for source, _ in next(overlaps))])
    shape = [part.window.stop - part.window.start for part in parts]
    window = np.empty(shape, chunks[0].dtype)
    for chunk, axes in zip(chunks, overlaps, strict=True):
        target = tuple(there for _, there in axes)
        window[target] = chunk[tuple(source for source, _ in axes)]
    return window


class Window:
    """Part of a plane, sliced by the coordinates of the whole plane.

    Parameters
    ----------
    pixels : ndarray, shape (h, w) or (h, w, S)
        What there is of the plane.
    first : tuple of int
        Where that begins in Y and X.
    shape : tuple of int
        Y and X of the whole plane.

    Attributes
    ----------
    shape : tuple of int
        Pixels in Y and X of the whole plane, and colours if any.
    dtype : numpy.dtype
        That of the pixels.
    """

    def __init__(
        self, pixels: NDArray[Any], first: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        self._pixels = pixels
        self._first = first
        self.shape = (*shape, *pixels.shape[2:])
        self.dtype = pixels.dtype

    def __getitem__(self, region: tuple[slice, slice]) -> NDArray[Any]:
        """The pixels of a region that lies within what there is."""
        parts = []
        ends = zip(region, self._first, self._pixels.shape, strict=False)
        for part, first, size in ends:
            # Else an index below zero would count from the end.
            assert first <= part.start <= part.stop <= first + size
            parts.append(slice(part.start - first, part.stop - first))
        return self._pixels[tuple(parts)]

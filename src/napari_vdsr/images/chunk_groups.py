"""Planes that are read together, because they lie in the same chunks."""

from bisect import bisect_right
from itertools import accumulate, pairwise
from math import prod
from typing import Any


class ChunkGroups:
    """Groups of planes of a chunked array that are read together.

    A chunk is read and decoded as one piece. If planes are taken in C order and those
    of a group are kept meanwhile, each chunk is read once, unless it holds more than
    `most` planes. Chunks are as in dask and zarr: one number or a tuple of them for
    each axis.

    >>> ChunkGroups((2, 10), (1, 4), 100).around((1, 5))
    (slice(1, 2, None), slice(4, 8, None))
    """

    def __init__(self, sizes: tuple[int, ...], chunks: Any, most: float) -> None:
        self._edges: list[list[int]] = []
        full = False  # whether the axes before are cut so that all of this one fits
        for axis, size in enumerate(sizes):
            ends = _edges(size, chunks[axis])
            length = max(1, int(most // prod(sizes[axis + 1 :])))
            if full:
                ends = [0, size]
            elif length == 1 or len(ends) > size:
                ends = list(range(size + 1))
            else:
                full = True
                ends = _cut_to(length, ends)
            self._edges.append(ends)

    def around(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Find the group that a plane is in: one slice for each leading axis."""
        return tuple(
            slice(*edges[(part := bisect_right(edges, at)) - 1 : part + 1])
            for edges, at in zip(self._edges, index, strict=True)
        )


def _edges(size: int, chunks: Any) -> list[int]:
    """The starts of the chunks of an axis, and the end of the last one."""
    if isinstance(chunks, tuple):
        return [0, *accumulate(chunks)]
    return [*range(0, size, chunks), size]


def _cut_to(length: int, edges: list[int]) -> list[int]:
    """Edges of parts of chunks, none longer than `length`."""
    starts = (range(*pair, length) for pair in pairwise(edges))
    return [*(start for each in starts for start in each), edges[-1]]

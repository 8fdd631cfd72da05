"""Planes that are read together, because they lie in the same chunks."""

from bisect import bisect_right
from itertools import accumulate, pairwise
from math import prod
from typing import Any


class Runs:
    """The planes of a chunked array, in runs that hold no chunk by halves.

    A chunk is computed or decoded as a whole. With planes taken in C order, and those
    of a run kept meanwhile, each is needed once: unless the planes that it reaches
    over are too many to be kept.

    Parameters
    ----------
    sizes : tuple of int
        Of the leading axes.
    chunks : tuple
        As dask and zarr tell them: one number or a tuple of them for each axis.
    most : int
        Planes that may be in a run; one always may.

    Examples
    --------
    >>> Runs((2, 10), (1, 4), 100).around((1, 5))
    (slice(1, 2, None), slice(4, 8, None))
    """

    def __init__(self, sizes: tuple[int, ...], chunks: Any, most: float) -> None:
        self._edges: list[list[int]] = []
        whole = False  # whether the axes before are cut so that all of this one fits
        for axis, size in enumerate(sizes):
            ends = _edges(size, chunks[axis])
            length = max(1, int(most // prod(sizes[axis + 1 :])))
            if whole:
                ends = [0, size]
            elif length == 1 or len(ends) > size:
                ends = list(range(size + 1))
            else:
                whole = True
                ends = _cut_to(length, ends)
            self._edges.append(ends)

    def around(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Find the run that a plane is in.

        Parameters
        ----------
        index : tuple of int
            Of the plane.

        Returns
        -------
        tuple of slice
            One for each leading axis.
        """
        return tuple(
            slice(*edges[(part := bisect_right(edges, at)) - 1 : part + 1])
            for edges, at in zip(self._edges, index, strict=True)
        )


def _edges(size: int, chunks: Any) -> list[int]:
    """Where the chunks of an axis begin, and where the last one ends."""
    if isinstance(chunks, tuple):
        return [0, *accumulate(chunks)]
    return [*range(0, size, chunks), size]


def _cut_to(length: int, edges: list[int]) -> list[int]:
    """Parts of chunks, none of which is longer."""
    starts = (range(*pair, length) for pair in pairwise(edges))
    return [*(start for each in starts for start in each), edges[-1]]

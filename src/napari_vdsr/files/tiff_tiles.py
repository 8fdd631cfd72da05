"""Pixels in the order in which a TIFF file wants them."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files.opening import Blocks

TILE = 512
"""Pixels per edge of a tile, and rows of a strip."""


def tiles(pixels: Blocks, axes: str) -> Iterator[NDArray[Any]]:
    """The tiles of all planes, row by row; smaller at the right and lower edge.

    `axes` end in YX, or in YXS where samples lie together.
    """
    return _parts(pixels, axes, TILE)


def strips(pixels: Blocks, axes: str) -> Iterator[bytes]:
    """The little-endian strips of all planes, from top to bottom."""
    width = pixels.shape[axes.rindex("X")]
    for part in _parts(pixels, axes, width):
        yield part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes()


def _parts(pixels: Blocks, axes: str, width: int) -> Iterator[NDArray[Any]]:
    inner = 3 if axes.endswith("YXS") else 2
    stack, plane = pixels.shape[:-inner], pixels.shape[-inner:]
    rows = range(0, plane[0], TILE)
    columns = range(0, plane[1], width)
    samples = tuple(slice(0, size) for size in plane[2:])
    for index in np.ndindex(*stack):
        place = tuple(slice(i, i + 1) for i in index)
        for y, x in product(rows, columns):
            part = slice(y, min(y + TILE, plane[0])), slice(x, min(x + width, plane[1]))
            yield pixels[(*place, *part, *samples)].reshape(
                *(one.stop - one.start for one in (*part, *samples))
            )

"""Coarser levels of an image, for viewers and for the files that are written.

A pixel of a coarser level is the mean of the area that it covers, NaN left out.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.imaging.intensities import into_dtype, within_float64
from napari_vdsr.imaging.resample import resize_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

COARSEST = 512
"""Pixels in Y and in X of a level that is not reduced further."""


def reduced_shapes(shape: tuple[int, ...], axes: Axes) -> list[tuple[int, ...]]:
    """Shapes of the levels above an image, each half of the one before in Y and X.

    The last one has at most `COARSEST` pixels in Y and in X.

    Examples
    --------
    >>> reduced_shapes((3, 1000, 1100), Axes(1, 2, None))
    [(3, 500, 550), (3, 250, 275)]
    """
    shapes = []
    while max(shape[axes.y], shape[axes.x]) > COARSEST:
        shape = tuple(
            (size + 1) // 2 if axis in axes[:2] else size
            for axis, size in enumerate(shape)
        )
        shapes.append(shape)
    return shapes


def region_of_level(
    below: Any,
    shape: tuple[int, ...],
    axes: Axes,
    region: Sequence[slice],
) -> NDArray[Any]:
    """A region of a level of this shape, read and reduced from the level below."""
    sizes = {axis: (int(below.shape[axis]), shape[axis]) for axis in axes[:2]}
    window = list(region)
    for axis, (size, new_size) in sizes.items():
        part = region[axis]
        window[axis] = weights(size, new_size, part.start, part.stop)[0]
    return resized(np.asarray(below[tuple(window)]), sizes, region)


def resized(
    window: NDArray[Any], sizes: dict[int, tuple[int, int]], region: Sequence[slice]
) -> NDArray[Any]:
    """A region of another level from the pixels that it is made from.

    `sizes` are the pixels of Y and X before and after, by axis. The dtype stays;
    integers are rounded.
    """
    import torch

    values = within_float64(window)
    values = values.astype(np.result_type(values.dtype, np.float32))
    missing = np.isnan(values)
    if missing.any():
        values[missing] = 0
        shares = _means(1 - missing.astype(values.dtype), sizes, region)
        with np.errstate(invalid="ignore"):  # where all pixels are NaN
            values = _means(values, sizes, region) / shares
    else:
        values = _means(values, sizes, region)
    if window.dtype.kind == "f":
        return values.astype(window.dtype)
    return into_dtype(torch.from_numpy(values), window.dtype).numpy()


def _means(
    values: NDArray[Any], sizes: dict[int, tuple[int, int]], region: Sequence[slice]
) -> NDArray[Any]:
    """Means along Y and X, one after the other."""
    for axis, (size, new_size) in sizes.items():
        part = region[axis]
        _, rows = weights(size, new_size, part.start, part.stop)
        moved = np.moveaxis(values, axis, 0)
        flat = np.ascontiguousarray(moved).reshape(len(moved), -1)
        means = (rows.astype(values.dtype) @ flat).reshape(-1, *moved.shape[1:])
        values = np.moveaxis(means, 0, axis)
    return np.ascontiguousarray(values)


@lru_cache(maxsize=256)
def weights(
    size: int, new_size: int, start: int, stop: int
) -> "tuple[slice, csr_array]":
    """Weights that make pixels `start` to `stop` of another level, along one axis.

    Gives the source pixels that they are made from, and a matrix of shape (pixels
    wanted, pixels that they are made from). No weight is negative: a coarser pixel is
    the mean of what it covers, and finer ones are interpolated linearly.

    Examples
    --------
    >>> source, rows = weights(5, 3, 0, 2)
    >>> source, rows.toarray().round(2).tolist()
    (slice(0, 4, None), [[0.6, 0.4, 0.0, 0.0], [0.0, 0.2, 0.6, 0.2]])
    """
    from scipy.sparse import csr_array  # needed where there are levels, or a viewer

    if new_size > size:
        linear = resize_rows(size, new_size, start, stop, "bilinear")
        return linear.source, csr_array(linear.weights)
    source = slice(start * size // new_size, -(-stop * size // new_size))
    # In units of 1 / new_size of an old pixel, where all edges are whole numbers.
    edges = np.arange(start, stop + 1)[:, None] * size
    pixels = np.arange(source.start, source.stop + 1)[None] * new_size
    overlap = np.minimum(edges[1:], pixels[:, 1:]) - np.maximum(
        edges[:-1], pixels[:, :-1]
    )
    return source, csr_array(np.maximum(overlap, 0) / size)

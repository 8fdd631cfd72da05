"""Coarser levels of an image: for viewers, and for the files that are written.

A pixel of a coarser level is the mean of the area that it covers, NaN left out. Levels
of an enlarged image that are as large as its source, or smaller, are made from the
source: a viewer could not wait for the whole image to be enlarged.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.imaging.intensities import into_dtype, within_float64
from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.lazy.blocks import (
    Part,
    assembled,
    enlarged_bounds,
    make_parts,
    stack_bounds,
)
from napari_vdsr.lazy.graph import array_of_blocks, as_dask, unread

COARSEST = 512
"""Pixels in Y and in X of a level that is not reduced further."""

_WORTH_A_LEVEL = 1.4  # times the pixels of the source along an axis


def levels_below(
    levels: Sequence[Any], axes: Axes, shape: tuple[int, ...]
) -> list[Any]:
    """What a viewer shows in place of an enlarged image when zoomed out.

    `levels` are the image and its own coarser levels, `shape` that of the enlarged
    image. Gives interpolated levels where the factor is well above 2, then `levels`,
    then as many reduced ones as are needed for a view of the whole. Nothing is
    computed.
    """
    own = [
        level if isinstance(level, np.ndarray) else as_dask(level)
        for level in levels
        if tuple(level.shape) != shape  # as it is for factor 1
    ]
    between = _levels_between(as_dask(levels[0]), axes, shape)
    return [*between, *own, *_reduced_levels(levels[-1], axes)]


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


def _levels_between(
    image: da.Array, axes: Axes, shape: tuple[int, ...]
) -> list[da.Array]:
    """Interpolated levels of half the pixels each, from the result to the source.

    Without them a viewer would compute up to 64 times the pixels that it shows, until
    the source has enough of them.
    """
    levels: list[da.Array] = []
    least = image.shape[axes.y], image.shape[axes.x]
    sizes = shape[axes.y], shape[axes.x]
    while True:
        y, x = (
            max(low, (size + 1) // 2) for low, size in zip(least, sizes, strict=True)
        )
        if max(y / least[0], x / least[1]) < _WORTH_A_LEVEL:
            return levels
        sizes = y, x
        levels.append(_resized(image, image.chunks, axes, sizes))


def _reduced_levels(image: Any, axes: Axes) -> list[da.Array]:
    """Lazy levels above an image; empty where it is small enough itself."""
    levels: list[da.Array] = []
    # What is no dask array is read where it is reduced: its pixels are not kept.
    below = image if isinstance(image, da.Array) else unread(image)
    chunks = as_dask(image).chunks
    for shape in reduced_shapes(tuple(below.shape), axes):
        below = _resized(below, chunks, axes, (shape[axes.y], shape[axes.x]))
        chunks = below.chunks
        levels.append(below)
    return levels


def _resized(
    array: da.Array,
    chunks: tuple[tuple[int, ...], ...],
    axes: Axes,
    new_sizes: tuple[int, int],
) -> da.Array:
    """Another level, in blocks that begin where these chunks do."""
    new_shape = dict(zip(axes[:2], new_sizes, strict=True))
    parts: list[tuple[Part, ...]] = []
    for axis, size in enumerate(array.shape):
        if axis in new_shape:
            bounds = enlarged_bounds(chunks[axis], new_shape[axis])
            windows = [
                weights(size, new_shape[axis], *pair)[0] for pair in pairwise(bounds)
            ]
        else:
            full = axis == axes.samples
            bounds = [0, size] if full else stack_bounds(chunks[axis], 1)
            windows = [slice(*pair) for pair in pairwise(bounds)]
        parts.append(make_parts(bounds, windows, array.chunks[axis]))
    sizes = {axis: (array.shape[axis], new) for axis, new in new_shape.items()}
    name = f"resized-{tokenize(array.name, parts)}"
    return array_of_blocks(name, array, parts, _resized_block, (sizes, array.dtype))


def _resized_block(
    sizes: dict[int, tuple[int, int]],
    dtype: np.dtype[Any],
    parts: Sequence[Part],
    chunks: Sequence[Any],
) -> NDArray[Any]:
    return resized(assembled(chunks, parts, dtype), sizes, [part.out for part in parts])


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
def weights(size: int, new_size: int, start: int, stop: int) -> tuple[slice, csr_array]:
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

"""Coarser and coarser copies of an image, for looking at much of it."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_vdsr.imaging.axes import Axes
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

_COARSEST = 1024  # pixels of Y and X that are looked at as a whole
_MUCH = 1.4  # times more pixels than the source, which are worth a level


def levels_below(
    levels: Sequence[Any], axes: Axes, shape: tuple[int, ...]
) -> list[Any]:
    """What a viewer shows in place of an enlarged image that is far away.

    Parameters
    ----------
    levels : sequence of array-like
        The image, and coarser levels of it if there are any.
    axes : Axes
        Which ones are enlarged.
    shape : tuple of int
        Of the enlarged image.

    Returns
    -------
    list of dask.array.Array or ndarray
        Interpolated levels where the factor is well above 2, the image itself, its
        own coarser levels and as many more as are needed for looking at all of it.
        Nothing is computed.
    """
    own = [
        level if isinstance(level, np.ndarray) else as_dask(level)
        for level in levels
        if tuple(level.shape) != shape  # as it is for factor 1
    ]
    between = _levels_between(as_dask(levels[0]), axes, shape)
    return [*between, *own, *reduced_levels(levels[-1], axes)]


def _levels_between(
    image: da.Array, axes: Axes, shape: tuple[int, ...]
) -> list[da.Array]:
    """Levels of half the pixels each, from an enlarged image down to its source.

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
        if max(y / least[0], x / least[1]) < _MUCH:
            return levels
        sizes = y, x
        levels.append(_resized(image, image.chunks, axes, sizes))


def reduced_levels(image: Any, axes: Axes) -> list[da.Array]:
    """Reduce an image by 2 in Y and X, again and again, until a screen holds it.

    Parameters
    ----------
    image : dask, zarr, h5py or numpy array
        The finest level, which is not among the result.
    axes : Axes
        Which ones are reduced.

    Returns
    -------
    list of dask.array.Array of the same dtype
        Nothing is computed. A pixel is the mean of the area that it covers, NaN
        left out; all levels cover the same area. Empty where the image itself has
        no more than 1024 pixels in Y and X.
    """
    levels: list[da.Array] = []
    # What is no dask array is read where it is reduced: its pixels are not kept.
    whole = image if isinstance(image, da.Array) else unread(image)
    chunks = as_dask(image).chunks
    while max(whole.shape[axis] for axis in axes[:2]) > _COARSEST:
        halves = _half(whole.shape[axes.y]), _half(whole.shape[axes.x])
        whole = _resized(whole, chunks, axes, halves)
        chunks = whole.chunks
        levels.append(whole)
    return levels


def _half(size: int) -> int:
    return (size + 1) // 2 if size > _COARSEST else size


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
            whole = axis == axes.samples
            bounds = [0, size] if whole else stack_bounds(chunks[axis], 1)
            windows = [slice(*pair) for pair in pairwise(bounds)]
        parts.append(make_parts(bounds, windows, array.chunks[axis]))
    sizes = tuple((axis, array.shape[axis], new) for axis, new in new_shape.items())
    name = f"resized-{tokenize(array.name, parts)}"
    return array_of_blocks(name, array, parts, resize_block, (sizes,))


def resize_block(
    sizes: Sequence[tuple[int, int, int]],
    parts: Sequence[Part],
    chunks: Sequence[Any],
) -> NDArray[Any]:
    """Make one block of another level.

    Parameters
    ----------
    sizes : sequence of (axis, pixels before, pixels after)
        Of Y and X.
    parts : sequence of Part
        Which block, and what it is made from; one for each axis.
    chunks : sequence of array-like
        The chunks of the source that the parts name.

    Returns
    -------
    ndarray
        Of the same dtype; integers are rounded.
    """
    import torch

    window = assembled(chunks, parts)
    values = within_float64(window)
    values = values.astype(np.result_type(values.dtype, np.float32))
    missing = np.isnan(values)
    if missing.any():
        values[missing] = 0
        shares = _means(1 - missing.astype(values.dtype), sizes, parts)
        with np.errstate(invalid="ignore"):  # where all pixels are NaN
            values = _means(values, sizes, parts) / shares
    else:
        values = _means(values, sizes, parts)
    if window.dtype.kind == "f":
        return values.astype(window.dtype)
    return into_dtype(torch.from_numpy(values), window.dtype).numpy()


def _means(
    values: NDArray[Any],
    sizes: Sequence[tuple[int, int, int]],
    parts: Sequence[Part],
) -> NDArray[Any]:
    """Means along the axes that are reduced, one after the other."""
    for axis, size, new_size in sizes:
        part = parts[axis].out
        _, rows = weights(size, new_size, part.start, part.stop)
        moved = np.moveaxis(values, axis, 0)
        flat = np.ascontiguousarray(moved).reshape(len(moved), -1)
        means = (rows.astype(values.dtype) @ flat).reshape(-1, *moved.shape[1:])
        values = np.moveaxis(means, 0, axis)
    return np.ascontiguousarray(values)


@lru_cache(maxsize=256)
def weights(size: int, new_size: int, start: int, stop: int) -> tuple[slice, csr_array]:
    """Weights that make pixels `start` to `stop` of another level, along one axis.

    Parameters
    ----------
    size, new_size : int
        Pixels of the whole axis before and after.
    start, stop : int
        The pixels wanted.

    Returns
    -------
    source : slice
        The pixels that they are made from.
    rows : csr_array of float64, shape (pixels wanted, pixels that they are made from)
        None is negative. A coarser pixel is the mean of what it covers; finer ones are
        interpolated linearly.

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

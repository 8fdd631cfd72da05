"""Parts of an image of any size, read in bounded time and memory."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.instrument import Instrument, instrument_of
from napari_vdsr.images.find import is_layer
from napari_vdsr.imaging.axes import Axes, find_axes
from napari_vdsr.imaging.dtypes import check_dtype, refuse_mask

_EDGE = 512  # pixels of a window
_ALONG = 3  # windows along an axis of a plane, and planes of a stack
_GRID = 8  # windows begin at multiples of it: the blocks of JPEG
_SECONDS = 3.0  # after which no further window is read
_BYTES = 2**28  # of the chunks that a window lies in


class Opened(NamedTuple):
    """Pixels that can be sliced, and what is known of them."""

    pixels: Any
    axes: Axes
    instrument: Instrument | None


@dataclass(frozen=True, eq=False)
class Windows:
    """Parts of an image, and what could not be read of it."""

    parts: list[NDArray[Any]]  # all of one shape (Y, X[, S])
    colour: bool  # whether they hold colours
    plane_shape: tuple[int, int]  # of the image
    instrument: Instrument | None = None  # as the file says
    # Why there are fewer parts than wanted.
    troubles: tuple[str, ...] = field(default=())


def windows_of(image: Any, axes: str | None = None, rgb: bool | None = None) -> Windows:
    """Read up to nine parts of an array, layer or file, spread over it.

    Raises InputError and FileError where the image cannot be used at all. Chunks that
    are damaged or too large are skipped.
    """
    with _opened(image, axes, rgb) as (pixels, found, instrument):
        shape = tuple(int(size) for size in pixels.shape)
        parts, troubles = _read(pixels, shape, found)
    plane = shape[found.y], shape[found.x]
    return Windows(parts, found.samples is not None, plane, instrument, tuple(troubles))


@contextmanager
def _opened(image: Any, axes: str | None, rgb: bool | None) -> Iterator[Opened]:
    """Open an image without reading it."""
    if isinstance(image, str | Path):
        from napari_vdsr.files import open_image

        with open_image(image, axes_told=axes is not None, warn=False) as file:
            picture = file.picture
            letters = axes or picture.unique_axes
            found = find_axes(picture.array.shape, letters, rgb)
            told = instrument_of(picture.metadata.ome)
            yield _checked(file.pixels, found, told)
    elif is_layer(image):
        data = image.data[0] if getattr(image, "multiscale", False) else image.data
        yield _checked(data, find_axes(tuple(data.shape), axes, bool(image.rgb)), None)
    else:
        refuse_mask(image)
        if image is None:
            raise InputError("the image is None: give an array, a layer or a path")
        lazy = hasattr(image, "dtype") and hasattr(image, "shape")
        pixels = image if lazy else np.asarray(image)
        yield _checked(pixels, find_axes(tuple(pixels.shape), axes, rgb), None)


def _checked(pixels: Any, axes: Axes, instrument: Instrument | None) -> Opened:
    check_dtype(pixels.dtype)
    return Opened(pixels, axes, instrument)


def _read(
    pixels: Any, shape: tuple[int, ...], axes: Axes
) -> tuple[list[NDArray[Any]], list[str]]:
    """Read windows until time is up; give them and what went wrong."""
    parts: list[NDArray[Any]] = []
    lost: list[str] = []
    keys = list(_keys(shape, axes))
    end = time.monotonic() + _SECONDS
    for number, key in enumerate(keys):
        if number and time.monotonic() > end:
            rest = f"{number} of {len(keys)}"
            return parts, [*lost, f"reading is slow: only {rest} parts were looked at"]
        if _bytes_behind(pixels, key) > _BYTES:
            lost.append(
                "a part of the image cannot be read without a large one: store it in "
                "smaller chunks"
            )
            continue
        try:
            part = np.asarray(pixels[key])
        except Exception as error:  # damaged chunks make their libraries raise anything
            lost.append(f"a part of the image cannot be read: {error}")
            continue
        parts.append(_ordered(part, key, axes))
    return parts, list(dict.fromkeys(lost))


def _keys(shape: tuple[int, ...], axes: Axes) -> Iterator[tuple[int | slice, ...]]:
    """Indices of windows: nine in one plane, or three in each of three planes."""
    others = [axis for axis in range(len(shape)) if axis not in axes]
    planes = list(_planes([shape[axis] for axis in others]))
    places = list(product(_starts(shape[axes.y]), _starts(shape[axes.x])))
    for number, plane in enumerate(planes):
        for place, (y, x) in enumerate(places):
            # In a stack, each plane is read in other places.
            row, column = divmod(place, _ALONG)
            if len(places) >= len(planes) > 1 and (row + column - number) % len(planes):
                continue
            key: list[int | slice] = [slice(None)] * len(shape)
            for axis, index in zip(others, plane, strict=True):
                key[axis] = index
            key[axes.y], key[axes.x] = slice(y, y + _EDGE), slice(x, x + _EDGE)
            yield tuple(key)


def _planes(sizes: list[int]) -> Iterator[tuple[int, ...]]:
    """Up to three planes of a stack, spread over it."""
    last = math.prod(sizes) - 1
    for flat in sorted({round(at) for at in np.linspace(0, last, _ALONG)}):
        yield tuple(int(index) for index in np.unravel_index(flat, sizes or (1,)))[
            : len(sizes)
        ]


def _starts(size: int) -> list[int]:
    """Where windows begin along an axis; they do not overlap."""
    count = max(1, min(_ALONG, size // _EDGE))
    last = max(size - _EDGE, 0)
    middle = [last / 2] if count == 1 else np.linspace(0, last, count)
    return [int(start) // _GRID * _GRID for start in middle]


def _bytes_behind(pixels: Any, key: tuple[int | slice, ...]) -> float:
    """Bytes of the chunks that hold a window: what has to be read for it."""
    chunks = getattr(pixels, "chunks", None)
    if not chunks or len(chunks) != len(key):
        return 0.0
    count = 1.0
    for size, chunk, index in zip(pixels.shape, chunks, key, strict=True):
        if isinstance(index, slice):
            start, stop, _ = index.indices(int(size))
        else:
            start, stop = index, index + 1
        count *= _pixels_behind(int(size), chunk, start, stop)
    return count * int(np.dtype(pixels.dtype).itemsize)


def _pixels_behind(
    size: int, chunk: int | tuple[int, ...], start: int, stop: int
) -> float:
    """Pixels of the chunks along an axis that hold a range of it."""
    if not isinstance(chunk, tuple):
        return float(min(-(-stop // chunk) * chunk, size) - start // chunk * chunk)
    edges = np.concatenate([[0], np.cumsum(chunk)])
    if np.isnan(edges).any():  # dask does not know
        return float(size)
    first = float(edges[np.searchsorted(edges, start, "right") - 1])
    return float(edges[np.searchsorted(edges, stop)]) - first


def _ordered(
    part: NDArray[Any], key: tuple[int | slice, ...], axes: Axes
) -> NDArray[Any]:
    """A window with its axes in the order Y, X and colours, without alpha."""
    kept = [axis for axis, index in enumerate(key) if isinstance(index, slice)]
    order = [kept.index(axis) for axis in axes if axis is not None]
    part = part.transpose(order)
    return part[..., :3] if axes.samples is not None else part

"""Reading an image piece by piece: a file may be larger than memory."""

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, VdsrError
from napari_vdsr.imaging.axes import find_axes
from napari_vdsr.training.opened import opened_once

if TYPE_CHECKING:
    from napari_vdsr.files import Picture
    from napari_vdsr.files.opening import OpenImage


BLOCK = 1024
"""Pixels per edge of a block; large planes are read by blocks."""

_PARTS = 8  # files larger than 1 / 8 of the memory are read by parts
_FLOAT = 4  # bytes

Piece = Callable[[], Iterator[NDArray[Any]]]
"""Reads planes of shape (C, Y, X), C being 1 or 3, in the dtype of the image."""


def file_pieces(path: Path, memory: float) -> tuple[Piece, ...]:
    """Plan one piece for a file, or several when it takes too much of `memory` (bytes).

    At least one. A damaged file raises its error when the piece is read.
    """
    from napari_vdsr.files.folders import TIFF_SUFFIXES
    from napari_vdsr.files.zarr_library import is_zarr_folder

    if not is_zarr_folder(path) and path.suffix.lower() not in TIFF_SUFFIXES:
        return (_whole(path),)  # no other file can be read by parts
    if memory == inf:
        return (_whole(path),)
    try:
        with opened_once() as opened:
            return _parts(path, opened.image(path), memory)
    except VdsrError:
        return (_whole(path),)  # raises the error when it is read


def _parts(path: Path, image: "OpenImage", memory: float) -> tuple[Piece, ...]:
    picture = image.picture
    axes = find_axes(picture.array.shape, picture.unique_axes)
    order = axes.moved_last(picture.array.ndim)
    shape = tuple(picture.array.shape[axis] for axis in order)
    nbytes = prod(shape) * _FLOAT
    if nbytes <= memory / _PARTS:
        return (_whole(path),)
    try:
        image.pixels[(slice(0),) * len(shape)]  # no pixels: only tests if it can be
    except VdsrError as error:  # a TIFF whose pages are not its planes
        if nbytes <= memory:
            return (_whole(path),)
        return (_too_large(path, nbytes, memory, error),)
    colours = axes.samples is not None
    return tuple(
        _part(path, cut, order, colours)
        for cut in _cuts(shape, colours, memory / _PARTS)
    )


def _whole(path: Path) -> Piece:
    def read() -> Iterator[NDArray[Any]]:
        picture = _picture(path)
        axes = find_axes(picture.array.shape, picture.unique_axes)
        array = picture.array.transpose(axes.moved_last(picture.array.ndim))
        yield from planes_of(array, axes.samples is not None)

    return read


def _picture(path: Path) -> "Picture":
    with opened_once() as opened:
        image = opened.image(path)
        try:
            return image.read()
        except (VdsrError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever damage leads to
            raise FileError(
                f"cannot read {path}: damaged or cut short ({error})"
            ) from error


def _too_large(path: Path, nbytes: float, memory: float, why: VdsrError) -> Piece:
    def read() -> Iterator[NDArray[Any]]:
        raise FileError(
            f"{path} can only be read whole, as {nbytes / 1e6:.3g} MB, and "
            f"{memory / 1e6:.3g} MB are allowed: save it as OME-Zarr"
        ) from why
        yield  # so that this is a generator, as all pieces are

    return read


def _part(
    path: Path, cut: tuple[slice, ...], order: tuple[int, ...], colours: bool
) -> Piece:
    """A part of a file; the axes of `cut` are in the order of the result."""

    def read() -> Iterator[NDArray[Any]]:
        stored = tuple(cut[order.index(axis)] for axis in range(len(order)))
        with opened_once() as opened:
            array = opened.image(path).pixels[stored].transpose(order)
        yield from planes_of(array, colours)

    return read


def _cuts(
    shape: tuple[int, ...], colours: bool, part: float
) -> Iterator[tuple[slice, ...]]:
    """Cut a stack into runs of planes or, when one is too large, into windows."""
    last = 3 if colours else 2
    samples = shape[2 - last :] if colours else ()
    height, width = shape[len(shape) - last :][:2]
    most = int(part / _FLOAT / prod(samples))  # pixels
    rows, columns = height, width
    if height * width > most:
        columns = max(BLOCK, most // BLOCK)
        rows = max(BLOCK, most // min(width, columns))
    stack = shape[:-last]
    for cut in product(
        *map(ranges, stack, _lengths(stack, most // (height * width))),
        ranges(height, rows),
        ranges(width, columns),
    ):
        yield (*(slice(*each) for each in cut), *(slice(size) for size in samples))


def _lengths(stack: tuple[int, ...], run: int) -> list[int]:
    """Length of a run of planes along each axis; the last one is filled first."""
    lengths = []
    for size in reversed(stack):
        length = max(1, min(size, run))
        lengths.append(length)
        run //= length
    return lengths[::-1]


def planes_of(array: NDArray[Any], colours: bool) -> Iterator[NDArray[Any]]:
    """Yield the planes of an array (..., Y, X[, S]) in shape (1 or 3, Y, X)."""
    if colours:
        planes = array.reshape(-1, *array.shape[-3:])[..., :3]
        yield from np.moveaxis(planes, -1, 1)
    else:
        yield from array.reshape(-1, 1, *array.shape[-2:])


def ranges(size: int, block: int) -> list[tuple[int, int]]:
    """Cut an axis into about equal blocks: start and stop of each."""
    count = -(-size // block)
    edges = [size * index // count for index in range(count + 1)]
    return list(pairwise(edges))

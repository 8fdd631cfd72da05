"""Sources of training images: arrays, layers, folders and packs.

A source is read piece by piece, when its pixels are needed, so that a set, or an
image, may be larger than memory.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError, VdsrError
from napari_vdsr.imaging.axes import find_axes
from napari_vdsr.imaging.dtypes import check_dtype
from napari_vdsr.imaging.luminance import FULL_RANGE
from napari_vdsr.training.pieces import BLOCK, Piece, file_pieces, planes_of, ranges

MEMORY = 2e9
"""Bytes of pixels held at a time, by default."""


@dataclass(frozen=True)
class Source:
    """One image. Images are held out as a whole."""

    name: str  # for messages
    # At least one piece; may open a file. An unreadable piece raises `VdsrError`.
    plan: Callable[[], tuple[Piece, ...]]


def find_sources(
    images: Any,
    *,
    rgb: bool | None = None,
    block: int = BLOCK,
    memory: float = MEMORY,
) -> list[Source]:
    """List the images in arrays, layers, paths, sources, or an iterable of these.

    Arrays are anything sliceable with shape and dtype: numpy, dask, zarr; `rgb` says
    whether their last axis holds colours. A path is an image file, a folder of them, or
    a pack: an ``.npz`` file of encoded images. Arrays are read by blocks of `block`
    pixels per edge. OME-Zarr and TIFF files larger than an eighth of `memory` (bytes,
    as float32) are read by planes, and larger planes by windows.

    At least one source. Raises `InputError` when there is nothing that can be an image,
    `FileError` when a path does not exist or holds no image.
    """
    if isinstance(images, Source):
        sources = [images]
    elif isinstance(images, (str, Path)):
        sources = _from_path(Path(images), memory)
    elif _is_layer(images):
        sources = [_from_layer(images, block)]
    elif _is_array(images):
        sources = [_from_array(images, "image", rgb, block)]
    elif isinstance(images, Iterable):
        sources = []
        for number, image in enumerate(images):
            if _is_array(image) and not _is_layer(image):
                sources.append(_from_array(image, f"image {number}", rgb, block))
            else:
                sources += find_sources(image, rgb=rgb, block=block, memory=memory)
    else:
        raise InputError(
            f"cannot train on a {type(images).__name__}: give an array, a layer, a "
            "folder, a file, or a list of these"
        )
    if not sources:
        raise InputError("there are no images to train on: the list is empty")
    return sources


def luminance(plane: NDArray[Any]) -> NDArray[Any]:
    """Luminance (1, Y, X) of a plane (1 or 3, Y, X), in the same dtype."""
    if len(plane) == 1:
        return plane
    grey = np.tensordot(np.array(FULL_RANGE), plane.astype(np.float64), 1)[None]
    if plane.dtype.kind in "iu":
        grey = np.rint(grey)
    return grey.astype(plane.dtype)


def _is_layer(image: Any) -> bool:
    return all(hasattr(image, name) for name in ("data", "rgb", "multiscale"))


def _is_array(image: Any) -> bool:
    return all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__"))


def _from_layer(layer: Any, block: int) -> Source:
    data = layer.data[0] if layer.multiscale else layer.data
    return _from_array(data, str(layer.name), bool(layer.rgb), block)


def _from_array(array: Any, name: str, rgb: bool | None, block: int) -> Source:
    """Blocks of all planes of an array, read when needed."""
    check_dtype(array.dtype)
    shape = tuple(int(size) for size in array.shape)
    axes = find_axes(shape, rgb=rgb)
    stack = product(*(range(size) for size in shape[: axes.y]))
    colours = axes.samples is not None
    pieces = tuple(
        _block(array, name, (*index, slice(*rows), slice(*columns)), colours)
        for index in stack
        for rows in ranges(shape[axes.y], block)
        for columns in ranges(shape[axes.x], block)
    )
    return Source(name, lambda: pieces)


def _block(array: Any, name: str, index: tuple[Any, ...], colours: bool) -> Piece:
    def read() -> Iterator[NDArray[Any]]:
        try:
            block = np.asarray(array[index])
        except (VdsrError, MemoryError):
            raise
        except Exception as error:  # damaged chunks make their libraries raise anything
            raise VdsrError(f"{name} cannot be read: {error}") from error
        yield from planes_of(block, colours)

    return read


def _from_path(path: Path, memory: float) -> list[Source]:
    if path.suffix == ".npz":
        return _from_pack(path)
    from napari_vdsr.files.zarr_library import is_zarr_folder

    if path.is_dir() and not is_zarr_folder(path):
        from napari_vdsr.files import list_images

        return [
            Source(str(file.relative_to(path)), partial(file_pieces, file, memory))
            for file in list_images(path)
        ]
    if not path.exists():
        raise FileError(
            f"{path} does not exist: give an image, a folder of images or a pack"
        )
    return [Source(path.name, partial(file_pieces, path, memory))]


def _from_pack(path: Path) -> list[Source]:
    """Images of an ``.npz`` file whose entries are encoded images as bytes."""
    try:
        with np.load(path) as pack:
            names = list(pack.files)
    except Exception as error:  # numpy and zipfile raise a dozen kinds
        raise FileError(f"{path} is no pack of images (.npz): {error}") from error
    return [Source(name, partial(_of_pack, path, name)) for name in names]


def _of_pack(path: Path, name: str) -> tuple[Piece, ...]:
    return (_packed(path, name),)


def _packed(path: Path, name: str) -> Piece:
    def read() -> Iterator[NDArray[Any]]:
        from PIL import Image

        try:
            with np.load(path) as pack:
                data = pack[name].tobytes()
            with Image.open(io.BytesIO(data)) as picture:
                colours = picture.mode not in ("L", "I;16", "I", "F")
                array = np.asarray(picture.convert("RGB") if colours else picture)
        except Exception as error:  # damaged images make the decoders raise anything
            raise VdsrError(f"{name} in {path} cannot be read: {error}") from error
        yield from planes_of(array, colours)

    return read

"""Images from wherever they are: arrays, napari layers, files and folders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.planes import check_image, is_colour
from napari_vdsr.imaging.axes import find_axes

__all__ = ["Source", "as_source", "named"]


@dataclass(frozen=True, eq=False)
class Source:
    """An image with a name, its axes in the order used here.

    Attributes
    ----------
    name : str
        For tables and captions.
    array : ndarray of any real dtype, shape (..., Y, X[, 3])
        Without alpha.
    rgb : bool
        Whether the last axis is R, G, B.
    """

    name: str
    array: NDArray[Any]
    rgb: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels in Y and X."""
        y, x = self.array.shape[-3:-1] if self.rgb else self.array.shape[-2:]
        return y, x

    def cropped(self, height: int, width: int) -> "Source":
        """Keep the upper left part."""
        rows, columns = slice(0, height), slice(0, width)
        index = (..., rows, columns, slice(None)) if self.rgb else (..., rows, columns)
        return Source(self.name, self.array[index], self.rgb)


def as_source(image: Any, name: str, rgb: bool | None = None) -> Source:
    """Take the pixels out of an array, a file or a napari layer.

    Parameters
    ----------
    image : ndarray, path or napari Image layer
        Of a multiscale layer the finest level is taken.
    name : str
        What to call it.
    rgb : bool, optional
        Whether the last axis of an array holds colours; files and layers know.

    Returns
    -------
    Source

    Raises
    ------
    InputError
        When it is no image of real numbers.
    FileError
        When a file cannot be read.
    """
    if isinstance(image, str | Path):
        array, rgb = _read(Path(image))
    elif _is_layer(image):
        data = image.data[0] if getattr(image, "multiscale", False) else image.data
        array, rgb = np.asarray(data), bool(image.rgb)
    else:
        array = np.asarray(image)
    check_image(array, name)
    colour = is_colour(array, rgb)
    return Source(name, array[..., :3] if colour else array, colour)


def named(images: Any) -> Iterator[tuple[str, Any]]:
    """Name every image of a collection, without reading it.

    Parameters
    ----------
    images : path, ndarray, layer, mapping of str to any of them, or an iterable
        A folder stands for the images within it.

    Yields
    ------
    tuple of str and ndarray, path or layer
        What `as_source` takes.
    """
    if isinstance(images, str | Path):
        yield from _files(Path(images))
    elif isinstance(images, Mapping):
        yield from images.items()
    elif hasattr(images, "dtype") or _is_layer(images):
        yield _name(images, 1), images
    elif isinstance(images, Iterable):
        for number, image in enumerate(images, 1):
            yield _name(image, number), image
    else:
        msg = (
            f"images are given as {type(images).__name__}: give a folder, a file, "
            "arrays, layers or a mapping of names to them"
        )
        raise InputError(msg)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    from napari_vdsr.files import list_images
    from napari_vdsr.files.zarr_library import is_zarr_folder

    if not path.is_dir() or is_zarr_folder(path):
        yield path.name, path
        return
    for file in list_images(path):
        yield file.relative_to(path).as_posix(), file


def _read(path: Path) -> tuple[NDArray[Any], bool]:
    """Pixels of a file with Y, X and colours as the last axes."""
    from napari_vdsr.files import read_image

    picture = read_image(path)
    axes = find_axes(picture.array.shape, picture.unique_axes)
    return picture.array.transpose(axes.moved_last(picture.array.ndim)), picture.rgb


def _is_layer(image: object) -> bool:
    """Whether it has what is used of a napari Image layer; napari stays unloaded."""
    return all(hasattr(image, name) for name in ("data", "rgb", "name", "scale"))


def _name(image: Any, number: int) -> str:
    if isinstance(image, str | Path):
        return Path(image).name
    return str(image.name) if _is_layer(image) else f"image {number}"

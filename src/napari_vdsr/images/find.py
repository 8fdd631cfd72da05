"""Images in arrays, napari layers, files, folders and packs: named, but not read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.opening import reading_from
from napari_vdsr.images.arrays import is_any_layer, is_instance, refuse_no_image
from napari_vdsr.images.open_any import Packed, is_layer


class NamedImage(NamedTuple):
    """An image and what messages and tables call it."""

    name: str
    image: Any  # what `opened` takes

    @property
    def in_file(self) -> bool:
        """Whether it has still to be read: nobody has looked at it so far."""
        return isinstance(self.image, str | Path | Packed)


@dataclass
class Found:
    """The images in what a user gives."""

    images: list[NamedImage] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # names and reasons
    remarks: list[str] = field(default_factory=list)  # on what else is in folders


def named(images: Any) -> Found:
    """Name every image of a collection, without reading it.

    Arrays, layers, files, or mappings and iterables of these. A folder stands for the
    images within it, a pack (.npz) for the encoded images that it holds. Raises
    InputError when there is nothing that can be an image, and FileError when a path
    does not exist or holds no image.
    """
    if isinstance(images, Found):
        return images
    found = Found()
    _add(images, 1, found)
    return found


def _add(images: Any, number: int, found: Found) -> None:
    if is_instance(images, "zarr", "Group"):  # which is an iterable of names
        refuse_no_image(images)
    if isinstance(images, NamedImage):
        found.images.append(images)
    elif isinstance(images, str | Path):
        if not str(images):
            raise InputError("images is an empty name: write that of a file or folder")
        with reading_from(Path(images)):
            _add_path(Path(images), found)
    elif is_layer(images):
        found.images.append(NamedImage(str(images.name), images))
    elif _is_array(images):
        found.images.append(NamedImage(f"image {number}", images))
    elif isinstance(images, Mapping):
        for name, image in images.items():
            found.images.append(NamedImage(str(name), image))
    elif isinstance(images, Iterable):
        for position, image in enumerate(images, 1):
            _add(image, position, found)
    else:
        raise InputError(
            f"images are given as {type(images).__name__}: give a folder, a file, "
            "arrays, layers or a mapping of names to them"
        )


def _is_array(images: Any) -> bool:
    """Whether numpy can take it for one image, and not for a list of images."""
    names = ("dtype", "__array__", "__array_interface__")
    kinds = isinstance(images, bytes | memoryview) or is_any_layer(images)
    return kinds or any(hasattr(images, name) for name in names)


def _add_path(path: Path, found: Found) -> None:
    from napari_vdsr.files import list_images
    from napari_vdsr.files.zarr_chunks import is_zarr_folder

    def unreadable(error: OSError) -> None:
        folder = Path(error.filename).relative_to(path).as_posix()
        found.left_out.append((folder, str(error.strerror)))

    if path.suffix.lower() == ".npz":
        found.images += _entries(path)
    elif path.is_dir() and not is_zarr_folder(path):
        found.images += [
            NamedImage(file.relative_to(path).as_posix(), file)
            for file in list_images(
                path, unreadable=unreadable, remark=found.remarks.append
            )
        ]
    elif not path.exists():
        raise FileError(
            f"{path} does not exist: give an image, a folder of images or a pack"
        )
    else:
        found.images.append(NamedImage(path.name, path))


def _entries(path: Path) -> list[NamedImage]:
    """The images of an ``.npz`` file whose entries are encoded images as bytes."""
    try:
        with np.load(path) as pack:
            return [NamedImage(name, Packed(path, name)) for name in pack.files]
    except Exception as error:  # numpy and zipfile raise a dozen kinds
        raise FileError(f"{path} is no pack of images (.npz): {error}") from error

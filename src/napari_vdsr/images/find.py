"""Images in arrays, napari layers, files, folders and packs: named, then opened."""

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError, VdsrError, VdsrWarning
from napari_vdsr.files.opening import OpenImage, Reordered, reading_from
from napari_vdsr.images.arrays import as_array, check_kind, is_any_layer, is_xarray
from napari_vdsr.images.stack import Stack, is_small, stack_of
from napari_vdsr.imaging.geometry import Axes, find_axes, letters_of


class NamedImage(NamedTuple):
    """An image and what messages and tables call it."""

    name: str
    image: Any  # what `opened` takes

    @property
    def in_file(self) -> bool:
        """Whether it has still to be read: nobody has looked at it so far."""
        return isinstance(self.image, str | Path | _Packed)


@dataclass
class Found:
    """The images in what a user gives."""

    images: list[NamedImage] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # names and reasons
    remarks: list[str] = field(default_factory=list)  # on what else is in folders


class _Packed(NamedTuple):
    """An encoded image in a pack."""

    pack: Path
    entry: str


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
    from napari_vdsr.files.folders import is_zarr_folder

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
            return [NamedImage(name, _Packed(path, name)) for name in pack.files]
    except Exception as error:  # numpy and zipfile raise a dozen kinds
        raise FileError(f"{path} is no pack of images (.npz): {error}") from error


@contextmanager
def opened(
    image: Any,
    name: str = "image",
    rgb: bool | None = None,
    *,
    axes: str | None = None,
    kept: float | None = None,
    warn: bool = True,
) -> Iterator[Stack]:
    """Open an array, a file or a napari layer, to be read plane by plane.

    Of a multiscale layer the finest level is taken. `rgb` is for arrays; files and
    layers know. `axes` are as for `upscale`: Y, X and colours may be anywhere. Up to
    `kept` bytes are read at once. Without `warn` the caller has to show the remarks of
    the stack. Raises InputError when it is no image of real numbers, and FileError when
    a file cannot be read.
    """
    if isinstance(image, str) and not image:
        raise InputError(f"the {name} is an empty name: write that of a file")
    if is_xarray(image):
        axes, image = axes or letters_of(image.dims, rgb), image.data
    if isinstance(image, _Packed):
        array = _decoded(image)
        yield Stack(array, array.ndim == 3, name=name, kept=kept)
    elif isinstance(image, str | Path):
        from napari_vdsr.files import open_image

        with open_image(image, axes_told=axes is not None, warn=False) as file:
            for remark in file.remarks if warn else ():
                warnings.warn(remark, VdsrWarning, stacklevel=4)
            yield _of_file(file, name, axes, kept)
    elif hasattr(image, "picture"):  # a file that is open already
        yield _of_file(image, name, axes, kept)
    elif is_layer(image):
        data = image.data[0] if getattr(image, "multiscale", False) else image.data
        axes = axes or letters_of(getattr(image, "axis_labels", ()))
        if axes is not None and image.rgb and len(axes) < len(data.shape):
            axes += "S"
        yield _of_array(data, name, axes, bool(image.rgb), kept)
    else:
        yield _of_array(image, name, axes, rgb, kept)


def _of_file(
    file: OpenImage,
    name: str,
    axes: str | None,
    kept: float | None,
) -> Stack:
    check_kind(file.pixels, name)
    letters = axes or file.picture.unique_axes
    small = is_small(file.pixels, kept) or not _can_be_sliced(file)
    pixels = file.read().array if small else file.pixels
    planes = _Ordered(pixels, find_axes(pixels.shape, letters))
    return Stack(
        planes,
        planes.colours,
        name=name,
        axes="".join(letters[axis] for axis in planes.order[: planes.leading]),
        kept=kept,
        remarks=file.remarks,
        ome=file.picture.metadata.ome,
    )


def _of_array(
    image: Any,
    name: str,
    axes: str | None,
    rgb: bool | None,
    kept: float | None,
) -> Stack:
    if axes is None:
        return stack_of(image, name, rgb, kept=kept)
    pixels = as_array(image, name)
    found = find_axes(tuple(int(size) for size in pixels.shape), axes, rgb)
    planes = _Ordered(pixels, found)
    return stack_of(planes, name, planes.colours, kept=kept)


class _Ordered(Reordered):
    """Pixels with Y, X and colours as the last axes, whatever their order."""

    def __init__(self, pixels: Any, axes: Axes) -> None:
        self.order = axes.moved_last(len(pixels.shape))
        super().__init__(pixels, self.order)
        self.colours = axes.samples is not None
        self.lazy = hasattr(pixels, "__dask_graph__")
        self.leading = len(self.order) - (3 if self.colours else 2)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Any:
        rest = (slice(size) for size in self.shape[len(index) :])
        return super().__getitem__((*index, *rest))


def _can_be_sliced(file: OpenImage) -> bool:
    """Whether parts of a file can be read; not if pages of a TIFF are no planes."""
    try:
        file.pixels[(slice(0, 0),) * len(file.pixels.shape)]  # reads no pixel
    except VdsrError:
        return False
    return True


def _decoded(image: _Packed) -> NDArray[Any]:
    from PIL import Image

    try:
        with np.load(image.pack) as pack:
            data = pack[image.entry].tobytes()
        with Image.open(io.BytesIO(data)) as picture:
            colours = picture.mode not in ("L", "I;16", "I", "F")
            return np.asarray(picture.convert("RGB") if colours else picture)
    except Exception as error:  # damaged images make the decoders raise anything
        raise FileError(
            f"{image.entry} in {image.pack} cannot be read: {error}"
        ) from error


def is_layer(image: object) -> bool:
    """Whether it looks like a napari Image layer; napari is not loaded for that."""
    # The rarest first: arrays of some dtypes raise when their data are asked for.
    return all(hasattr(image, name) for name in ("rgb", "scale", "name", "data"))

"""Images from wherever they are: arrays, napari layers, files and folders."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.stack import Stack, check_image, is_small, stack_of
from napari_vdsr.imaging.axes import find_axes

if TYPE_CHECKING:
    from napari_vdsr.files.opening import OpenImage


@dataclass(frozen=True, eq=False)
class Source:
    """An image with a name, its axes in the order used here."""

    name: str
    array: NDArray[Any]  # (..., Y, X[, 3]) of any real dtype, without alpha
    rgb: bool  # whether the last axis is R, G, B

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
    """Read an array, a file or a napari layer.

    Raises InputError when it is no image of real numbers, and FileError when a file
    cannot be read.
    """
    with opened(image, name, rgb) as stack:
        array = stack.whole()
    check_image(array, name)
    return Source(name, array, stack.rgb)


@contextmanager
def opened(
    image: Any,
    name: str,
    rgb: bool | None = None,
    check: Callable[[], object] = lambda: None,
) -> Iterator[Stack]:
    """Open an array, a file or a napari layer, to be read plane by plane.

    Of a multiscale layer the finest level is taken. `rgb` is for arrays; files and
    layers know. `check` is called before planes are read and may raise `Cancelled`.
    Raises InputError when it is no image of real numbers, and FileError when a file
    cannot be read.
    """
    if isinstance(image, str) and not image:
        raise InputError(f"the {name} is an empty name: write that of a file")
    if isinstance(image, str | Path):
        from napari_vdsr.files import open_image

        with open_image(image) as file:
            planes = _FilePlanes(file)
            yield stack_of(planes, name, file.picture.rgb, check)
    elif is_layer(image):
        data = image.data[0] if getattr(image, "multiscale", False) else image.data
        yield stack_of(data, name, bool(image.rgb), check)
    else:
        yield stack_of(image, name, rgb, check)


def named(images: Any) -> Iterator[tuple[str, Any]]:
    """Name every image of a collection, without reading it.

    A folder stands for the images within it. Yields names, and what `opened` takes.
    """
    if isinstance(images, str) and not images:
        raise InputError("images is an empty name: write that of a file or folder")
    if isinstance(images, str | Path):
        yield from _files(Path(images))
    elif isinstance(images, Mapping):
        yield from images.items()
    elif hasattr(images, "dtype") or is_layer(images):
        yield _name(images, 1), images
    elif isinstance(images, Iterable):
        for number, image in enumerate(images, 1):
            yield _name(image, number), image
    else:
        raise InputError(
            f"images are given as {type(images).__name__}: give a folder, a file, "
            "arrays, layers or a mapping of names to them"
        )


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    from napari_vdsr.files import list_images
    from napari_vdsr.files.zarr_library import is_zarr_folder

    if not path.is_dir() or is_zarr_folder(path):
        yield path.name, path
        return
    for file in list_images(path):
        yield file.relative_to(path).as_posix(), file


class _FilePlanes:
    """Planes of a file, with Y, X and colours as the last axes."""

    def __init__(self, file: "OpenImage") -> None:
        shape = file.picture.array.shape
        axes = find_axes(shape, file.picture.unique_axes)
        small = is_small(file.pixels)
        self._pixels: Any = file.read().array if small else file.pixels
        self._order = axes.moved_last(len(shape))
        self.shape = tuple(shape[axis] for axis in self._order)
        self.dtype = file.picture.array.dtype
        chunks = getattr(self._pixels, "chunks", None)
        self.chunks = chunks and tuple(chunks[axis] for axis in self._order)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        wanted = [at if isinstance(at, slice) else slice(at, at + 1) for at in index]
        wanted += [slice(size) for size in self.shape[len(index) :]]
        stored = (wanted[self._order.index(axis)] for axis in range(len(wanted)))
        planes: NDArray[Any] = self._pixels[tuple(stored)].transpose(self._order)
        kept = (slice(None) if isinstance(at, slice) else 0 for at in index)
        return planes[tuple(kept)]


def is_layer(image: object) -> bool:
    """Whether it looks like a napari Image layer; napari is not loaded for that."""
    return all(hasattr(image, name) for name in ("data", "rgb", "name", "scale"))


def _name(image: Any, number: int) -> str:
    if isinstance(image, str | Path):
        return Path(image).name
    return str(image.name) if is_layer(image) else f"image {number}"

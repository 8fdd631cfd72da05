"""Images that are described at once and read part by part."""

import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError, VdsrError
from napari_vdsr.files.picture import Picture
from napari_vdsr.memory import free_memory

_OUT_OF_REACH = (
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ESTALE,
)


class Pixels(Protocol):
    """Anything that gives arrays when it is sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels of every axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays that it gives."""

    def __getitem__(self, key: Any, /) -> Any:
        """The pixels of one index or slice for each axis, or for the leading ones."""


class ChangedError(FileError):
    """A file is not what it was when it was opened."""


def _changed(name: str) -> ChangedError:
    return ChangedError(
        f"{name} was changed while it was read, and the result would be of two images: "
        "run it again when the file stays as it is"
    )


@dataclass(frozen=True, eq=False)
class OpenImage:
    """An image in a file: what it is, and a way to its pixels.

    Use it in a ``with`` block, or call `close`. `picture` is all but the pixels (of its
    array, only shape and dtype mean something), `pixels` are read where they are
    sliced, and `read` gives the picture with its pixels in memory. `identity` gives
    JSON values that differ when the image is no longer the same; it may have to look at
    very many files. `remarks` say what of the file is left out.
    """

    picture: Picture
    pixels: Pixels
    identity: Callable[[], Mapping[str, Any]]
    read: Callable[[], Picture]
    close: Callable[[], None] = lambda: None
    remarks: tuple[str, ...] = ()

    def check_unchanged(self, before: Mapping[str, Any]) -> None:
        """Raise `FileError` when the image is no longer the one of this identity."""
        now = self.identity()
        if now != before:
            raise _changed(before["name"])

    def __enter__(self) -> "OpenImage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_slices(
    key: Sequence[int | slice], shape: Sequence[int]
) -> tuple[list[slice], tuple[int | slice, ...]]:
    """A slice for each axis, and the key that then drops those that have an index."""
    key = (*key, *(slice(size) for size in shape[len(key) :]))
    slices = [
        item if isinstance(item, slice) else slice(item, item + 1) for item in key
    ]
    kept = tuple(slice(None) if isinstance(item, slice) else 0 for item in key)
    sized = zip(slices, shape, strict=True)
    return [slice(*part.indices(size)[:2]) for part, size in sized], kept


def checked_pixels(
    pixels: Any, shape: Sequence[int], dtype: np.dtype[Any], which: str
) -> NDArray[Any]:
    """Pixels that were read, as an array of the shape and dtype that were announced.

    Others are refused: they would be repeated, cut or wrapped in silence.
    """
    refuse_mask(pixels)
    array = np.asarray(pixels)
    native = array.dtype.newbyteorder("="), dtype.newbyteorder("=")
    if array.shape != tuple(shape) or native[0] != native[1]:
        raise InputError(
            f"{which} is {array.dtype} of shape {array.shape}, but the image says "
            f"{dtype} of shape {tuple(shape)}: mend what makes it, or its dtype and "
            "chunks"
        )
    return array


def refuse_mask(image: object) -> None:
    """Refuse masked arrays, of which all pixels would be taken as valid."""
    # The pixels of dask; of pint; of some planes in a list.
    known = [image, getattr(image, "_meta", None), getattr(image, "magnitude", None)]
    if isinstance(image, list | tuple):
        for each in image:
            if isinstance(each, list | tuple | np.ma.MaskedArray):
                refuse_mask(each)
    if any(isinstance(each, np.ma.MaskedArray) for each in known):
        raise InputError(
            "masks are not known here: mark what is missing with NaN, such as "
            "image.astype('float32').filled(np.nan)"
        )


class Sliced:
    """Pixels that a function reads for a slice of each axis, from 0 up without steps.

    `chunks` are those of what it reads, if any; `lazy` means that it gives arrays of
    dask.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: Any,
        read: Callable[[tuple[slice, ...]], Any],
        chunks: Any = None,
        *,
        lazy: bool = False,
    ) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.chunks, self.lazy = chunks, lazy
        self._read = read

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:
        """The pixels of an index or a slice for each axis, all of those left out."""
        parts, kept = as_slices(key, self.shape)
        return self._read(tuple(parts))[kept]


def reordered(pixels: Pixels, order: Sequence[int]) -> Sliced:
    """Pixels with their axes in another order."""
    order = tuple(order)

    def read(parts: tuple[slice, ...]) -> Any:
        stored = tuple(parts[order.index(axis)] for axis in range(len(order)))
        return pixels[stored].transpose(order)

    chunks = getattr(pixels, "chunks", None)
    return Sliced(
        [pixels.shape[axis] for axis in order],
        pixels.dtype,
        read,
        chunks and tuple(chunks[axis] for axis in order),
        lazy=hasattr(pixels, "__dask_graph__"),
    )


def guarded(
    path: Path, image: OpenImage, before: Mapping[str, Any] | None = None
) -> OpenImage:
    """The same image; whatever is wrong with its file becomes a `FileError`.

    The one place where what libraries raise is translated, whichever way pixels are
    read. Pixels that cannot fit into memory are refused before they are read. `before`
    is the state of the file when it was opened: its identity is never that of another.
    """
    array, stored = image.picture.array, image.pixels

    def part(parts: tuple[slice, ...]) -> Any:
        with reading_from(path):
            return stored[parts]

    def read() -> Picture:
        with reading_from(path):
            check_memory(str(path), array.size * array.itemsize)
            read_from = identity()
            picture = image.read()
            image.check_unchanged(read_from)
            return picture

    def identity() -> Mapping[str, Any]:
        with reading_from(path):
            now = image.identity()
            if before is not None and before != state_of(path):
                raise _changed(path.name)
            return now

    chunks = getattr(stored, "chunks", None)
    pixels = Sliced(stored.shape, stored.dtype, part, chunks)
    return replace(image, pixels=pixels, read=read, identity=identity)


@contextmanager
def reading_from(path: Path) -> Iterator[None]:
    """Say which file is damaged: libraries raise whatever that leads to."""
    try:
        yield
    except VdsrError:
        raise
    except MemoryError as error:
        raise MemoryError(f"not enough memory to read {path}") from error
    except Exception as error:
        reason = f"damaged or cut short ({type(error).__name__}: {error})"
        if isinstance(error, OSError) and error.errno in _OUT_OF_REACH:
            reason = str(error.strerror)
        raise FileError(f"cannot read {path}: {reason}") from error


def check_memory(what: str, needed: int) -> None:
    """Raise `FileError` when something to be read is larger than the free memory."""
    if needed < 2**28:
        return
    free = free_memory()
    if needed > free:
        raise FileError(
            f"reading {what} needs {needed / 1e9:,.1f} GB of memory, but "
            f"{free / 1e9:,.1f} GB are free"
        )


def identity_of(path: Path, others: Sequence[Path] = ()) -> dict[str, Any]:
    """Name, size and time of a file and of others of its set, for JSON."""
    found = {"name": path.name, **state_of(path)}
    return found | ({"set": [identity_of(each) for each in others]} if others else {})


def state_of(path: Path) -> dict[str, Any]:
    """What changes when a file, or any within a folder, is changed or moved, for JSON.

    Folders count as well: their time changes when a file within is replaced.
    """
    states, latest, size = hashlib.sha256(), 0, 0
    entries = [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]
    for entry in entries:
        state = entry.stat()
        latest, size = max(latest, state.st_mtime_ns), size + state.st_size
        states.update(f"{entry.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return {
        "files": len(entries),
        "bytes": size,
        "changed_ns": latest,
        "sha256": states.hexdigest(),
    }

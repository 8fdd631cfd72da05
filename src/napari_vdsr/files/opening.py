"""Images that are described at once and read part by part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_vdsr.files.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Blocks(Protocol):
    """Anything that gives the blocks of an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels of every axis."""

    def __getitem__(self, key: tuple[slice, ...], /) -> Any:
        """The pixels of one slice for each axis."""


class Pixels(Protocol):
    """Anything that gives arrays when it is sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels of every axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays that it gives."""

    def __getitem__(self, key: tuple[int | slice, ...], /) -> Any:
        """The pixels of one index or slice for each axis."""


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

    def __enter__(self) -> "OpenImage":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def as_planned(picture: Picture, shape: tuple[int, ...], dtype: Any) -> Picture:
    """The picture without pixels: its array has this shape and takes no memory."""
    nothing: NDArray[Any] = np.broadcast_to(np.zeros((), dtype), shape)
    return replace(picture, array=nothing)


def identity_of(path: Path) -> dict[str, Any]:
    """Name, size and time of the last change of a file, for JSON."""
    return {"name": path.name, **state_of(path)}


def state_of(path: Path) -> dict[str, Any]:
    """Number of files, bytes and last change of a file or folder, for JSON."""
    found = path.rglob("*") if path.is_dir() else [path]
    states = [file.stat() for file in found if file.is_file()]
    return {
        "files": len(states),
        "bytes": sum(state.st_size for state in states),
        "changed_ns": max((state.st_mtime_ns for state in states), default=0),
    }

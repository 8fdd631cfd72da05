"""Planes that do not fit into memory, in a temporary file."""

import tempfile
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import IO, NamedTuple

import numpy as np

from napari_vdsr.errors import VdsrError
from napari_vdsr.training.planes import Plane


class _Stored(NamedTuple):
    """Where the pixels of a plane are."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    limits: tuple[float, float]


class Scratch:
    """A temporary file of pixels, which is gone as soon as nobody needs it."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._lock = Lock()

    def put(self, planes: Sequence[Plane]) -> Callable[[], list[Plane]]:
        """Write planes; give a function that reads them again, to the bit.

        Raises VdsrError when there is no room.
        """
        try:
            stored = [self._write(plane) for plane in planes]
        except OSError as error:
            raise VdsrError(
                "the training images are larger than the memory allowed for them, and "
                f"{tempfile.gettempdir()} has no room for the rest ({error.strerror}): "
                "let TMPDIR name a folder with more room, or allow more memory"
            ) from error
        return partial(self._read, stored)

    def _write(self, plane: Plane) -> _Stored:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)
            weakref.finalize(self, self._file.close)
        pixels = np.ascontiguousarray(plane.pixels)
        left = pixels.reshape(-1).view(np.uint8).data
        offset = self._file.tell()
        while left:
            left = left[self._file.write(left) :]
        return _Stored(offset, pixels.shape, pixels.dtype, plane.limits)

    def _read(self, stored: Sequence[_Stored]) -> list[Plane]:
        return [self._plane(each) for each in stored]

    def _plane(self, stored: _Stored) -> Plane:
        assert self._file is not None
        pixels = np.empty(stored.shape, stored.dtype)
        left = pixels.reshape(-1).view(np.uint8).data
        with self._lock:  # a preview may read while the training does
            self._file.seek(stored.offset)
            while left:
                count = self._file.readinto(left)  # type: ignore[attr-defined]
                if not count:
                    raise VdsrError("the temporary file of the training was cut short")
                left = left[count:]
        return Plane(pixels, stored.limits)

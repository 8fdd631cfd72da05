"""Keeping what was made of a file, for as long as the file does not change."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from napari_vdsr.last_used import LastUsed

T = TypeVar("T")

# A file changed so recently may change again without another time of change.
_SETTLED = 2_000_000_000  # nanoseconds


class FileCache(Generic[T]):
    """Makes something of each file once; keeps that of the `most` last used ones."""

    def __init__(self, make: Callable[[Path], T], most: int) -> None:
        self._make = make
        self._kept: LastUsed[tuple[str, int, int, int], T] = LastUsed(most)

    def __call__(self, path: Path) -> T:
        """What is made of this file; OSError unless it is a regular one."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a FIFO or /dev/zero has no end
            raise OSError("it is not a regular file")
        changed = status.st_mtime_ns
        key = os.path.abspath(path), changed, status.st_size, status.st_ino
        return self._kept.get(
            key,
            lambda: self._make(path),
            keep=lambda: time.time_ns() - changed > _SETTLED,
        )

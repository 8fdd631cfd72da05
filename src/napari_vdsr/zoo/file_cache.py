"""Keeping what was made of a file, for as long as the file does not change."""

import os
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Generic, TypeVar

T = TypeVar("T")

# A file changed so recently may change again without another time of change.
_SETTLED = 2_000_000_000  # nanoseconds


class FileCache(Generic[T]):
    """Makes something of each file once; keeps that of the `most` last used ones."""

    def __init__(self, make: Callable[[Path], T], most: int) -> None:
        self._make = make
        self._most = most
        self._kept: OrderedDict[tuple[str, int, int, int], T] = OrderedDict()
        self._lock = RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        """Let a child process go on: another thread may have held the lock."""
        self._lock = RLock()

    def __call__(self, path: Path) -> T:
        """What is made of this file; OSError unless it is a regular one."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a FIFO or /dev/zero has no end
            raise OSError("it is not a regular file")
        changed = status.st_mtime_ns
        key = os.path.abspath(path), changed, status.st_size, status.st_ino
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            made = self._make(path)
            if time.time_ns() - changed > _SETTLED:
                self._kept[key] = made
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return made

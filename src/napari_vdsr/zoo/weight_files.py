"""Files of weights, each opened, hashed and decoded once in a process."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_vdsr.errors import FileError, ModelError
from napari_vdsr.last_used import LastUsed
from napari_vdsr.zoo.registry import is_registered

if TYPE_CHECKING:
    from napari_vdsr.network import ConvStack
    from napari_vdsr.zoo.model import Model


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


_SUFFIXES = (".safetensors", ".pth", ".pt", ".mat", ".ckpt", ".tar", ".bin", ".onnx")
_LARGEST = 1 << 28  # bytes
_MOST = 8  # files that are kept


_decoding = RLock()


class WeightFile:
    """The content of a file: its sha256 and, once it is asked for, its network."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.models: dict[str, Model] = {}  # made of it, by name
        self._path = path
        self._data = data
        self._decoded: tuple[ConvStack, dict[str, str]] | None = None

    def decoded(self) -> "tuple[ConvStack, dict[str, str]]":
        """The network, which nobody may change, and what the file says of itself."""
        with _decoding:
            if self._decoded is None:
                self._decoded = self._decode()
                self._data = b""
            return self._decoded

    def _decode(self) -> "tuple[ConvStack, dict[str, str]]":
        from napari_vdsr.network import network_from_state
        from napari_vdsr.zoo.formats.reading import read_weights

        try:
            known = is_registered(self.sha256)
            state, metadata = read_weights(self._data, known=known)
            return network_from_state(state), metadata
        except ModelError as error:
            raise ModelError(
                f"cannot use the weights in {self._path}: {error}"
            ) from error


def is_file_like(name: str) -> bool:
    """Whether a word ends as files of weights do, and so is no name of a model."""
    return name.lower().endswith(_SUFFIXES)


def open_weights(path: Path) -> WeightFile:
    """Open a file of weights, or give it again while it has not changed."""
    try:
        return _opened(path)
    except FileNotFoundError as error:
        raise FileError(f"cannot read {path}: it does not exist") from error
    except (OSError, ValueError) as error:  # of names with a zero byte
        raise FileError(f"cannot read {path}: {error}") from error


def has_content(path: Path, sha256: str) -> bool:
    """Whether a file is there and has the expected content."""
    try:
        return open_weights(path).sha256 == sha256
    except (FileError, ModelError):
        return False


def _open(path: Path) -> WeightFile:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _LARGEST:
            return WeightFile(path, file.read(_LARGEST))
    raise ModelError(
        f"cannot use the weights in {path}: it has {size:,} bytes, more than the "
        f"{_LARGEST:,} that are read"
    )


_opened = FileCache(_open, _MOST)


def _after_fork() -> None:
    """Let a child process go on: another thread may have held the lock."""
    global _decoding
    _decoding = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""Files of weights, each opened, hashed and decoded once in a process."""

import hashlib
import os
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from napari_vdsr.errors import FileError, ModelError
from napari_vdsr.zoo.file_cache import FileCache
from napari_vdsr.zoo.registry import is_registered

if TYPE_CHECKING:
    from napari_vdsr.network import ConvStack
    from napari_vdsr.zoo.model import Model

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


def open_weights(path: Path) -> WeightFile:
    """Open a file of weights, or give it again while it has not changed."""
    try:
        return _opened(path)
    except FileNotFoundError as error:
        raise FileError(f"cannot read {path}: it does not exist") from error
    except (OSError, ValueError) as error:  # of names with a zero byte
        raise FileError(f"cannot read {path}: {error}") from error


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

"""Files of weights: fetched once and verified; opened and decoded once in a process."""

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_vdsr.errors import FetchError, FileError, ModelError
from napari_vdsr.last_used import LastUsed
from napari_vdsr.zoo.formats import read_weights
from napari_vdsr.zoo.registry import Card, is_registered

if TYPE_CHECKING:
    from napari_vdsr.network import ConvStack
    from napari_vdsr.progress import Progress

_TIMEOUT = 20  # seconds without a byte
_RETRIES = 2
_PIECE = 1024  # bytes read at a time
_REPORT_EVERY = 0.05  # seconds: more would keep a window busy

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
        self.models: dict[str, Any] = {}  # made of it, by name
        self._path = path
        self._data = data
        self._decoded: tuple[ConvStack, dict[str, str]] | None = None

    def decoded(self) -> "tuple[ConvStack, dict[str, str]]":
        """The network, which nobody may change, and what the file says of itself."""
        from napari_vdsr.network import network_from_state

        with _decoding:
            if self._decoded is not None:
                return self._decoded
            try:
                known = is_registered(self.sha256)
                state, metadata = read_weights(self._data, known=known)
                self._decoded = network_from_state(state), metadata
            except ModelError as error:
                raise ModelError(
                    f"cannot use the weights in {self._path}: {error}"
                ) from error
            self._data = b""
            return self._decoded


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


def bring(card: Card, progress: "Progress | None" = None) -> None:
    """Bring the weights of a model from one of its addresses to where its card says.

    Raises FetchError when they can be had from none of its addresses.
    """
    reasons = []
    for url in card.urls:
        try:
            _download(card, url, progress)
        except (OSError, ValueError) as error:
            reasons.append(f"{url}: {_reason(error)}")
            # Another process may have been quicker, or put it there by hand.
            if not has_content(card.path, card.sha256):
                continue
        return
    raise FetchError(
        f"could not fetch {card.name!r}: {'; '.join(reasons)}. To use it without a "
        f"download, put the file with sha256 {card.sha256} at {card.path}"
    )


def _download(card: Card, url: str, progress: "Progress | None") -> None:
    """Bring a file from one address into the cache, or raise and leave nothing."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    card.path.parent.mkdir(parents=True, exist_ok=True)
    file = card.path.name
    # To a temporary file, verified, moved into place: that is pooch's way.
    registry = pooch.create(
        path=card.path.parent,
        base_url="",
        registry={file: f"sha256:{card.sha256}"},
        urls={file: url},
        retry_if_failed=_RETRIES,
    )
    in_web = url.startswith(("http://", "https://"))
    registry.fetch(file, downloader=_downloader(card, progress) if in_web else _copy)
    with suppress(OSError):  # a shared cache is for all, but temporary files are not
        card.path.chmod(0o644)


def _copy(url: str, output_file: str, _: Any) -> None:
    shutil.copyfile(url, output_file)


def _downloader(card: Card, progress: "Progress | None") -> Callable[..., None]:
    """What pooch fetches a file with; progress is told in bytes."""
    import requests

    def download(url: str, output_file: str, _: Any) -> None:
        told, when = 0, 0.0
        with (
            requests.get(url, stream=True, timeout=_TIMEOUT) as answer,
            open(output_file, "wb") as file,
        ):
            answer.raise_for_status()
            if progress is not None:
                progress.reset(total=card.size)
            for piece in answer.iter_content(_PIECE):
                file.write(piece)
                seen = file.tell()
                if seen > card.size:
                    raise ValueError(
                        f"it is longer than the expected {card.size} bytes"
                    )
                due = time.monotonic() - when > _REPORT_EVERY or seen == card.size
                if progress is not None and due:
                    progress.update(seen - told)
                    told, when = seen, time.monotonic()

    return download


def _reason(error: Exception) -> str:
    """Why a download failed, in one line."""
    from requests import HTTPError, exceptions

    cause = _innermost(error)
    if isinstance(cause, TimeoutError) or isinstance(error, exceptions.Timeout):
        return f"the server sent nothing for {_TIMEOUT} seconds"
    if isinstance(error, HTTPError):
        return f"the server answers {str(error).partition(' for url')[0]}"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection ended before the file was complete"
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy cannot be used ({cause})"
    if isinstance(error, exceptions.SSLError):
        return f"its certificate is not trusted ({cause})"
    if isinstance(error, exceptions.ConnectionError):
        return f"no connection ({cause})"
    if isinstance(error, ValueError) and "hash" in str(error):
        return "its content is not the expected one (another sha256)"
    return str(error)


def _innermost(error: BaseException) -> BaseException:
    """What the operating system said, under the layers of libraries."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error

"""Zarrs on a disk: their chunks, and what is meant by those that are not there."""

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError
from napari_vdsr.files.opening import check_memory

ZARR_SUFFIX = ".zarr"
MARKS = ("zarr.json", ".zgroup", ".zarray")  # of which a zarr has one

SUMS = ".zsums"
"""Beside the chunks of an array that this program wrote: their checksums, in C order.

Not every codec notices damage, and those that do are not known to every reader.
"""

_BLOSC = 16  # bytes of the header of what blosc has compressed
_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", SUMS)
_COUNTED = 100_000  # chunks up to which the missing ones are counted at once
_SMALL = 256  # pixels of a chunk; ten million such chunks are no image
_MANY = 10_000_000


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr group or array, whatever its name."""
    return any((path / mark).is_file() for mark in MARKS)


def is_zarr_folder(path: Path) -> bool:
    """Whether a path is a folder that is a zarr, or is named like one."""
    return path.is_dir() and (path.suffix.lower() == ZARR_SUFFIX or is_zarr(path))


def zarr_library() -> Any:
    """Import zarr 3, or raise a `FileError` that says how to get it."""
    try:
        import zarr
    except ImportError as error:
        raise FileError(
            "reading and writing OME-Zarr needs the package zarr: "
            'pip install "napari-vdsr[zarr]"'
        ) from error
    if not hasattr(zarr, "create_array"):
        raise FileError(
            f"zarr {zarr.__version__} is too old, OME-Zarr needs zarr 3: "
            'pip install --upgrade "napari-vdsr[zarr]"'
        )
    return zarr


def checksum_of(content: bytes) -> int:
    """A number above 1 for the bytes of a chunk as they are stored."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest()) | 2


class Chunks:
    """The stored chunks of an array in a folder or a zip file.

    zarr takes a chunk that is not stored for one full of the fill value. `complete`
    says that the writer stores every chunk, so that a missing one is a lost one; an
    array without a fill value is read in the same way. `verify` means that chunks are
    compared with their checksums, where there are any.
    """

    def __init__(
        self, path: Path, array: Any, *, complete: bool, verify: bool = True
    ) -> None:
        self._path = path
        self._array = array
        self._folder = path / array.path
        self._prefix = f"{array.path}/" if array.path else ""
        self._zipped: frozenset[str] | None = None
        if path.is_file():
            with zipfile.ZipFile(path) as file:
                self._zipped = frozenset(file.namelist())
        self._seen: frozenset[str] = frozenset()  # when it was opened
        self._edges = tuple(int(edge) for edge in array.shards or array.chunks)
        self._shape = tuple(int(size) for size in array.shape)
        self._grid = [
            -(-size // max(1, edge))
            for size, edge in zip(self._shape, self._edges, strict=True)
        ]
        self._sums = self._read_sums() if verify else None  # 0 for those compared
        codecs = str(getattr(array.metadata, "codecs", None) or array.compressors)
        self._in_blosc = "blosc" in codecs.lower() and array.shards is None
        noted = array.fill_value is None or self._sums is not None
        self._complete = complete or noted

    def _read_sums(self) -> NDArray[np.uint64] | None:
        try:
            sums = np.fromfile(self._folder / SUMS, "<u8")
        except (FileNotFoundError, NotADirectoryError):  # a zip file notices damage
            return None
        if sums.size != prod(self._grid):
            raise self._changed("its number of chunks")
        return sums.reshape(self._grid)

    def _changed(self, what: str) -> FileError:
        return FileError(
            f"cannot read {self._path}: {what} is not as it was written: damaged, or "
            f"changed by another program. If that was meant, remove "
            f"{self._folder / SUMS}, which holds its checksums"
        )

    def check(self) -> tuple[str, ...]:
        """Say how many chunks are not stored, or raise `FileError`.

        An error where they cannot be meant to be the fill value, or where the declared
        sizes are absurd.
        """
        count, pixels = prod(self._grid), prod(self._edges)
        if count > _MANY and pixels < _SMALL:
            raise FileError(
                f"cannot read {self._path}: it has {count:,} chunks of {pixels} pixels "
                "each: store it again in larger chunks"
            )
        what = f"{self._path}, whose chunks have {pixels:,} pixels each,"
        check_memory(what, pixels * self._array.dtype.itemsize)
        if count > _COUNTED:
            stored = count if next(self._stored(), None) is not None else 0
        else:
            self._seen = frozenset(self._stored())
            stored = len(self._seen)
        if stored >= count:
            return ()
        if self._complete:
            self.check_region(tuple(slice(0, size) for size in self._shape))
        return (
            f"{self._path}: {count - stored:,} of {count:,} chunks are not stored and "
            f"are read as {self._array.fill_value}, the fill value",
        )

    def check_lengths(self, parts: Sequence[int | slice]) -> None:
        """Raise `FileError` when a chunk that a region touches is cut short.

        Before it is decoded: blosc's decoder reads on behind the end of what it has.
        """
        if not self._in_blosc or self._zipped is not None:
            return
        for chunk in self._touched(parts):
            key = self._array.metadata.encode_chunk_key(chunk)
            path = self._folder / key
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                header = file.read(_BLOSC)
                length = os.fstat(file.fileno()).st_size
                if length < max(_BLOSC, int.from_bytes(header[12:16], "little")):
                    raise FileError(
                        f"cannot read {self._path}: its chunk {self._prefix}{key} is "
                        "cut short"
                    )

    def check_region(self, parts: Sequence[int | slice]) -> None:
        """Raise `FileError` when a chunk that a region touches is lost or damaged.

        Also one that was there when the array was opened.
        """
        if not (self._complete or self._seen):
            return
        for chunk in self._touched(parts):
            key = self._array.metadata.encode_chunk_key(chunk)
            if (self._complete or key in self._seen) and not self._has(key):
                raise FileError(
                    f"cannot read {self._path}: its chunk {self._prefix}{key} is "
                    "missing"
                )
            if self._sums is not None and self._sums[chunk]:
                content = (self._folder / key).read_bytes()
                if checksum_of(content) != self._sums[chunk]:
                    raise self._changed(f"its chunk {self._prefix}{key}")
                self._sums[chunk] = 0

    def _touched(self, parts: Sequence[int | slice]) -> Iterator[tuple[int, ...]]:
        """The chunks that a region lies in."""
        ranges = zip(parts, self._shape, self._edges, strict=True)
        return product(*(_touched(*each) for each in ranges))

    def _has(self, key: str) -> bool:
        if self._zipped is not None:
            return f"{self._prefix}{key}" in self._zipped
        return bool((self._folder / key).is_file())

    def _stored(self) -> Iterator[str]:
        """Keys of the chunks that are files, in no order."""
        if self._zipped is not None:
            names = (name for name in self._zipped if name.startswith(self._prefix))
            start = len(self._prefix)
        else:
            names = (file.as_posix() for file in self._folder.rglob("*"))
            start = len(self._folder.as_posix()) + 1
        for name in names:
            last = name.rpartition("/")[2]
            if last.startswith(_METADATA) or last in ("", "c"):
                continue
            if not name.endswith(".partial") and (self._zipped or os.path.isfile(name)):
                yield name[start:]


class ZarrPixels:
    """The pixels of a zarr array, read where they are sliced."""

    def __init__(self, array: Any, chunks: Chunks) -> None:
        self._array = array
        self._stored = chunks
        self.shape = tuple(int(size) for size in array.shape)
        self.chunks = tuple(int(size) for size in array.chunks)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("=")

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        self._stored.check_lengths(key)
        pixels = np.asarray(self._array[key]).astype(self.dtype, copy=False)
        # Afterwards: a chunk that goes meanwhile is read as the fill value.
        self._stored.check_region(key)
        return pixels


def store_of(array: Any) -> Path | None:
    """Where the store of a zarr array is on this machine, None for anything else."""
    store = getattr(array, "store", None)
    place = getattr(store, "root", None)
    # dask opens paths by fsspec.
    if "file" in tuple(getattr(getattr(store, "fs", None), "protocol", ())):
        place = getattr(store, "path", None)
    return Path(place) if isinstance(place, str | Path) else None


def folder_of(array: Any) -> Path | None:
    """The folder of a zarr array on this machine, None for anything else."""
    store = store_of(array)
    if store is None:
        return None
    folder = store / getattr(array, "path", "")
    return folder if is_zarr(folder) else None


class Present:
    """A zarr array in a folder, which still has to be there after each reading.

    zarr reads an array that is gone as the fill value.
    """

    def __init__(self, array: Any, folder: Path) -> None:
        self.array = array
        self._folder = folder
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> Any:
        pixels = self.array[key]
        if not is_zarr(self._folder):
            raise FileError(
                f"cannot read {self._folder}: this zarr array is not there any more, "
                "or not on this machine: put it back, or open it where it is now"
            )
        return pixels


def root_of_zip(names: Any) -> str:
    """The folder in which a zarr lies within a zip file, with a slash; often none."""
    marks = [name for name in names if name.rpartition("/")[2] in _METADATA]
    shortest = min(marks, key=lambda name: (name.count("/"), name), default="")
    return shortest[: shortest.rfind("/") + 1]


def _touched(part: int | slice, size: int, edge: int) -> range:
    if not isinstance(part, slice):
        return range(part // edge, part // edge + 1)
    start, stop, _ = part.indices(size)
    return range(start // edge, -(-stop // edge) if stop > start else start // edge)

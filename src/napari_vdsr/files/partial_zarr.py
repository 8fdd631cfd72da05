"""An OME-Zarr that is being written, and which of its chunks are finished."""

import contextlib
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError
from napari_vdsr.files.atomic import already_there, bounded_name, resolved, writing_to
from napari_vdsr.files.zarr_chunks import (
    SUMS,
    Chunks,
    ZarrPixels,
    checksum_of,
    is_zarr,
    zarr_library,
)
from napari_vdsr.progress import Progress

Chunk = tuple[int, ...]
"""Which chunk along each axis."""

State = Literal["missing", "good", "damaged"]


@dataclass
class Counts:
    """Chunks made, found good from an earlier run, and found damaged and made again."""

    missing: int = 0
    good: int = 0
    damaged: int = 0


MakeAll = Callable[[int, Sequence[Chunk]], Iterable[tuple[Chunk, int]]]
"""Makes chunks of a level, and yields the checksum of each as it is done."""


WORK_IS_KEPT = (
    "Finished chunks are kept: free some space and run the same command again"
)
_CONFIGURED = Lock()  # zarr's settings are those of the whole process
_LEFTOVERS = "*.partial"  # zarr's own, of a chunk that was being written
_ZARR_FILES = ("zarr.json", ".z", "METADATA.ome.xml", ".DS_Store", "Thumbs.db")
_CHUNK_NAME = re.compile(r"c|(c\.)?\d+(\.\d+)*|.*\.partial")


def check_existing_zarr(target: Path, *, overwrite: bool) -> None:
    """Raise `FileError` when there is anything but a zarr that may be replaced."""
    if not os.path.lexists(target):
        return
    if not target.is_dir() or (any(target.iterdir()) and not is_zarr(target)):
        raise FileError(
            f"cannot write {target}: it is there already, and it is no zarr"
        )
    if not overwrite:
        raise FileError(already_there(target))
    foreign = next(foreign_files(target), None)
    if foreign is not None:
        raise FileError(
            f"cannot replace {target}: it also holds {foreign.relative_to(target)}, "
            "which is no part of a zarr: move that away, or choose another name"
        )


def foreign_files(folder: Path) -> Iterator[Path]:
    """Files in a zarr that are neither metadata nor chunks."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if not (name.startswith(_ZARR_FILES) or _CHUNK_NAME.fullmatch(name)):
                yield Path(parent, name)


class PartialZarr:
    """An image that is being written, chunk by chunk, perhaps by many processes.

    Level 0 is the finest. `levels` are its zarr arrays, `pixels` reads them and takes a
    chunk that is not there for an error. All processes `write`; only the one that
    started says of a chunk that it is finished (`note`): the checksum is put into the
    file of its level.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        zarr = zarr_library()
        try:
            self._group = group = zarr.open_group(str(folder), mode="r+")
            numbers = range(len(list(group.array_keys())))
            # Even a chunk of zeros: one that is not there is one that is not done.
            with _CONFIGURED, zarr.config.set({"array.write_empty_chunks": True}):
                self.levels: list[Any] = [group[str(number)] for number in numbers]
        except Exception as error:
            raise FileError(f"cannot open {folder}: {error}") from error
        self.pixels = [
            ZarrPixels(level, Chunks(folder, level, complete=True, verify=False))
            for level in self.levels
        ]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all levels, the finest first."""
        return [tuple(level.shape) for level in self.levels]

    def chunks(self, level: int) -> Iterator[Chunk]:
        """All chunks of a level, row by row."""
        return product(*map(range, self.levels[level].cdata_shape))

    def region(self, level: int, chunk: Chunk) -> tuple[slice, ...]:
        """The pixels of a chunk."""
        array = self.levels[level]
        return tuple(
            slice(index * edge, min((index + 1) * edge, size))
            for index, edge, size in zip(chunk, array.chunks, array.shape, strict=True)
        )

    def _sums_file(self, level: int) -> Path:
        return self.folder / str(level) / SUMS

    @cached_property
    def _sums(self) -> list[NDArray[np.uint64]]:
        """The checksum of every chunk of every level; 0 where it is not finished."""
        found = []
        with writing_to(self.folder, WORK_IS_KEPT):
            for level, array in enumerate(self.levels):
                file, grid = self._sums_file(level), array.cdata_shape
                there = file.is_file()
                sums = np.fromfile(file, "<u8") if there else np.empty(0, "<u8")
                if sums.size != prod(grid):  # a new image, or its list was damaged
                    sums = np.zeros(prod(grid), "<u8")
                    sums.tofile(file)
                found.append(sums.reshape(grid))
        return found

    def state(self, level: int, chunk: Chunk) -> State:
        """Whether a chunk is finished, and is what was written then."""
        noted = self._sums[level][chunk]
        found = self.checksum(level, chunk)
        if not noted or found is None:
            return "missing"
        return "good" if found == noted else "damaged"

    def write(self, level: int, chunk: Chunk, pixels: NDArray[Any]) -> int:
        """Write a chunk, whose pixels have the shape of its region; its checksum."""
        with writing_to(self.folder, WORK_IS_KEPT):
            self.levels[level][self.region(level, chunk)] = pixels
            checksum = self.checksum(level, chunk)
        if checksum is None:
            raise FileError(f"{self._path(level, chunk)} was removed as it was written")
        return checksum

    def note(self, level: int, chunk: Chunk, checksum: int) -> None:
        """Say that a chunk is finished."""
        sums = self._sums[level]
        sums[chunk] = checksum
        number = int(np.ravel_multi_index(chunk, sums.shape)) if chunk else 0
        with writing_to(self.folder, WORK_IS_KEPT):
            try:
                with self._sums_file(level).open("r+b") as file:
                    file.seek(number * sums.itemsize)
                    file.write(sums[chunk].tobytes())
            except FileNotFoundError as error:
                for each in self._sums:  # so that nobody takes them for finished
                    each[...] = 0
                raise FileError(
                    f"{self._sums_file(level)} was removed as {self.folder} was written"
                ) from error

    def finish(self, make_all: MakeAll, progress: Progress | None = None) -> Counts:
        """Make every chunk that is not there, level by level.

        Progress counts pixels and may raise `Cancelled`; finished chunks stay.
        """
        states: Counter[str] = Counter()
        if progress is not None:
            progress.reset(sum(map(prod, self.shapes)))

        def advance(level: int, chunk: Chunk) -> None:
            if progress is not None:
                region = self.region(level, chunk)
                progress.update(prod(one.stop - one.start for one in region))

        for level in range(len(self.levels)):
            wanted = []
            for chunk in self.chunks(level):
                state = self.state(level, chunk)
                states[state] += 1
                if state == "good":
                    advance(level, chunk)
                else:
                    wanted.append(chunk)
            for chunk, checksum in make_all(level, wanted):
                self.note(level, chunk, checksum)
                advance(level, chunk)
        return Counts(**states)

    @property
    def empty(self) -> bool:
        """Whether no chunk is finished."""
        return not any(sums.any() for sums in self._sums)

    def forget(self) -> None:
        """Take no chunk for finished any more."""
        for sums in self._sums:
            sums[...] = 0
        self.seal()

    def _path(self, level: int, chunk: Chunk) -> Path:
        key = self.levels[level].metadata.encode_chunk_key(chunk)
        return Path(self.folder, str(level), key)

    def checksum(self, level: int, chunk: Chunk) -> int | None:
        """A number for the bytes of a chunk as they are stored, if they are."""
        try:
            return checksum_of(self._path(level, chunk).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def lost(self) -> list[Path]:
        """Chunks that are not there, or were never finished."""
        return [
            self._path(level, chunk)
            for level in range(len(self.levels))
            for chunk in self.chunks(level)
            if not (self._sums[level][chunk] and self._path(level, chunk).is_file())
        ]

    def seal(self) -> None:
        """Write all checksums: in their files they may be lost or changed meanwhile."""
        with writing_to(self.folder, WORK_IS_KEPT):
            for level, sums in enumerate(self._sums):
                sums.tofile(self._sums_file(level))

    def describe(self, attributes: Mapping[str, Any]) -> None:
        """Write the attributes of the group."""
        with writing_to(self.folder, WORK_IS_KEPT):
            self._group.attrs.put(dict(attributes))

    def limits(self, axis: int | None) -> list[tuple[float, float]]:
        """Smallest and largest value of each channel, or of all, in the top level."""
        top = len(self.levels) - 1
        count = 1 if axis is None else self.shapes[0][axis]
        ranges: list[list[float]] = [[] for _ in range(count)]
        for chunk in self.chunks(top):
            pixels = self.pixels[top][self.region(top, chunk)]
            if not np.isnan(pixels).all():
                limits = float(np.nanmin(pixels)), float(np.nanmax(pixels))
                ranges[0 if axis is None else chunk[axis]] += limits
        return [(min(each), max(each)) if each else (0.0, 1.0) for each in ranges]


def move_into_place(folder: Path, target: Path, *, overwrite: bool) -> None:
    """Give a complete image its name; a zarr of this name goes when it has worked."""
    target = resolved(target)
    with writing_to(target, WORK_IS_KEPT):
        sweep(folder)
        if hasattr(os, "sync"):  # so that it outlives a power cut
            os.sync()
        check_existing_zarr(target, overwrite=overwrite)
        old = target.with_name(
            f".{bounded_name(target.name)}.{secrets.token_hex(4)}.old"
        )
        with contextlib.suppress(FileNotFoundError):
            os.rename(target, old)
        try:
            os.rename(folder, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.rename(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def sweep(part: Path) -> None:
    """Remove what a killed process was writing."""
    for leftover in part.rglob(_LEFTOVERS):
        leftover.unlink(missing_ok=True)

"""Writing an OME-Zarr image chunk by chunk, so that it can be resumed.

While it is written it lies beside its place, in a folder whose name ends in
``.part``. Another file beside it, ``.part.sums``, lists the checksum of every chunk
that is finished. A run that resumes takes only those for good; everything else is
written again.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.atomic import bounded_name, locked, resolved, writing_to
from napari_vdsr.files.multiscale import Multiscale
from napari_vdsr.files.ngff import NgffVersion, ngff_attributes
from napari_vdsr.files.zarr_chunks import Chunks, ZarrPixels
from napari_vdsr.files.zarr_library import check_existing_zarr, zarr_library

Chunk = tuple[int, ...]
"""Which chunk along each axis."""

State = Literal["missing", "good", "damaged"]

_KEY = "napari-vdsr"
_EDGE = 512  # pixels a side of a chunk
_LEFTOVERS = "*.partial"  # zarr's own, of a chunk that was being written
_CONFIGURED = Lock()  # zarr's settings are those of the whole process
_LINE = re.compile(r"(\d{1,9}) (\d{1,18}) ([0-9a-f]{16})\.")
_KEPT = "Finished chunks are kept: free some space and run the same command again"


@dataclass(frozen=True)
class ZarrPlan:
    """An image that is to be written, its axes in the order of OME-Zarr.

    `axes` has a letter for each axis, S for colours. `shapes` are those of all levels,
    the finest first.
    """

    shapes: Sequence[tuple[int, ...]]
    axes: str
    dtype: "np.dtype[Any]"
    multiscale: Multiscale
    version: NgffVersion = "0.5"

    def chunks(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a chunk: one plane of at most 512 pixels a side, all colours."""
        return tuple(
            min(size, _EDGE) if axis in "YX" else size if axis == "S" else 1
            for axis, size in zip(self.axes, shape, strict=True)
        )


def part_of(target: Path) -> Path:
    """The folder that holds an image until it is complete."""
    target = resolved(target)
    # the longest name made of it is ".NAME.part.12345678"
    return target.with_name(f"{bounded_name(target.name, 235)}.part")


def writing_alone(target: Path) -> AbstractContextManager[None]:
    """Let no other run write the same image meanwhile."""
    part = part_of(target)
    return locked(
        part.with_name(f"{part.name}.lock"),
        f"another run is writing {target}: wait for it, or stop it and run the same "
        "command again, which resumes it",
    )


def start_zarr(
    target: Path, plan: ZarrPlan, job: Mapping[str, Any], *, overwrite: bool
) -> "PartialZarr":
    """Make the folder that is written to, or resume one that is there.

    `job` is all that the pixels depend on, in values that JSON can hold; it becomes
    part of the attributes. With `overwrite` an unfinished image of another job may be
    thrown away.
    """
    zarr_library()
    check_existing_zarr(target, overwrite=overwrite)
    part, sums = part_of(target), _sums_of(part_of(target))
    job = json.loads(json.dumps(job))
    if plan.dtype.itemsize > 8:
        raise InputError(
            f"zarr cannot hold {plan.dtype.name}, as {target} would be: convert it"
        )
    with writing_to(target, _KEPT):
        if os.path.lexists(part):
            ours = sums.is_file() or _job_of(part) is not None
            reason = "was not begun by this program"
            if ours and not (reason := _difference(part, plan, job)):
                _sweep(part)
                begun = PartialZarr(part)
                if not sums.is_file():  # the folder was moved, say
                    begun.note_what_decodes()
                return begun
            if not (overwrite and ours):
                raise FileError(
                    f"{part} is there already and {reason}: to start anew remove it, "
                    "choose another name, or allow --overwrite"
                )
            shutil.rmtree(part)
        # Made under another name: a part that is there is complete in its metadata.
        new = part.with_name(f".{part.name}.{secrets.token_hex(4)}")
        try:
            _create(str(new), plan, job)
            sums.write_bytes(b"")
            os.rename(new, part)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return PartialZarr(part)


def discard(target: Path) -> None:
    """Remove an unfinished image that no run can finish."""
    part = part_of(target)
    shutil.rmtree(part, ignore_errors=True)
    _sums_of(part).unlink(missing_ok=True)


def _sums_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.sums")


def _job_of(part: Path) -> Mapping[str, Any] | None:
    """What an unfinished image was begun for, if that can be read."""
    try:
        job = zarr_library().open_group(str(part), mode="r").attrs[_KEY]
    except Exception:  # whatever is wrong with it
        return None
    return job if isinstance(job, dict) else None


def _difference(part: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> str:
    """In what an unfinished image differs from a job; empty when it is the same."""
    begun = _job_of(part)
    if begun is not None:
        for key in {**job, **begun}:
            was, now = begun.get(key), job.get(key)
            if was == now:
                continue
            if isinstance(was, dict) and isinstance(now, dict):
                inner = next(k for k in {**was, **now} if was.get(k) != now.get(k))
                key, was, now = f"{key} {inner}", was.get(inner), now.get(inner)
            return (
                f"was begun with another {key} ({was} then, {now} now); run the same "
                "command as then to resume it"
            )
    damage = _damaged_metadata(part, plan, job)
    if begun is None:
        damage = damage or "it does not say what it was begun for"
    return f"is damaged ({damage})" if damage else ""


def _damaged_metadata(part: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> str:
    """Which of the files that describe an image is not as it was written, and how.

    The attributes are not looked at: they are written again at the end.
    """
    expected: dict[str, Any] = {}
    _create(zarr_library().storage.MemoryStore(expected), plan, job)
    for name, content in expected.items():
        try:
            found = json.loads((part / name).read_bytes())
        except FileNotFoundError:
            return f"its {name} is missing"
        except (OSError, ValueError, RecursionError) as error:
            return f"its {name} cannot be read: {error}"
        written = json.loads(content.to_bytes())
        if not isinstance(found, dict):
            return f"its {name} was changed"
        changed = {
            key for key in {**found, **written} if found.get(key) != written.get(key)
        }
        if name != ".zattrs" and changed - {"attributes"}:
            return f"its {name} was changed: {', '.join(sorted(changed))}"
    return ""


def _create(where: Any, plan: ZarrPlan, job: Mapping[str, Any]) -> None:
    """Write all that describes an image, into a folder or a store of zarr."""
    zarr = zarr_library()
    old = plan.version == "0.4"
    attributes = ngff_attributes(plan.multiscale, plan.shapes, plan.version)
    group = zarr.create_group(
        where, zarr_format=2 if old else 3, attributes={**attributes, _KEY: job}
    )
    options: dict[str, Any]
    if old:  # zlib: every reader of zarr 2 knows it, and it carries a checksum
        from numcodecs import Zlib

        options = {
            "compressors": Zlib(level=1),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        from zarr.codecs import ZstdCodec

        options = {
            "compressors": ZstdCodec(level=3, checksum=True),
            "dimension_names": [axis.name for axis in plan.multiscale.axes],
        }
    for number, shape in enumerate(plan.shapes):
        chunks = plan.chunks(shape)
        group.create_array(
            str(number), shape=shape, chunks=chunks, dtype=plan.dtype, **options
        )


class PartialZarr:
    """An image that is being written, chunk by chunk, perhaps by many processes.

    Level 0 is the finest. `levels` are its zarr arrays, `pixels` reads them and takes a
    chunk that is not there for an error. All processes `write`; only the one that
    started says of a chunk that it is finished (`note`).
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
            ZarrPixels(level, Chunks(folder, level, complete=True))
            for level in self.levels
        ]
        self._sums: list[NDArray[np.uint64]] | None = None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all levels, the finest first."""
        return [tuple(level.shape) for level in self.levels]

    def _grid(self, level: int) -> tuple[int, ...]:
        array = self.levels[level]
        sizes = zip(array.shape, array.chunks, strict=True)
        return tuple(-(-size // edge) for size, edge in sizes)

    def chunks(self, level: int) -> Iterator[Chunk]:
        """All chunks of a level, row by row."""
        return product(*map(range, self._grid(level)))

    def region(self, level: int, chunk: Chunk) -> tuple[slice, ...]:
        """The pixels of a chunk."""
        array = self.levels[level]
        return tuple(
            slice(index * edge, min((index + 1) * edge, size))
            for index, edge, size in zip(chunk, array.chunks, array.shape, strict=True)
        )

    def state(self, level: int, chunk: Chunk) -> State:
        """Whether a chunk is finished, and is what was written then."""
        noted = self._noted()[level][chunk]
        found = self.checksum(level, chunk)
        if not noted or found is None:
            return "missing"
        return "good" if found == noted else "damaged"

    def write(self, level: int, chunk: Chunk, pixels: NDArray[Any]) -> int:
        """Write a chunk, whose pixels have the shape of its region; its checksum."""
        with writing_to(self.folder, _KEPT):
            self.levels[level][self.region(level, chunk)] = pixels
            checksum = self.checksum(level, chunk)
        if checksum is None:
            raise FileError(f"{self._path(level, chunk)} was removed as it was written")
        return checksum

    def note(self, level: int, chunk: Chunk, checksum: int) -> None:
        """Say that a chunk is finished."""
        self._noted()[level][chunk] = checksum
        number = np.ravel_multi_index(chunk, self._grid(level)) if chunk else 0
        with writing_to(self.folder, _KEPT), _sums_of(self.folder).open("a") as file:
            file.write(f"\n{level} {number} {checksum:016x}.")

    def note_what_decodes(self) -> None:
        """Take for finished what is there and whole, where the list of it is lost."""
        for level in range(len(self.levels)):
            for chunk in self.chunks(level):
                checksum = self.checksum(level, chunk)
                if checksum is not None and self._decodes(level, chunk):
                    self.note(level, chunk, checksum)

    def _decodes(self, level: int, chunk: Chunk) -> bool:
        try:
            self.levels[level][self.region(level, chunk)]
        except MemoryError:
            raise
        except Exception:  # codecs raise whatever damage leads to
            return False
        return True

    def forget(self) -> None:
        """Take no chunk for finished any more."""
        _sums_of(self.folder).write_bytes(b"")
        self._sums = None

    def _noted(self) -> list[NDArray[np.uint64]]:
        """The checksum of every chunk of every level; 0 where it is not finished."""
        if self._sums is not None:
            return self._sums
        counts = [self._grid(level) for level in range(len(self.levels))]
        self._sums = [np.zeros(prod(count), np.uint64) for count in counts]
        with contextlib.suppress(FileNotFoundError):
            for line in _sums_of(self.folder).read_text("ascii", "replace").split("\n"):
                if found := _LINE.fullmatch(line):  # not the half of one
                    level, number = int(found[1]), int(found[2])
                    if level < len(counts) and number < len(self._sums[level]):
                        self._sums[level][number] = int(found[3], 16)
        self._sums = [each.reshape(counts[i]) for i, each in enumerate(self._sums)]
        return self._sums

    def _path(self, level: int, chunk: Chunk) -> Path:
        key = self.levels[level].metadata.encode_chunk_key(chunk)
        return Path(self.folder, str(level), key)

    def checksum(self, level: int, chunk: Chunk) -> int | None:
        """A number for the bytes of a chunk as they are stored, if they are."""
        try:
            content = self._path(level, chunk).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest()) or 1

    def complete(self, plan: ZarrPlan, job: Mapping[str, Any]) -> None:
        """Write the attributes, channels with the intensities to show among them.

        Raises `FileError` when anything of the image is not as it was made.
        """
        lost = [
            self._path(level, chunk)
            for level in range(len(self.levels))
            for chunk in self.chunks(level)
            if not (self._noted()[level][chunk] and self._path(level, chunk).is_file())
        ]
        damage = _damaged_metadata(self.folder, plan, job)
        if lost:
            damage = damage or f"{len(lost)} chunks are missing, such as {lost[0]}"
        if damage:
            raise FileError(
                f"{self.folder} was changed while it was written: {damage}; run the "
                "same command again"
            )
        attributes = ngff_attributes(plan.multiscale, plan.shapes, plan.version)
        ome = attributes.get("ome", attributes)
        if "omero" in ome and "C" in plan.axes:
            channels = self._with_windows(ome["omero"], plan.axes.index("C"))
            ome["omero"] = {**ome["omero"], "channels": channels}
        with writing_to(self.folder, _KEPT):
            self._group.attrs.put({**attributes, _KEY: dict(job)})

    def _with_windows(self, omero: Mapping[str, Any], axis: int) -> list[Any]:
        """Channels, all of which say which intensities to show."""
        channels: list[dict[str, Any]] = omero.get("channels", [])
        known = all("window" in channel for channel in channels)
        if known or len(channels) != self.shapes[0][axis]:
            return channels
        top = len(self.levels) - 1
        ranges: list[list[float]] = [[] for _ in channels]
        for chunk in self.chunks(top):
            pixels = self.pixels[top][self.region(top, chunk)]
            if not np.isnan(pixels).all():
                ranges[chunk[axis]] += [
                    float(np.nanmin(pixels)),
                    float(np.nanmax(pixels)),
                ]
        windows = []
        for values in ranges:
            low, high = (min(values), max(values)) if values else (0.0, 1.0)
            windows.append({"min": low, "max": high, "start": low, "end": high})
        return [
            {"window": window, **channel}
            for channel, window in zip(channels, windows, strict=True)
        ]

    def finish(self, target: Path, *, overwrite: bool) -> None:
        """Move the complete image to its place, over a zarr there if that is allowed.

        The old one stays when the move fails.
        """
        target = resolved(target)
        with writing_to(target, _KEPT):
            _sweep(self.folder)
            if hasattr(os, "sync"):  # so that it outlives a power cut
                os.sync()
            check_existing_zarr(target, overwrite=overwrite)
            old = target.with_name(
                f".{bounded_name(target.name)}.{secrets.token_hex(4)}.old"
            )
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, old)
            try:
                os.rename(self.folder, target)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(old, target)
                raise
            _sums_of(self.folder).unlink(missing_ok=True)
            shutil.rmtree(old, ignore_errors=True)


def _sweep(part: Path) -> None:
    """Remove what a killed process was writing."""
    for leftover in part.rglob(_LEFTOVERS):
        leftover.unlink(missing_ok=True)

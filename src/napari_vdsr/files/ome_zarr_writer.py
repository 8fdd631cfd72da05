"""Writing an OME-Zarr image chunk by chunk, so that it can be resumed.

While it is written it lies beside its place, in a folder whose name ends in
``.part``. A chunk is finished when its file is there and decodes: every chunk is
compressed with a checksum, and even empty ones are written. So nothing but the files
themselves has to be believed after a crash.
"""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.atomic import bounded_name, locked, writing_to
from napari_vdsr.files.multiscale import Multiscale
from napari_vdsr.files.ngff import NgffVersion, ngff_attributes
from napari_vdsr.files.zarr_library import check_existing_zarr, is_zarr, zarr_library

Chunk = tuple[int, ...]
"""Which chunk along each axis."""

State = Literal["missing", "good", "damaged"]

_KEY = "napari-vdsr"
_EDGE = 512  # pixels a side of a chunk
_LEVEL = 3  # of zstd
_LEFTOVERS = "*.partial"  # zarr's own, of a chunk that was being written
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
    target = target.resolve()
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
    if plan.dtype.itemsize > 8:
        raise InputError(
            f"zarr cannot hold {plan.dtype.name}, as {target} would be: convert it"
        )
    part = part_of(target)
    job = json.loads(json.dumps(job))
    with writing_to(target, _KEPT):
        if os.path.lexists(part):
            difference = _difference(part, job)
            if not difference:
                _sweep(part)
                return PartialZarr(part)
            if not (overwrite and is_zarr(part)):
                raise FileError(
                    f"{part} is there already, {difference}: run the same command as "
                    "then to resume it, remove it, choose another name, or allow "
                    "--overwrite"
                )
            shutil.rmtree(part)
        # Made under another name: a part that is there is complete in its metadata.
        new = part.with_name(f".{part.name}.{secrets.token_hex(4)}")
        try:
            _create(new, plan, job)
            os.rename(new, part)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return PartialZarr(part)


def _difference(part: Path, job: Mapping[str, Any]) -> str:
    """In what an unfinished image differs from a job; empty when it is the same."""
    zarr = zarr_library()
    try:
        begun = zarr.open_group(str(part), mode="r").attrs[_KEY]
    except Exception:  # whatever is wrong with it, it is not what we began
        return "and it was not begun by this program"
    for key in {**job, **begun}:
        if begun.get(key) != job.get(key):
            was, now = begun.get(key), job.get(key)
            if isinstance(was, dict) and isinstance(now, dict):
                inner = next(k for k in {**was, **now} if was.get(k) != now.get(k))
                key, was, now = f"{key} {inner}", was.get(inner), now.get(inner)
            return f"begun with another {key} ({was} then, {now} now)"
    return ""


def _create(folder: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> None:
    zarr = zarr_library()
    old = plan.version == "0.4"
    attributes = ngff_attributes(plan.multiscale, plan.shapes, plan.version)
    group = zarr.create_group(
        str(folder),
        zarr_format=2 if old else 3,
        attributes={**attributes, _KEY: job},
    )
    options: dict[str, Any]
    if old:
        from numcodecs import Zstd

        options = {
            "compressors": Zstd(level=_LEVEL, checksum=True),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        from zarr.codecs import ZstdCodec

        options = {
            "compressors": ZstdCodec(level=_LEVEL, checksum=True),
            "dimension_names": [axis.name for axis in plan.multiscale.axes],
        }
    for number, shape in enumerate(plan.shapes):
        chunks = plan.chunks(shape)
        group.create_array(
            str(number), shape=shape, chunks=chunks, dtype=plan.dtype, **options
        )


class PartialZarr:
    """An image that is being written, chunk by chunk, perhaps by many processes.

    Level 0 is the finest. `levels` are its zarr arrays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        zarr = zarr_library()
        try:
            self._group = group = zarr.open_group(str(folder), mode="r+")
            numbers = range(len(list(group.array_keys())))
            # Even a chunk of zeros: one that is not there is one that is not done.
            with zarr.config.set({"array.write_empty_chunks": True}):
                self.levels: list[Any] = [group[str(number)] for number in numbers]
        except Exception as error:
            raise FileError(f"cannot open {folder}: {error}") from error

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all levels, the finest first."""
        return [tuple(level.shape) for level in self.levels]

    def chunks(self, level: int) -> Iterator[Chunk]:
        """All chunks of a level, row by row."""
        array = self.levels[level]
        counts = (
            range(-(-size // edge))
            for size, edge in zip(array.shape, array.chunks, strict=True)
        )
        return product(*counts)

    def region(self, level: int, chunk: Chunk) -> tuple[slice, ...]:
        """The pixels of a chunk."""
        array = self.levels[level]
        return tuple(
            slice(index * edge, min((index + 1) * edge, size))
            for index, edge, size in zip(chunk, array.chunks, array.shape, strict=True)
        )

    def state(self, level: int, chunk: Chunk) -> State:
        """Whether a chunk is finished, found out by decoding it."""
        array = self.levels[level]
        key = array.metadata.encode_chunk_key(chunk)
        if not (self.folder / str(level) / key).is_file():
            return "missing"
        try:
            array[self.region(level, chunk)]
        except MemoryError:
            raise
        except Exception:  # codecs raise whatever damage leads to
            return "damaged"
        return "good"

    def write(self, level: int, chunk: Chunk, pixels: NDArray[Any]) -> None:
        """Write a chunk, whose pixels have the shape of its region."""
        with writing_to(self.folder, _KEPT):
            self.levels[level][self.region(level, chunk)] = pixels

    def set_windows(self, channel_axis: int) -> None:
        """Complete channels that do not say which intensities to show.

        All levels have to be there.
        """
        attributes = dict(self._group.attrs)
        ome = attributes.get("ome", attributes)
        channels = ome.get("omero", {}).get("channels", [])
        known = all("window" in channel for channel in channels)
        if known or len(channels) != self.shapes[0][channel_axis]:
            return
        top = len(self.levels) - 1
        ranges: list[list[float]] = [[] for _ in channels]
        for chunk in self.chunks(top):
            pixels = self.levels[top][self.region(top, chunk)]
            if not np.isnan(pixels).all():
                number = chunk[channel_axis]
                ranges[number] += [float(np.nanmin(pixels)), float(np.nanmax(pixels))]
        for channel, values in zip(channels, ranges, strict=True):
            low, high = (min(values), max(values)) if values else (0.0, 1.0)
            limits = {"min": low, "max": high, "start": low, "end": high}
            channel.setdefault("window", limits)
        with writing_to(self.folder, _KEPT):
            self._group.attrs.put(attributes)

    def finish(self, target: Path, *, overwrite: bool) -> None:
        """Move the complete image to its place, over a zarr there if that is allowed.

        The old one stays when the move fails.
        """
        target = target.resolve()
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
            shutil.rmtree(old, ignore_errors=True)


def _sweep(part: Path) -> None:
    """Remove what a killed process was writing."""
    for leftover in part.rglob(_LEFTOVERS):
        leftover.unlink(missing_ok=True)

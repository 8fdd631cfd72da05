"""Writing an OME-Zarr image chunk by chunk, so that it can be gone on with.

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.atomic import already_there, is_full
from napari_vdsr.files.multiscale import Multiscale
from napari_vdsr.files.ngff_writing import (
    NgffVersion,
    level_shapes,
    ngff_attributes,
)
from napari_vdsr.files.zarr_library import is_zarr, zarr_library

__all__ = ["PartialZarr", "ZarrPlan", "begin_zarr", "check_existing_zarr", "part_of"]

Chunk = tuple[int, ...]
State = Literal["missing", "good", "damaged"]

_KEY = "napari-vdsr"
_EDGE = 512  # pixels a side of a chunk
_LEVEL = 3  # of zstd
_LEFTOVERS = "*.partial"  # zarr's own, of a chunk that was being written


@dataclass(frozen=True)
class ZarrPlan:
    """An image that is to be written.

    Attributes
    ----------
    shape : tuple of int
        With the axes in the order of OME-Zarr.
    axes : str
        A letter for each; S for colours.
    dtype : numpy.dtype
        Of the pixels.
    multiscale : Multiscale
        What the metadata are to say, axes in the same order.
    version : str
        Of OME-Zarr.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: "np.dtype[Any]"
    multiscale: Multiscale
    version: NgffVersion = "0.5"

    @property
    def yx(self) -> tuple[int, int]:
        """Which axes are Y and X."""
        return self.axes.index("Y"), self.axes.index("X")

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a chunk: one plane of at most 512 pixels a side, all colours."""
        return tuple(
            min(size, _EDGE) if axis in "YX" else size if axis == "S" else 1
            for axis, size in zip(self.axes, self.shape, strict=True)
        )


def part_of(target: Path) -> Path:
    """The folder that holds an image while it is made.

    Parameters
    ----------
    target : Path
        Where it will be.

    Returns
    -------
    Path
    """
    target = target.resolve()
    return target.with_name(f"{target.name}.part")


def check_existing_zarr(target: Path, *, overwrite: bool) -> None:
    """Refuse to write where something is, unless it is a zarr that may go.

    Parameters
    ----------
    target : Path
        The folder to make.
    overwrite : bool
        Whether an existing zarr may be replaced.

    Raises
    ------
    FileError
        When it exists.
    """
    if not os.path.lexists(target):
        return
    if not target.is_dir() or not (is_zarr(target) or _is_empty(target)):
        msg = f"cannot write {target}: it is there already, and it is no zarr"
        raise FileError(msg)
    if not overwrite:
        raise FileError(already_there(target))


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def begin_zarr(
    target: Path, plan: ZarrPlan, job: Mapping[str, Any], *, overwrite: bool
) -> "PartialZarr":
    """Make the folder that is written to, or go on with one that is there.

    Parameters
    ----------
    target : Path
        Where the image will be.
    plan : ZarrPlan
        The image.
    job : mapping
        All that its pixels depend on, in values that JSON can hold. It becomes part
        of the attributes.
    overwrite : bool
        Whether a half-made image of another job may be thrown away.

    Returns
    -------
    PartialZarr

    Raises
    ------
    InputError
        When zarr has no such dtype.
    FileError
        When the target is there already, another job has begun there, or the folder
        cannot be made.
    """
    zarr_library()
    check_existing_zarr(target, overwrite=overwrite)
    if plan.dtype.itemsize > 8:
        msg = f"zarr cannot hold {plan.dtype.name}, as {target} would be: convert it"
        raise InputError(msg)
    part = part_of(target)
    job = json.loads(json.dumps(job))
    with writing_to(target):
        if os.path.lexists(part):
            difference = _difference(part, job)
            if not difference:
                _sweep(part)
                return PartialZarr(part)
            if not (overwrite and is_zarr(part)):
                msg = (
                    f"{part} is there already, {difference}: run the same command as "
                    "then to go on with it, or remove it, or allow --overwrite"
                )
                raise FileError(msg)
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
    """In what a half-made image differs from a job; nothing when it is the same."""
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


def _sweep(part: Path) -> None:
    """Remove what a killed process was writing."""
    for leftover in part.rglob(_LEFTOVERS):
        leftover.unlink(missing_ok=True)


def _create(folder: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> None:
    zarr = zarr_library()
    old = plan.version == "0.4"
    shapes = level_shapes(plan.shape, plan.yx)
    attributes = ngff_attributes(plan.multiscale, shapes, plan.version)
    group = zarr.create_group(
        str(folder),
        zarr_format=2 if old else 3,
        attributes={**attributes, _KEY: job},
    )
    if old:
        from numcodecs import Zstd

        options: dict[str, Any] = {
            "compressors": Zstd(level=_LEVEL, checksum=True),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        from zarr.codecs import ZstdCodec

        options = {
            "compressors": ZstdCodec(level=_LEVEL, checksum=True),
            "dimension_names": [axis.name for axis in plan.multiscale.axes],
        }
    for number, shape in enumerate(shapes):
        chunks = tuple(min(pair) for pair in zip(plan.chunks, shape, strict=True))
        group.create_array(
            str(number), shape=shape, chunks=chunks, dtype=plan.dtype, **options
        )


class PartialZarr:
    """An image that is being written, chunk by chunk, perhaps by many processes.

    Parameters
    ----------
    folder : Path
        As `begin_zarr` made it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        zarr = zarr_library()
        try:
            self._group = group = zarr.open_group(str(folder), mode="r+")
            numbers = range(len(list(group.array_keys())))
            # Even a chunk of zeros: one that is not there is one that is not done.
            with zarr.config.set({"array.write_empty_chunks": True}):
                self._levels = [group[str(number)] for number in numbers]
        except Exception as error:
            msg = f"cannot open {folder}: {error}"
            raise FileError(msg) from error

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all levels, the finest first."""
        return [tuple(level.shape) for level in self._levels]

    def chunks(self, level: int) -> Iterator[Chunk]:
        """All chunks of a level, row by row.

        Parameters
        ----------
        level : int
            0 is the finest.

        Yields
        ------
        tuple of int
            Which chunk along each axis.
        """
        array = self._levels[level]
        counts = (
            range(-(-size // edge))
            for size, edge in zip(array.shape, array.chunks, strict=True)
        )
        return product(*counts)

    def region(self, level: int, chunk: Chunk) -> tuple[slice, ...]:
        """The pixels of a chunk.

        Parameters
        ----------
        level : int
            0 is the finest.
        chunk : tuple of int
            From `chunks`.

        Returns
        -------
        tuple of slice
        """
        array = self._levels[level]
        return tuple(
            slice(index * edge, min((index + 1) * edge, size))
            for index, edge, size in zip(chunk, array.chunks, array.shape, strict=True)
        )

    def state(self, level: int, chunk: Chunk) -> State:
        """Whether a chunk is finished, found out by decoding it.

        Parameters
        ----------
        level : int
            0 is the finest.
        chunk : tuple of int
            From `chunks`.

        Returns
        -------
        str
            "missing", "good" or "damaged".
        """
        array = self._levels[level]
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

    def read(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """Pixels of a level.

        Parameters
        ----------
        level : int
            0 is the finest.
        region : tuple of slice
            For each axis.

        Returns
        -------
        ndarray
        """
        return np.asarray(self._levels[level][region])

    def write(self, level: int, chunk: Chunk, pixels: NDArray[Any]) -> None:
        """Write a chunk.

        Parameters
        ----------
        level : int
            0 is the finest.
        chunk : tuple of int
            From `chunks`.
        pixels : ndarray
            Of the shape of its region.

        Raises
        ------
        FileError
            When the disk is full or the chunk cannot be written.
        """
        with writing_to(self.folder):
            self._levels[level][self.region(level, chunk)] = pixels

    def set_windows(self, channel_axis: int) -> None:
        """Complete channels that do not say which intensities to show.

        Parameters
        ----------
        channel_axis : int
            Which axis they lie along. All levels have to be there.
        """
        attributes = dict(self._group.attrs)
        ome = attributes.get("ome", attributes)
        channels = ome.get("omero", {}).get("channels", [])
        known = all("window" in channel for channel in channels)
        if known or len(channels) != self.shapes[0][channel_axis]:
            return
        top = len(self._levels) - 1
        ranges: list[list[float]] = [[] for _ in channels]
        for chunk in self.chunks(top):
            pixels = self.read(top, self.region(top, chunk))
            if not np.isnan(pixels).all():
                number = chunk[channel_axis]
                ranges[number] += [float(np.nanmin(pixels)), float(np.nanmax(pixels))]
        for channel, values in zip(channels, ranges, strict=True):
            low, high = (min(values), max(values)) if values else (0.0, 1.0)
            limits = {"min": low, "max": high, "start": low, "end": high}
            channel.setdefault("window", limits)
        with writing_to(self.folder):
            self._group.attrs.put(attributes)

    def finish(self, target: Path, *, overwrite: bool) -> None:
        """Move the image to its place, complete.

        Parameters
        ----------
        target : Path
            As for `begin_zarr`.
        overwrite : bool
            Whether a zarr that is there may be replaced.

        Raises
        ------
        FileError
            When it is there and may not, or cannot be moved.
        """
        target = target.resolve()
        with writing_to(target):
            _sweep(self.folder)
            if hasattr(os, "sync"):  # so that it outlives a power cut
                os.sync()
            check_existing_zarr(target, overwrite=overwrite)
            old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, old)
            os.rename(self.folder, target)
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Raise what goes wrong while writing in words for the user.

    Parameters
    ----------
    place : Path
        What is written to.

    Raises
    ------
    FileError
        When the disk is full or anything else is wrong with it.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or str(error)
        if is_full(error):
            reason = (
                "the disk is full or a size limit is reached. Finished chunks are "
                "kept: free some space and run the same command again to go on"
            )
        msg = f"cannot write {place}: {reason}"
        raise FileError(msg) from error

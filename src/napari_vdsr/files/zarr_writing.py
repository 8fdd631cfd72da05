"""Writing an OME-Zarr image chunk by chunk, so that it can be gone on with.

While it is written it lies beside its place, in a folder whose name ends in
``.part``. A chunk is finished when its file is there and decodes: every chunk is
compressed with a checksum, and even empty ones are written. So nothing but the files
themselves has to be believed after a crash.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError
from napari_vdsr.files.atomic import is_full
from napari_vdsr.files.zarr_library import check_existing_zarr, zarr_library

Chunk = tuple[int, ...]
State = Literal["missing", "good", "damaged"]

_LEFTOVERS = "*.partial"  # zarr's own, of a chunk that was being written


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
            raise FileError(f"cannot open {folder}: {error}") from error

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
        level, chunk
            As for `region`.

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
        level, chunk
            As for `region`.
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
            sweep(self.folder)
            if hasattr(os, "sync"):  # so that it outlives a power cut
                os.sync()
            check_existing_zarr(target, overwrite=overwrite)
            old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, old)
            try:
                os.rename(self.folder, target)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(old, target)
                raise
            shutil.rmtree(old, ignore_errors=True)


def sweep(part: Path) -> None:
    """Remove what a killed process was writing.

    Parameters
    ----------
    part : Path
        A half-made image.
    """
    for leftover in part.rglob(_LEFTOVERS):
        leftover.unlink(missing_ok=True)


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
        raise FileError(f"cannot write {place}: {reason}") from error

"""From a source that is read by parts to an OME-Zarr, chunk by chunk.

Memory does not depend on the size of the image: one chunk is in work at a time.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.zarr_writing import Chunk, PartialZarr
from napari_vdsr.imaging.reduction import reduced
from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.lazy.blocks_of_files import EnlargedPixels
from napari_vdsr.progress import Progress
from napari_vdsr.zoo.model import Model

__all__ = ["Counts", "StreamJob", "finish_all"]


@dataclass
class Counts:
    """What became of the chunks of an image.

    Attributes
    ----------
    made : int
        Were not there yet.
    good : int
        Were there, from an earlier run, and decode.
    damaged : int
        Were there and did not decode, so that they were made again.
    """

    made: int = 0
    good: int = 0
    damaged: int = 0

    def add(self, state: str) -> None:
        """Count one chunk.

        Parameters
        ----------
        state : str
            "missing", "good" or "damaged", before it was looked after.
        """
        name = "made" if state == "missing" else state
        setattr(self, name, getattr(self, name) + 1)


@dataclass(eq=False)
class StreamJob:
    """One image on its way into a half-made OME-Zarr.

    It can be sent to other processes, each of which opens source and target itself
    and makes the model ready on its own device, once.

    Attributes
    ----------
    opener : callable
        Opens the source.
    folder : Path
        The half-made image.
    axes : str
        A different letter for each axis of the source; S for colours.
    order : tuple of int
        Which axis of the source comes first, second and so on in the image.
    model : Model
        What to run.
    settings : dict
        Further arguments of `Upscaler`.
    """

    opener: Callable[[], OpenImage]
    folder: Path
    axes: str
    order: tuple[int, ...]
    model: Model
    settings: dict[str, Any] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what was opened here."""
        opened = ("part", "upscaler", "_source", "_pixels", "_lock")
        return {k: v for k, v in self.__dict__.items() if k not in opened}

    @cached_property
    def part(self) -> PartialZarr:
        """The half-made image."""
        return PartialZarr(self.folder)

    @cached_property
    def upscaler(self) -> Upscaler:
        """The model, ready on the device of this process."""
        return Upscaler(self.model, **self.settings)

    @cached_property
    def _source(self) -> OpenImage:
        return self.opener()

    @cached_property
    def _pixels(self) -> EnlargedPixels:
        shape = self.part.shapes[0]
        plane_shape = shape[self._yx[0]], shape[self._yx[1]]
        return EnlargedPixels(
            self._source.pixels, self.axes, self.order, plane_shape, self.upscaler
        )

    @cached_property
    def _lock(self) -> threading.Lock:
        return threading.Lock()

    @property
    def _yx(self) -> tuple[int, int]:
        """Y and X among the axes of the image."""
        letters = [self.axes[axis] for axis in self.order]
        return letters.index("Y"), letters.index("X")

    def close(self) -> None:
        """Close the source, if it was opened here."""
        if "_source" in self.__dict__:
            self._source.close()

    def finish(self, level: int, chunk: Chunk) -> str:
        """See to it that a chunk is there and good.

        Parameters
        ----------
        level : int
            0 is the finest; the one below has to be complete.
        chunk : tuple of int
            Which one.

        Returns
        -------
        str
            In what state it was found: "missing", "good" or "damaged".

        Raises
        ------
        InputError
            When there are infinite pixels.
        FileError
            When the source cannot be read or the chunk not be written.
        """
        state = self.part.state(level, chunk)
        if state != "good":
            region = self.part.region(level, chunk)
            if level == 0:
                with self._lock:  # a device does one thing at a time
                    pixels = self._pixels[region]
            else:
                pixels = self._reduced(level, region)
            self.part.write(level, chunk, pixels)
        return state

    def _reduced(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """A region of a level, from the level below."""
        below, here = self.part.shapes[level - 1], self.part.shapes[level]
        rows, columns = (
            resize_rows(below[axis], here[axis], region[axis].start, region[axis].stop)
            for axis in self._yx
        )
        wanted = list(region)
        wanted[self._yx[0]], wanted[self._yx[1]] = rows.source, columns.source
        pixels = np.moveaxis(
            self.part.read(level - 1, tuple(wanted)), self._yx, (-2, -1)
        )
        return np.moveaxis(reduced(pixels, rows, columns), (-2, -1), self._yx)

    def pixels_of(self, level: int, chunk: Chunk) -> int:
        """How many pixels a chunk has, for counting."""
        region = self.part.region(level, chunk)
        return prod(part.stop - part.start for part in region)


Mapper = Callable[[StreamJob, int, Sequence[Chunk]], Iterable[tuple[Chunk, str]]]
"""Looks after all chunks of a level; tells which is done as they are done."""


def finish_all(
    job: StreamJob, progress: Progress | None = None, mapper: Mapper | None = None
) -> Counts:
    """Make every chunk of an image that is not there, level by level.

    Parameters
    ----------
    job : StreamJob
        What to make.
    progress : Progress, optional
        Told of every chunk, in pixels; may raise `Cancelled`. What is finished then
        stays finished.
    mapper : callable, optional
        Does the chunks of a level; by default this process, one after the other.

    Returns
    -------
    Counts
        What was found and made.
    """
    counts = Counts()
    if progress is not None:
        progress.reset(sum(prod(shape) for shape in job.part.shapes))
    for level in range(len(job.part.shapes)):
        chunks = list(job.part.chunks(level))
        for chunk, state in (mapper or _one_by_one)(job, level, chunks):
            counts.add(state)
            if progress is not None:
                progress.update(job.pixels_of(level, chunk))
    return counts


def _one_by_one(
    job: StreamJob, level: int, chunks: Sequence[Chunk]
) -> Iterable[tuple[Chunk, str]]:
    return ((chunk, job.finish(level, chunk)) for chunk in chunks)

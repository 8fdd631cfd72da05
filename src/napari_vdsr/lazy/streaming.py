"""From a source that is read by parts to an OME-Zarr, chunk by chunk.

Memory does not depend on the size of the image: one chunk is in work at a time.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.zarr_writing import Chunk, PartialZarr
from napari_vdsr.imaging.reduction import reduced
from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.lazy.enlarged import EnlargedPixels
from napari_vdsr.lazy.worker import Recipe, upscaler_for
from napari_vdsr.progress import Progress


@dataclass(frozen=True)
class StreamJob:
    """One image on its way into a half-made OME-Zarr.

    Small, so that it can be sent along with every chunk: whoever gets it opens the
    source and the target itself.

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
    token : str
        Tells jobs apart.
    """

    opener: Callable[[], OpenImage]
    folder: Path
    axes: str
    order: tuple[int, ...]
    token: str

    @classmethod
    def of(
        cls,
        opener: Callable[[], OpenImage],
        folder: Path,
        axes: str,
        order: Sequence[int],
    ) -> "StreamJob":
        """Make a job with a token of its own.

        Parameters
        ----------
        opener, folder, axes, order
            As the attributes.

        Returns
        -------
        StreamJob
        """
        return cls(opener, folder, axes, tuple(order), uuid4().hex)


class _Opened:
    """Source and target of a job, open in this process."""

    def __init__(self, job: StreamJob, recipe: Recipe) -> None:
        self.part = PartialZarr(job.folder)
        self.source = job.opener()
        letters = [job.axes[axis] for axis in job.order]
        self.yx = letters.index("Y"), letters.index("X")
        shape = self.part.shapes[0]
        self.pixels = EnlargedPixels(
            self.source.pixels,
            job.axes,
            job.order,
            (shape[self.yx[0]], shape[self.yx[1]]),
            upscaler_for(recipe),
        )
        self.users = 0
        self._lock = Lock()

    def made(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """A region of a level, computed."""
        if level > 0:
            return self._reduced(level, region)
        with self._lock:  # readers keep what they decoded last, for one at a time
            return self.pixels[region]

    def _reduced(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """A region of a level, from the level below."""
        below, here = self.part.shapes[level - 1], self.part.shapes[level]
        rows, columns = (
            resize_rows(below[axis], here[axis], region[axis].start, region[axis].stop)
            for axis in self.yx
        )
        wanted = list(region)
        wanted[self.yx[0]], wanted[self.yx[1]] = rows.source, columns.source
        pixels = self.part.read(level - 1, tuple(wanted))
        moved = np.moveaxis(pixels, self.yx, (-2, -1))
        return np.moveaxis(reduced(moved, rows, columns), (-2, -1), self.yx)


_KEPT = 2
_open: OrderedDict[str, _Opened] = OrderedDict()
_lock = Lock()


@contextmanager
def _in_use(job: StreamJob, recipe: Recipe) -> Iterator[_Opened]:
    """What this process has open for a job; the last few stay open."""
    with _lock:
        if job.token not in _open:
            _open[job.token] = _Opened(job, recipe)
        opened = _open[job.token]
        opened.users += 1
        _open.move_to_end(job.token)
        idle = [token for token, each in _open.items() if not each.users]
        for token in idle[: max(0, len(_open) - _KEPT)]:
            _open.pop(token).source.close()
    try:
        yield opened
    finally:
        with _lock:
            opened.users -= 1


def _close(job: StreamJob) -> None:
    with _lock:
        opened = _open.pop(job.token, None)
    if opened is not None:
        opened.source.close()


def finish_chunk(job: StreamJob, recipe: Recipe, level: int, chunk: Chunk) -> str:
    """See to it that a chunk is there and good.

    Parameters
    ----------
    job : StreamJob
        Of which image.
    recipe : Recipe
        With which model, and how it is run.
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
    with _in_use(job, recipe) as opened:
        state = opened.part.state(level, chunk)
        if state != "good":
            pixels = opened.made(level, opened.part.region(level, chunk))
            opened.part.write(level, chunk, pixels)
    return state


@dataclass
class Counts:
    """What became of the chunks of an image.

    Attributes
    ----------
    missing : int
        Were made.
    good : int
        Were there, from an earlier run, and decode.
    damaged : int
        Were there and did not decode, so that they were made again.
    """

    missing: int = 0
    good: int = 0
    damaged: int = 0


Mapper = Callable[
    [StreamJob, Recipe, int, Sequence[Chunk]], Iterable[tuple[Chunk, str]]
]
"""Finishes all chunks of a level, and tells of each as it is done."""


def finish_all(
    job: StreamJob,
    recipe: Recipe,
    mapper: Mapper | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Make every chunk of an image that is not there, level by level.

    Parameters
    ----------
    job : StreamJob
        What to make.
    recipe : Recipe
        With which model, and how it is run.
    mapper : callable, optional
        Finishes the chunks of a level; by default this process, one by one.
    progress : Progress, optional
        Told of every chunk, in pixels; may raise `Cancelled`. What is finished then
        stays finished.

    Returns
    -------
    Counts
        What was found and made.
    """
    part, counts = PartialZarr(job.folder), Counts()
    if progress is not None:
        progress.reset(sum(prod(shape) for shape in part.shapes))
    try:
        for level in range(len(part.shapes)):
            chunks = list(part.chunks(level))
            for chunk, state in (mapper or _one_by_one)(job, recipe, level, chunks):
                setattr(counts, state, getattr(counts, state) + 1)
                if progress is not None:
                    region = part.region(level, chunk)
                    progress.update(prod(one.stop - one.start for one in region))
    finally:
        _close(job)
    return counts


def _one_by_one(
    job: StreamJob, recipe: Recipe, level: int, chunks: Sequence[Chunk]
) -> Iterable[tuple[Chunk, str]]:
    return ((chunk, finish_chunk(job, recipe, level, chunk)) for chunk in chunks)

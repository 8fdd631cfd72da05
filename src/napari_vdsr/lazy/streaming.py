"""From a source that is read by parts to an OME-Zarr, chunk by chunk.

Memory does not depend on the size of the image: one chunk is in work at a time.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from numpy.typing import NDArray

from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.partial_zarr import Chunk, PartialZarr
from napari_vdsr.files.picture import as_shown
from napari_vdsr.imaging.axes import Axes
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.lazy.pyramid import region_of_level
from napari_vdsr.lazy.worker import UpscaleSettings, upscaler_for
from napari_vdsr.progress import Progress


@dataclass(frozen=True)
class StreamJob:
    """One image on its way into an unfinished OME-Zarr.

    Small, so that it can be sent along with every chunk: whoever gets it opens the
    source and the target itself. `axes` are those of the source, `order` says which of
    them comes first, second and so on in the result.
    """

    opener: Callable[[], OpenImage]
    folder: Path
    axes: Axes
    order: tuple[int, ...]
    token: str = field(default_factory=lambda: uuid4().hex)


class _Opened:
    """Source and target of a job, open in this process."""

    def __init__(self, job: StreamJob, settings: UpscaleSettings) -> None:
        self.part = PartialZarr(job.folder)
        self.source = job.opener()
        self.users = 0
        self._job = job
        self._axes = job.axes.ordered(job.order)  # of the result
        self._upscaler = upscaler_for(settings)
        self._lock = Lock()

    def made(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """A region of a level, computed.

        The level with as many pixels as the source is the source, as in a viewer.
        """
        shape = self.part.shapes[level]
        plane = shape[self._axes.y], shape[self._axes.x]
        source, (y, x, _) = self.source.pixels, self._job.axes
        if level > 0 and plane != (source.shape[y], source.shape[x]):
            below = self.part.pixels[level - 1]
            return region_of_level(below, shape, self._axes, region)
        enlarged = EnlargedArray(
            source, self._job.axes, plane, self._upscaler, order=self._job.order
        )
        with self._lock:  # readers keep what they decoded last, for one at a time
            pixels = enlarged[region]
        return as_shown(pixels, self.source.picture.metadata, self._axes.samples)


_KEPT = 2
_open: OrderedDict[str, _Opened] = OrderedDict()
_lock = Lock()


@contextmanager
def _in_use(job: StreamJob, settings: UpscaleSettings) -> Iterator[_Opened]:
    """What this process has open for a job; the last few stay open."""
    with _lock:
        if job.token not in _open:
            _open[job.token] = _Opened(job, settings)
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


def make_chunk(
    job: StreamJob, settings: UpscaleSettings, level: int, chunk: Chunk
) -> int:
    """Make a chunk, and return its checksum.

    Level 0 is the finest; the level before this one has to be complete.
    """
    with _in_use(job, settings) as opened:
        pixels = opened.made(level, opened.part.region(level, chunk))
        return opened.part.write(level, chunk, pixels)


@dataclass
class Counts:
    """Chunks made, found good from an earlier run, and found damaged and made again."""

    missing: int = 0
    good: int = 0
    damaged: int = 0


Mapper = Callable[
    [StreamJob, UpscaleSettings, int, Sequence[Chunk]], Iterable[tuple[Chunk, int]]
]
"""Makes chunks of a level, and yields the checksum of each as it is done."""


def finish_all(
    job: StreamJob,
    settings: UpscaleSettings,
    part: PartialZarr,
    mapper: Mapper | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Make every chunk of an image that is not there, level by level.

    Progress counts pixels and may raise `Cancelled`; finished chunks stay. Without a
    mapper this process makes the chunks one by one.
    """
    counts = Counts()
    if progress is not None:
        progress.reset(sum(prod(shape) for shape in part.shapes))

    def advance(level: int, chunk: Chunk) -> None:
        if progress is not None:
            region = part.region(level, chunk)
            progress.update(prod(one.stop - one.start for one in region))

    try:
        for level in range(len(part.shapes)):
            wanted = []
            for chunk in part.chunks(level):
                state = part.state(level, chunk)
                setattr(counts, state, getattr(counts, state) + 1)
                if state == "good":
                    advance(level, chunk)
                else:
                    wanted.append(chunk)
            for chunk, checksum in (mapper or _one_by_one)(
                job, settings, level, wanted
            ):
                part.note(level, chunk, checksum)
                advance(level, chunk)
    finally:
        _close(job)
    return counts


def _one_by_one(
    job: StreamJob, settings: UpscaleSettings, level: int, chunks: Sequence[Chunk]
) -> Iterable[tuple[Chunk, int]]:
    return ((chunk, make_chunk(job, settings, level, chunk)) for chunk in chunks)

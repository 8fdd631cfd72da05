"""From a source that is read by parts to an OME-Zarr, chunk by chunk.

Memory does not depend on the size of the image: one chunk is in work at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from threading import Lock
from typing import Any

from numpy.typing import NDArray

from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.partial_zarr import Chunk, PartialZarr
from napari_vdsr.files.picture import as_shown
from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.lazy.pyramid import region_of_level
from napari_vdsr.lazy.worker import UpscaleSettings, upscaler_for
from napari_vdsr.progress import Progress


class Stream:
    """The pixels of an image on their way into an unfinished OME-Zarr.

    `axes` are those of the source, `order` says which of them comes first, second and
    so on in the result. Several threads may use one.
    """

    def __init__(
        self,
        source: OpenImage,
        part: PartialZarr,
        axes: Axes,
        order: Sequence[int],
        settings: UpscaleSettings,
    ) -> None:
        self._source, self._part = source, part
        self._axes, self._order, self._settings = axes, tuple(order), settings
        self._lock = Lock()

    def make_all(
        self, level: int, chunks: Iterable[Chunk]
    ) -> Iterable[tuple[Chunk, int]]:
        """Make chunks one by one, and yield the checksum of each."""
        return ((chunk, self.make(level, chunk)) for chunk in chunks)

    def make(self, level: int, chunk: Chunk) -> int:
        """Make a chunk, and return its checksum.

        Level 0 is the finest; the level before this one has to be complete.
        """
        region = self._part.region(level, chunk)
        return self._part.write(level, chunk, self._pixels(level, region))

    def _pixels(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """A region of a level, as a zarr can say it.

        The level with as many pixels as the source is the source, as in a viewer.
        """
        shape, axes = self._part.shapes[level], self._axes.ordered(self._order)
        plane = shape[axes.y], shape[axes.x]
        source, (y, x, _) = self._source.pixels, self._axes
        if level > 0 and plane != (source.shape[y], source.shape[x]):
            below = self._part.pixels[level - 1]
            return region_of_level(below, shape, axes, region)
        enlarged = EnlargedArray(
            source,
            self._axes,
            plane,
            upscaler_for(self._settings),
            order=self._order,
        )
        with self._lock:  # readers keep what they decoded last, for one at a time
            pixels = enlarged[region]
        return as_shown(pixels, self._source.picture.metadata, axes.samples)


@dataclass
class Counts:
    """Chunks made, found good from an earlier run, and found damaged and made again."""

    missing: int = 0
    good: int = 0
    damaged: int = 0


MakeAll = Callable[[int, Sequence[Chunk]], Iterable[tuple[Chunk, int]]]
"""Makes chunks of a level, and yields the checksum of each as it is done."""


def finish_all(
    part: PartialZarr, make_all: MakeAll, progress: Progress | None = None
) -> Counts:
    """Make every chunk of an image that is not there, level by level.

    Progress counts pixels and may raise `Cancelled`; finished chunks stay.
    """
    counts = Counts()
    if progress is not None:
        progress.reset(sum(prod(shape) for shape in part.shapes))

    def advance(level: int, chunk: Chunk) -> None:
        if progress is not None:
            region = part.region(level, chunk)
            progress.update(prod(one.stop - one.start for one in region))

    for level in range(len(part.shapes)):
        wanted = []
        for chunk in part.chunks(level):
            state = part.state(level, chunk)
            setattr(counts, state, getattr(counts, state) + 1)
            if state == "good":
                advance(level, chunk)
            else:
                wanted.append(chunk)
        for chunk, checksum in make_all(level, wanted):
            part.note(level, chunk, checksum)
            advance(level, chunk)
    return counts

"""An enlarged OME-Zarr from any image that is read by parts, chunk by chunk.

Memory does not depend on the size of the image: one chunk is in work at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.ngff import NgffVersion, ngff_order
from napari_vdsr.files.ome_zarr_writer import (
    ZarrPlan,
    described,
    discard,
    finish_zarr,
    start_zarr,
    writing_alone,
)
from napari_vdsr.files.opening import ChangedError, OpenImage
from napari_vdsr.files.partial_zarr import Chunk, PartialZarr
from napari_vdsr.files.picture import Picture, as_shown
from napari_vdsr.imaging.geometry import Axes, Enlargement
from napari_vdsr.imaging.intensities import check_dtype
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.last_used import LastUsed
from napari_vdsr.lazy.cluster import Cluster, UpscaleSettings, upscaler_for
from napari_vdsr.lazy.pyramid import reduced_shapes, region_of_level
from napari_vdsr.progress import Progress
from napari_vdsr.version import __version__


@dataclass(frozen=True)
class Task:
    """An image that is read by parts, and its enlargement.

    `picture` is the source as the user sees it, without its pixels; `axes` has a
    different letter for each of its axes (S for colours enlarged together). `opener`
    gives `image` once more in other processes, which have to see the `places`.
    """

    image: OpenImage
    picture: Picture
    axes: str
    plan: Enlargement
    opener: Callable[[], OpenImage]
    places: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Target:
    """Where a result goes, and in which version an OME-Zarr.

    `spread` is the file for the spread of an ensemble.
    """

    path: Path
    overwrite: bool = False
    ome_zarr: NgffVersion = "0.5"
    spread: Path | None = None


@dataclass
class Counts:
    """Chunks made, found good from an earlier run, and found damaged and made again."""

    missing: int = 0
    good: int = 0
    damaged: int = 0


def stream_to_zarr(
    task: Task,
    target: Target,
    settings: UpscaleSettings,
    *,
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Enlarge an image into an OME-Zarr, or resume an earlier run that was stopped.

    The workers of a cluster make the chunks, if one is given. Finished chunks are kept
    when this raises.
    """
    picture, enlarged = task.picture, task.plan
    # By its name, which C has two types for at times: zarr knows one of them.
    dtype: np.dtype[Any] = np.dtype(check_dtype(picture.array.dtype).name)
    order = ngff_order(picture.axes, str(target.path))
    shape = tuple(enlarged.shape[axis] for axis in order)
    places = described(picture).resized(picture.array.shape, enlarged.shape)
    places = replace(places, name=places.name or target.path.stem)
    plan = ZarrPlan(
        [shape, *reduced_shapes(shape, enlarged.axes.ordered(order))],
        "".join(task.axes[axis] for axis in order),
        dtype,
        places.ordered(order),
        target.ome_zarr,
    )
    identity = task.image.identity()
    # All that the pixels depend on: a run with any other value does not resume.
    job = {
        "version": __version__,
        "source": dict(identity),
        "axes": task.axes,
        **settings.options.identity(),
        "factor": list(enlarged.factors),
        "shape": list(shape),
        "dtype": dtype.name,
        "OME-Zarr": target.ome_zarr,
        "levels": "mean",
    }
    with writing_alone(target.path):
        part = start_zarr(target.path, plan, job, overwrite=target.overwrite)
        make_all: MakeAll
        if cluster is None:
            make_all = Stream(task.image, part, enlarged.axes, order, settings).make_all
        else:
            sent = StreamJob(task.opener, part.folder, enlarged.axes, order)
            make_all = partial(cluster.make_all, sent.make, settings)
        try:
            counts = finish_all(part, make_all, progress)
            task.image.check_unchanged(identity)
        except InputError:  # of the pixels: no later run can finish it
            discard(target.path)
            raise
        except ChangedError:  # which chunks are of which image is not known
            part.forget()
            raise
        except FileError:  # of the source, as a rule
            if part.empty:
                discard(target.path)
            raise
        finish_zarr(part, target.path, plan, job, overwrite=target.overwrite)
    return counts


@dataclass(frozen=True)
class Stream:
    """The pixels of an image on their way into an unfinished OME-Zarr.

    `axes` are those of the source, `order` says which of them comes first, second and
    so on in the result. Several threads may use one.
    """

    source: OpenImage
    part: PartialZarr
    axes: Axes
    order: tuple[int, ...]
    settings: UpscaleSettings
    _lock: Lock = field(default_factory=Lock)

    def make_all(
        self, level: int, chunks: Iterable[Chunk]
    ) -> Iterable[tuple[Chunk, int]]:
        """Make chunks one by one, and yield the checksum of each."""
        return ((chunk, self.make(level, chunk)) for chunk in chunks)

    def make(self, level: int, chunk: Chunk) -> int:
        """Make a chunk, and return its checksum.

        Level 0 is the finest; the level before this one has to be complete.
        """
        region = self.part.region(level, chunk)
        return self.part.write(level, chunk, self._pixels(level, region))

    def _pixels(self, level: int, region: tuple[slice, ...]) -> NDArray[Any]:
        """A region of a level, as a zarr can say it.

        The level with as many pixels as the source is the source, as in a viewer.
        """
        shape, axes = self.part.shapes[level], self.axes.ordered(self.order)
        plane = shape[axes.y], shape[axes.x]
        source, (y, x, _) = self.source.pixels, self.axes
        if level > 0 and plane != (source.shape[y], source.shape[x]):
            below = self.part.pixels[level - 1]
            return region_of_level(below, shape, axes, region)
        upscaler = upscaler_for(self.settings)
        enlarged = EnlargedArray(source, self.axes, plane, upscaler, order=self.order)
        with self._lock:  # readers keep what they decoded last, for one at a time
            pixels = enlarged[region]
        return as_shown(pixels, self.source.picture.metadata, axes.samples)


_open: LastUsed[str, Stream] = LastUsed(2)  # images that a worker has open


@dataclass(frozen=True)
class StreamJob:
    """One image on its way into an unfinished OME-Zarr, as it is sent to workers.

    Small, so that it can be sent along with every chunk: whoever gets it opens the
    source and the target itself. Otherwise as for `Stream`.
    """

    opener: Callable[[], OpenImage]
    folder: Path
    axes: Axes
    order: tuple[int, ...]
    token: str = field(default_factory=lambda: uuid4().hex)

    def make(self, settings: UpscaleSettings, level: int, chunk: Chunk) -> int:
        """Make a chunk in this process; what it opens for that stays open for others.

        An image that another thread still reads is closed by the garbage collector.
        """
        stream = _open.get(self.token, lambda: self._stream(settings))
        return stream.make(level, chunk)

    def _stream(self, settings: UpscaleSettings) -> Stream:
        part = PartialZarr(self.folder)
        return Stream(self.opener(), part, self.axes, self.order, settings)


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

"""From an image that is read by parts to an enlarged file.

In memory, by parts, or chunk by chunk into an OME-Zarr: whatever fits the size and the
format. Chunk by chunk, memory does not depend on the size: one is in work at a time.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError, VdsrError
from napari_vdsr.files import Metadata, Picture, check_output, write_image
from napari_vdsr.files.atomic import resolved
from napari_vdsr.files.folders import TIFF_SUFFIXES
from napari_vdsr.files.image_files import Source
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
from napari_vdsr.files.partial_zarr import Chunk, Counts, PartialZarr
from napari_vdsr.files.picture import as_shown, planned_array
from napari_vdsr.files.zarr_chunks import ZARR_SUFFIX
from napari_vdsr.imaging.geometry import Axes, Enlargement
from napari_vdsr.imaging.intensities import check_dtype
from napari_vdsr.imaging.resample import reduced_shapes, region_of_level
from napari_vdsr.inference.enlarged_array import (
    EnlargedArray,
    Enlarger,
    upscale_array,
    warn_of_factors,
)
from napari_vdsr.last_used import LastUsed
from napari_vdsr.memory import free_memory
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from napari_vdsr.lazy.cluster import Cluster, UpscaleSettings

_LARGE = 2**26
"""Bytes of a result above which a TIFF file is written by parts."""


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


@dataclass(frozen=True)
class Done:
    """What was written."""

    picture: Picture  # perhaps without its pixels
    axes: str  # the letters of `Task.axes`, in the order of the result
    precision: str  # of the hidden layers
    chunks: Counts | None = None  # of an OME-Zarr


def upscale_file(
    task: Task,
    target: Target,
    options: RunOptions,
    *,
    source: Source = None,
    planes_last: bool = True,
    cluster: "Cluster | None" = None,
    progress: Progress | None = None,
) -> Done:
    """Enlarge an image into a file by the method that fits it.

    `source` names files that are never written to, `planes_last` says whether Y and X
    may become the last axes of a TIFF, and `cluster` makes the chunks of an OME-Zarr.
    Progress counts pixels and may raise `Cancelled`. When this raises, no target is
    left, but the finished chunks of an OME-Zarr are kept beside it and the next run
    resumes there. The spread of an ensemble gets a file of its own, and both are made
    in memory: raises `InputError` for that of an OME-Zarr.
    """
    options = replace(options, spread=target.spread is not None)
    if target.path.suffix.lower() == ZARR_SUFFIX:
        if target.spread is not None:
            raise InputError(
                f"the spread is made in memory, but {target.path} chunk by chunk: "
                "write a .tif, or leave the spread out"
            )
        return _into_zarr(task, target, options, cluster, progress)
    count = len(task.axes)
    order = task.plan.axes.moved_last(count) if planes_last else tuple(range(count))
    planned = _planned(task, order)
    where: dict[str, Any] = {"overwrite": target.overwrite, "source": source}
    check_output(target.path, planned, **where)
    if target.spread is not None:
        if resolved(target.spread) == resolved(target.path):
            raise InputError(
                f"the spread cannot go into {target.spread}, which is the result "
                "itself: name another file"
            )
        dtype = options.result_dtype(planned.array.dtype)["spread"]
        empty = planned_array(planned.array.shape, dtype)
        check_output(target.spread, _spread_beside(planned, empty), **where)
    if _is_large(task, target, order):
        unchanged = partial(task.image.check_unchanged, task.image.identity())
        parts = _by_parts(task, options, order, progress)
        write_image(target.path, planned, pixels=parts, check=unchanged, **where)
    else:
        pixels, *spreads = _in_memory(task, target, options, order, progress)
        planned = task.picture.reordered(order).enlarged(pixels)
        beside = None  # what is written before the result gets its name
        if target.spread is not None:
            spread = _spread_beside(planned, spreads[0])
            beside = partial(write_image, target.spread, spread, **where)
        write_image(target.path, planned, check=beside, **where)
    return Done(planned, _ordered(task.axes, order), options.precision)


def _planned(task: Task, order: Sequence[int]) -> Picture:
    """The result, without its pixels."""
    planned = planned_array(task.plan.shape, task.picture.array.dtype)
    return task.picture.enlarged(planned).reordered(order)


def _spread_beside(result: Picture, spread: NDArray[Any]) -> Picture:
    """The spread as an image of its own, to which a file's colour maps do not apply."""
    return replace(result, array=spread, metadata=Metadata())


def _ordered(axes: str, order: Sequence[int]) -> str:
    return "".join(axes[axis] for axis in order)


def _is_large(task: Task, target: Target, order: Sequence[int]) -> bool:
    """Whether a result should be written by parts rather than made in memory."""
    stored = _ordered(task.picture.axes, order)
    colours_apart = "S" in task.axes and not stored.endswith("S")
    return (
        _bytes(task) > _LARGE
        and target.path.suffix.lower() in TIFF_SUFFIXES
        and stored.endswith(("YX", "YXS"))
        and not colours_apart
        and target.spread is None
    )


def _bytes(task: Task) -> int:
    return math.prod(task.plan.shape) * task.picture.array.dtype.itemsize


def _in_memory(
    task: Task,
    target: Target,
    options: RunOptions,
    order: Sequence[int],
    progress: Progress | None,
) -> tuple[NDArray[Any], ...]:
    """The full result, and its spread if there is to be one."""
    needed, free = _bytes(task), free_memory()
    other = "write an OME-Zarr (.zarr), which is made chunk by chunk"
    if target.spread is not None:
        kind = options.result_dtype(task.picture.array.dtype)
        needed = 2 * math.prod(task.plan.shape) * kind.itemsize  # made, then parted
        other = "leave the spread out"
    if needed > free:
        raise VdsrError(
            f"making {target.path} needs {needed / 1e9:.1f} GB of memory, but "
            f"{free / 1e9:.1f} GB are free: use a smaller factor, or {other}"
        )
    result = upscale_array(
        task.image.read().array.transpose(order),
        task.plan.factors,
        options,
        axes=_ordered(task.axes, order),
        progress=progress,
    )
    return result if isinstance(result, tuple) else (result,)


def _by_parts(
    task: Task, options: RunOptions, order: Sequence[int], progress: Progress | None
) -> EnlargedArray:
    """The result, of which each tile is made when it is written."""
    from napari_vdsr.inference.upscaler import kept_upscaler

    warn_of_factors(task.plan.factors, options.load())
    enlarged = EnlargedArray(
        task.image.pixels,
        task.plan.axes,
        task.plan.plane_shape,
        kept_upscaler(options.with_range(task.image.pixels)),
        order=order,
        progress=progress,
    )
    if progress is not None:
        progress.reset(enlarged.pixels)
    return enlarged


def _into_zarr(
    task: Task,
    target: Target,
    options: RunOptions,
    cluster: "Cluster | None",
    progress: Progress | None,
) -> Done:
    """Make an OME-Zarr chunk by chunk, or resume one that is unfinished.

    The workers of a cluster make the chunks, if one is given.
    """
    picture, enlarged = task.picture, task.plan
    warn_of_factors(enlarged.factors, options.load())
    options = options.with_range(task.image.pixels)
    if cluster is not None:
        places = *task.places, target.path.resolve().parent
        options = cluster.agree_on_precision(options, *places)
    # By its name, which C has two types for at times: zarr knows one of them.
    dtype: np.dtype[Any] = np.dtype(check_dtype(picture.array.dtype).name)
    order = ngff_order(picture.axes, str(target.path))
    shape = tuple(enlarged.shape[axis] for axis in order)
    said = described(picture).resized(picture.array.shape, enlarged.shape)
    plan = ZarrPlan(
        [shape, *reduced_shapes(shape, enlarged.axes.ordered(order))],
        _ordered(task.axes, order),
        dtype,
        replace(said.ordered(order), name=said.name or target.path.stem),
        target.ome_zarr,
    )
    identity = task.image.identity()
    # All that the pixels depend on: a run with any other value does not resume.
    job = {
        "version": __version__,
        "source": dict(identity),
        "axes": task.axes,
        **options.identity(),
        "factor": list(enlarged.factors),
        "shape": list(shape),
        "dtype": dtype.name,
        "OME-Zarr": target.ome_zarr,
        "levels": "mean",
    }
    with writing_alone(target.path):
        part = start_zarr(target.path, plan, job, overwrite=target.overwrite)
        if cluster is None:
            from napari_vdsr.inference.upscaler import kept_upscaler

            ready = partial(kept_upscaler, options, options.key)
            make_all = Stream(task.image, part, enlarged.axes, order, ready).make_all
        else:
            sent = StreamJob(task.opener, part.folder, enlarged.axes, order)
            make_all = partial(cluster.make_all, sent.make, options)
        try:
            counts = part.finish(make_all, progress)
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
    return Done(_planned(task, order), plan.axes, options.precision, counts)


@dataclass(frozen=True)
class Stream:
    """The pixels of an image on their way into an unfinished OME-Zarr.

    `axes` are those of the source, `order` says which of them comes first, second and
    so on in the result. `ready` gives what enlarges. Several threads may use one.
    """

    source: OpenImage
    part: PartialZarr
    axes: Axes
    order: tuple[int, ...]
    ready: Callable[[], Enlarger]
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
        enlarged = EnlargedArray(
            source, self.axes, plane, self.ready(), order=self.order
        )
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

    def make(self, settings: "UpscaleSettings", level: int, chunk: Chunk) -> int:
        """Make a chunk in this process; what it opens for that stays open for others.

        An image that another thread still reads is closed by the garbage collector.
        """
        stream = _open.get(self.token, lambda: self._stream(settings))
        return stream.make(level, chunk)

    def _stream(self, settings: "UpscaleSettings") -> Stream:
        from napari_vdsr.lazy.cluster import upscaler_for

        part, ready = PartialZarr(self.folder), partial(upscaler_for, settings)
        return Stream(self.opener(), part, self.axes, self.order, ready)

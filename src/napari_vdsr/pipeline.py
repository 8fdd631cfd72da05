"""From an image that is read by parts to an enlarged file.

In memory, by parts, or chunk by chunk: whatever fits the size and the format.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import VdsrError
from napari_vdsr.files import Picture, check_output, write_image
from napari_vdsr.files.folders import TIFF_SUFFIXES, ZARR_SUFFIX
from napari_vdsr.files.image_files import Source
from napari_vdsr.files.picture import planned_array
from napari_vdsr.inference.arrays import upscale_array, warn_of_factors
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.inference.kept import kept_upscaler
from napari_vdsr.inference.settings import with_range
from napari_vdsr.lazy.task import Target, Task
from napari_vdsr.memory import free_memory
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari_vdsr.lazy.cluster import Cluster
    from napari_vdsr.lazy.streaming import Counts

_LARGE = 2**26
"""Bytes of a result above which a TIFF file is written by parts."""


@dataclass(frozen=True)
class Done:
    """What was written."""

    picture: Picture  # perhaps without its pixels
    axes: str  # the letters of `Task.axes`, in the order of the result
    precision: str  # of the hidden layers
    chunks: "Counts | None" = None  # of an OME-Zarr


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
    resumes there.
    """
    if target.path.suffix.lower() == ZARR_SUFFIX:
        return _into_zarr(task, target, options, cluster, progress)
    count = len(task.axes)
    order = task.plan.axes.moved_last(count) if planes_last else tuple(range(count))
    planned = _planned(task, order)
    where: dict[str, Any] = {"overwrite": target.overwrite, "source": source}
    check_output(target.path, planned, **where)
    if _is_large(task, target, order):
        unchanged = partial(task.image.check_unchanged, task.image.identity())
        pixels = _by_parts(task, options, order, progress)
        write_image(target.path, planned, pixels=pixels, check=unchanged, **where)
    else:
        planned = _in_memory(task, target, options, order, progress)
        write_image(target.path, planned, **where)
    return Done(planned, _ordered(task.axes, order), options.precision)


def _planned(task: Task, order: Sequence[int]) -> Picture:
    """The result, without its pixels."""
    planned = planned_array(task.plan.shape, task.picture.array.dtype)
    return task.picture.enlarged(planned).reordered(order)


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
    )


def _bytes(task: Task) -> int:
    return math.prod(task.plan.shape) * task.picture.array.dtype.itemsize


def _in_memory(
    task: Task,
    target: Target,
    options: RunOptions,
    order: Sequence[int],
    progress: Progress | None,
) -> Picture:
    """The full result."""
    needed, free = _bytes(task), free_memory()
    if needed > free:
        raise VdsrError(
            f"making {target.path} needs {needed / 1e9:.1f} GB of memory, but "
            f"{free / 1e9:.1f} GB are free: use a smaller factor, or write an OME-Zarr "
            "(.zarr), which is made chunk by chunk"
        )
    result = upscale_array(
        task.image.read().array.transpose(order),
        task.plan.factors,
        options,
        axes=_ordered(task.axes, order),
        progress=progress,
    )
    return task.picture.reordered(order).enlarged(result)


def _by_parts(
    task: Task, options: RunOptions, order: Sequence[int], progress: Progress | None
) -> EnlargedArray:
    """The result, of which each tile is made when it is written."""
    warn_of_factors(task.plan.factors, options.load())
    enlarged = EnlargedArray(
        task.image.pixels,
        task.plan.axes,
        task.plan.plane_shape,
        kept_upscaler(with_range(options, task.image.pixels)),
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
    """Make an OME-Zarr chunk by chunk, or resume one that is unfinished."""
    from napari_vdsr.files.ngff import ngff_order
    from napari_vdsr.lazy.to_zarr import stream_to_zarr
    from napari_vdsr.lazy.worker import UpscaleSettings

    warn_of_factors(task.plan.factors, options.load())
    settings = UpscaleSettings(with_range(options, task.image.pixels))
    if cluster is not None:
        places = *task.places, target.path.resolve().parent
        settings = cluster.agree_on_precision(settings, *places)
    counts = stream_to_zarr(task, target, settings, cluster=cluster, progress=progress)
    order = ngff_order(task.picture.axes, str(target.path))
    axes = _ordered(task.axes, order)
    return Done(_planned(task, order), axes, settings.options.precision, counts)

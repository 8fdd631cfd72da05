"""From an image that is read by parts to an enlarged file.

In memory, by parts, or chunk by chunk: whatever fits the size and the format.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.files import Metadata, Picture, check_output, write_image
from napari_vdsr.files.atomic import resolved
from napari_vdsr.files.folders import TIFF_SUFFIXES, ZARR_SUFFIX
from napari_vdsr.files.image_files import Source
from napari_vdsr.files.picture import planned_array
from napari_vdsr.inference.enlarged_array import (
    EnlargedArray,
    upscale_array,
    warn_of_factors,
)
from napari_vdsr.inference.settings import with_range
from napari_vdsr.inference.upscaler import kept_upscaler
from napari_vdsr.lazy.to_zarr import Target, Task
from napari_vdsr.memory import free_memory
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari_vdsr.lazy.cluster import Cluster
    from napari_vdsr.lazy.to_zarr import Counts

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
    from napari_vdsr.lazy.cluster import UpscaleSettings
    from napari_vdsr.lazy.to_zarr import stream_to_zarr

    warn_of_factors(task.plan.factors, options.load())
    settings = UpscaleSettings(with_range(options, task.image.pixels))
    if cluster is not None:
        places = *task.places, target.path.resolve().parent
        settings = cluster.agree_on_precision(settings, *places)
    counts = stream_to_zarr(task, target, settings, cluster=cluster, progress=progress)
    order = ngff_order(task.picture.axes, str(target.path))
    axes = _ordered(task.axes, order)
    return Done(_planned(task, order), axes, settings.options.precision, counts)

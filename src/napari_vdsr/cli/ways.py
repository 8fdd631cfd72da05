"""Three methods to enlarge a file: in memory, by parts, chunk by chunk."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.cli.console import note
from napari_vdsr.errors import VdsrError
from napari_vdsr.files import Picture, check_output, open_image, write_image
from napari_vdsr.files.folders import TIFF_SUFFIXES
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.picture import planned_array
from napari_vdsr.files.zarr_library import ZARR_SUFFIX, is_zarr_folder
from napari_vdsr.imaging.enlargement import Enlargement
from napari_vdsr.inference.arrays import upscale_array, warn_of_factors
from napari_vdsr.inference.kept import kept_upscaler
from napari_vdsr.inference.settings import with_range
from napari_vdsr.memory import free_memory
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari_vdsr.cli.enlarging import Settings
    from napari_vdsr.inference.enlarged_array import EnlargedArray


_LARGE = 2**26
"""Bytes of a result above which a TIFF file is written by parts."""


@dataclass(frozen=True)
class Task:
    """One file to be enlarged."""

    source: Path
    target: Path
    image: OpenImage  # the source
    picture: Picture  # the source with the user's axes, without its pixels
    axes: str  # a different letter for each axis; S for colours enlarged together
    plan: Enlargement
    axes_told: bool  # whether the user named the axes

    @property
    def order(self) -> tuple[int, ...]:
        """The order of axes for TIFF and others: those of an image plane last."""
        as_it_is = tuple(range(len(self.axes)))
        return (
            self.plan.axes.moved_last(len(self.axes))
            if is_zarr_folder(self.source)
            else as_it_is
        )

    def planned(self) -> Picture:
        """The result, without its pixels."""
        dtype = self.picture.array.dtype
        return self.picture.enlarged(planned_array(self.plan.shape, dtype))


@dataclass(frozen=True)
class Done:
    """The result of a method."""

    picture: Picture  # as written; perhaps without its pixels
    axes: str  # the letters of `Task.axes`, in the order of the result
    details: dict[str, Any] = field(default_factory=dict)  # plain values to report


def _ordered(axes: str, order: Sequence[int]) -> str:
    return "".join(axes[axis] for axis in order)


def enlarge(task: Task, settings: "Settings", bar: Progress) -> Done:
    """Enlarge a file by the method that fits its target.

    Raises `VdsrError` when it cannot be done. No target is left then, but the finished
    chunks of an OME-Zarr are kept beside it.
    """
    if task.target.suffix.lower() == ZARR_SUFFIX:
        return _into_zarr(task, settings, bar)
    planned = task.planned().reordered(task.order)
    options: dict[str, Any] = {
        "overwrite": settings.overwrite,
        "source": task.source,
    }
    check_output(task.target, planned, **options)
    if _is_large(task):
        unchanged = partial(task.image.check_unchanged, task.image.identity())
        pixels = _by_parts(task, settings, bar)
        write_image(task.target, planned, pixels=pixels, check=unchanged, **options)
        return Done(planned, _ordered(task.axes, task.order))
    enlarged = _in_memory(task, settings, bar)
    write_image(task.target, enlarged, **options)
    return Done(enlarged, _ordered(task.axes, task.order))


def _is_large(task: Task) -> bool:
    """Whether a result should be written by parts rather than made in memory."""
    size = math.prod(task.plan.shape) * task.picture.array.dtype.itemsize
    stored = _ordered(task.picture.axes, task.order)
    colours_apart = "S" in task.axes and not stored.endswith("S")
    return (
        size > _LARGE
        and task.target.suffix.lower() in TIFF_SUFFIXES
        and stored.endswith(("YX", "YXS"))
        and not colours_apart
    )


def _in_memory(task: Task, settings: "Settings", bar: Progress) -> Picture:
    """The full result."""
    _check_memory(task)
    result = upscale_array(
        task.image.read().array.transpose(task.order),
        task.plan.factors,
        settings.options,
        axes=_ordered(task.axes, task.order),
        progress=bar,
    )
    return task.picture.reordered(task.order).enlarged(result)


def _by_parts(task: Task, settings: "Settings", bar: Progress) -> "EnlargedArray":
    """The result, of which each tile is made when it is written."""
    from napari_vdsr.inference.enlarged_array import EnlargedArray

    warn_of_factors(task.plan.factors, settings.options.load())
    enlarged = EnlargedArray(
        task.image.pixels,
        task.plan.axes,
        task.plan.plane_shape,
        kept_upscaler(with_range(settings.options, task.image.pixels)),
        order=task.order,
        progress=bar,
    )
    bar.reset(enlarged.pixels)
    return enlarged


def _into_zarr(task: Task, settings: "Settings", bar: Progress) -> Done:
    """Make an OME-Zarr chunk by chunk, or resume one that is unfinished."""
    from napari_vdsr.files.ngff import ngff_order
    from napari_vdsr.files.ome_zarr_writer import part_of
    from napari_vdsr.lazy.to_zarr import ZarrTarget, stream_to_zarr
    from napari_vdsr.lazy.worker import UpscaleSettings

    recipe = UpscaleSettings(with_range(settings.options, task.image.pixels))
    if settings.cluster is not None:
        places = task.source.resolve(), task.target.resolve().parent
        recipe = settings.cluster.agree_on_precision(recipe, *places)
    warn_of_factors(task.plan.factors, settings.options.load())
    source = task.source.resolve()
    try:
        counts = stream_to_zarr(
            partial(open_image, source, axes_told=task.axes_told),
            task.image,
            task.picture,
            task.axes,
            task.plan,
            recipe,
            ZarrTarget(task.target, settings.ome_zarr, settings.overwrite),
            mapper=settings.cluster,
            progress=bar,
        )
    except BaseException as error:
        part = part_of(task.target)
        if part.is_dir() and not isinstance(error, VdsrError):
            note(f"finished chunks are kept in {part}: the same command resumes there")
        raise
    if counts.good or counts.damaged:
        note(
            f"{task.target}: {counts.good} chunks of an earlier run are good, "
            f"{counts.damaged} are damaged and made again, {counts.missing} are new"
        )
    order = ngff_order(task.picture.axes, str(task.target))
    chunks = {"found": counts.good, "remade": counts.damaged, "made": counts.missing}
    return Done(
        task.planned().reordered(order),
        _ordered(task.axes, order),
        {"precision": recipe.options.precision, "chunks": chunks},
    )


def _check_memory(task: Task) -> None:
    """Refuse a result that does not fit into memory, before the work begins."""
    needed = math.prod(task.plan.shape) * task.picture.array.dtype.itemsize
    free = free_memory()
    if needed > free:
        raise VdsrError(
            f"enlarging {task.source} needs {needed / 1e9:.1f} GB of memory, but "
            f"{free / 1e9:.1f} GB are free: use a smaller factor, or write an OME-Zarr "
            "(.zarr), which is made chunk by chunk"
        )

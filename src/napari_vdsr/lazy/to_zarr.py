"""An enlarged OME-Zarr from any image that is read by parts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dask._task_spec import DataNode
from dask.array import Array
from dask.base import tokenize

import napari_vdsr
from napari_vdsr.errors import InputError
from napari_vdsr.files.ngff import NgffVersion, described, ngff_order
from napari_vdsr.files.ome_zarr_writer import (
    ZarrPlan,
    discard,
    finish_zarr,
    start_zarr,
    writing_alone,
)
from napari_vdsr.files.opening import ChangedError, OpenImage, state_of
from napari_vdsr.files.picture import Picture
from napari_vdsr.imaging.dtypes import check_dtype
from napari_vdsr.imaging.enlargement import Enlargement
from napari_vdsr.lazy.pyramid import reduced_shapes
from napari_vdsr.lazy.streaming import Counts, Mapper, StreamJob, finish_all
from napari_vdsr.lazy.worker import UpscaleSettings
from napari_vdsr.progress import Progress


@dataclass(frozen=True)
class ZarrTarget:
    """Where an OME-Zarr goes, and in which version."""

    path: Path
    version: NgffVersion = "0.5"
    overwrite: bool = False


def identity_of(name: str, pixels: Any, files: Iterable[Path]) -> dict[str, Any]:
    """What changes when an array is no longer the one it was, for JSON.

    `files` are those of `files_of`, and whatever else the pixels come from.
    """
    states = {str(file): state_of(file) for file in sorted(files)}
    return {"name": name, "pixels": tokenize(pixels), "files": states}


def files_of(pixels: Any) -> set[Path]:
    """The files and folders that an array is known to be read from.

    Mapped files, zarr arrays in folders, and dask arrays made of these arrays; dask
    copies mapped files into memory. dask's name for a file, and that of zarr, does not
    change when somebody writes to it.
    """
    arrays = [pixels]
    if isinstance(pixels, Array):
        graphs = pixels.dask.layers.values()
        short = (each for each in graphs if each.is_materialized() and len(each) == 1)
        nodes = (node for graph in short for node in graph.values())
        arrays = [node.value if isinstance(node, DataNode) else node for node in nodes]
    return {
        Path(place)
        for array in arrays
        for place in (
            getattr(array, "filename", None),  # numpy.memmap
            getattr(getattr(array, "store", None), "root", None),  # zarr.Array
        )
        if isinstance(place, (str, Path)) and Path(place).exists()
    }


def stream_to_zarr(
    opener: Callable[[], OpenImage],
    source: OpenImage,
    picture: Picture,
    axes: str,
    enlargement: Enlargement,
    settings: UpscaleSettings,
    target: ZarrTarget,
    *,
    mapper: Mapper | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Enlarge an image into an OME-Zarr, or resume an earlier run that was stopped.

    `opener` gives `source`, in every process that works. `picture` is the source as
    the user sees it, without its pixels; `axes` has a different letter for each of its
    axes (S for colours enlarged together). Finished chunks are kept when this raises.
    """
    # By its name, which C has two types for at times: zarr knows one of them.
    dtype: np.dtype[Any] = np.dtype(check_dtype(picture.array.dtype).name)
    order = ngff_order(picture.axes, str(target.path))
    shape = tuple(enlargement.shape[axis] for axis in order)
    places = described(picture).resized(picture.array.shape, enlargement.shape)
    places = replace(places, name=places.name or target.path.stem)
    plan = ZarrPlan(
        [shape, *reduced_shapes(shape, enlargement.axes.ordered(order))],
        "".join(axes[axis] for axis in order),
        dtype,
        places.ordered(order),
        target.version,
    )
    identity = source.identity()
    job = {
        **_provenance(identity, axes, enlargement, settings),
        "shape": list(shape),
        "dtype": dtype.name,
        "OME-Zarr": target.version,
        "levels": "mean",
    }
    with writing_alone(target.path):
        part = start_zarr(target.path, plan, job, overwrite=target.overwrite)
        stream = StreamJob(opener, part.folder, enlargement.axes, order)
        try:
            counts = finish_all(stream, settings, part, mapper, progress)
            source.check_unchanged(identity)
        except InputError:  # of the pixels: no later run can finish it
            discard(target.path)
            raise
        except ChangedError:  # which chunks are of which image is not known
            part.forget()
            raise
        finish_zarr(part, target.path, plan, job, overwrite=target.overwrite)
    return counts


def _provenance(
    source: Mapping[str, Any],
    axes: str,
    enlargement: Enlargement,
    settings: UpscaleSettings,
) -> dict[str, Any]:
    """All that the pixels of a result depend on."""
    return {
        "version": napari_vdsr.__version__,
        "source": dict(source),
        "axes": axes,
        **settings.options.identity(),
        "factor": list(enlargement.factors),
    }

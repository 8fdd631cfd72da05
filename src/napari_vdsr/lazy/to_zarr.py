"""An enlarged OME-Zarr from any image that is read by parts."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from dask._task_spec import DataNode
from dask.array import Array
from dask.base import tokenize

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.ngff import ngff_order
from napari_vdsr.files.ome_zarr_writer import (
    ZarrPlan,
    described,
    discard,
    finish_zarr,
    start_zarr,
    writing_alone,
)
from napari_vdsr.files.opening import ChangedError, state_of
from napari_vdsr.imaging.intensities import check_dtype
from napari_vdsr.lazy.cluster import Cluster, StreamJob
from napari_vdsr.lazy.pyramid import reduced_shapes
from napari_vdsr.lazy.streaming import Counts, MakeAll, Stream, finish_all
from napari_vdsr.lazy.task import Target, Task
from napari_vdsr.lazy.worker import UpscaleSettings
from napari_vdsr.progress import Progress
from napari_vdsr.version import __version__


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
            make_all = partial(cluster.make_all, sent, settings)
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

"""An enlarged OME-Zarr from any image that is read by parts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dask._task_spec import DataNode
from dask.array import Array
from dask.base import tokenize

import napari_vdsr
from napari_vdsr.files.ngff_writing import NgffVersion, described, ngff_order
from napari_vdsr.files.opening import OpenImage, state_of
from napari_vdsr.files.picture import Picture
from napari_vdsr.files.zarr_beginning import ZarrPlan, begin_zarr, writing_alone
from napari_vdsr.imaging.enlargement import Enlargement
from napari_vdsr.lazy.streaming import Counts, Mapper, StreamJob, finish_all
from napari_vdsr.lazy.worker import UpscaleSettings
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ZarrTarget:
    """Where an OME-Zarr goes.

    Attributes
    ----------
    path : Path
        The folder to make.
    version : str
        Of OME-Zarr, "0.4" or "0.5".
    overwrite : bool
        Whether a zarr that is there may be replaced.
    """

    path: Path
    version: NgffVersion = "0.5"
    overwrite: bool = False


def identity_of(name: str, pixels: Any, files: Iterable[Path]) -> dict[str, Any]:
    """What tells whether an array is still the one it was.

    Parameters
    ----------
    name : str
        Of the image.
    pixels : array-like
        numpy, dask, zarr …
    files : iterable of Path
        From `files_of`, and whatever else the pixels come from.

    Returns
    -------
    dict
        For JSON.
    """
    states = {str(file): state_of(file) for file in sorted(files)}
    return {"name": name, "pixels": tokenize(pixels), "files": states}


def files_of(pixels: Any) -> set[Path]:
    """The files and folders that an array is known to be read from.

    Parameters
    ----------
    pixels : array-like
        Mapped files, zarr arrays in folders, and dask arrays made of these arrays;
        dask copies mapped files into memory.

    Returns
    -------
    set of Path
        Those that are there. dask's name for a file, and that of zarr, does not
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
    model: str,
    mapper: Mapper | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Enlarge an image into an OME-Zarr, or go on where an earlier run ended.

    Parameters
    ----------
    opener : callable
        Opens the source; called in every process that works.
    source : OpenImage
        What it gives.
    picture : Picture
        The source as the user sees it, without its pixels.
    axes : str
        A different letter for each of its axes; S for colours enlarged together.
    enlargement : Enlargement
        Shape and factors of the result.
    settings : UpscaleSettings
        With which model, device and precision.
    target : ZarrTarget
        Where to.
    model : str
        Name of the model.
    mapper : callable, optional
        Finishes the chunks of a level; by default this process, one by one.
    progress : Progress, optional
        Told of every chunk, in pixels; may raise `Cancelled`.

    Returns
    -------
    Counts
        Chunks made, found good and made again.

    Raises
    ------
    InputError
        When the image has axes or a dtype that OME-Zarr has not.
    FileError
        When the target is there already, was begun otherwise, is being written by
        another run or cannot be written.
        Finished chunks are kept.
    """
    dtype: np.dtype[Any] = picture.array.dtype
    order = ngff_order(picture.axes, str(target.path))
    shape = tuple(enlargement.shape[axis] for axis in order)
    places = described(picture).resized(picture.array.shape, enlargement.shape)
    places = replace(places, name=places.name or target.path.stem)
    plan = ZarrPlan(
        shape,
        "".join(axes[axis] for axis in order),
        dtype,
        places.ordered(order),
        target.version,
    )
    job = {
        **_provenance(source.identity(), axes, enlargement, settings, model),
        "shape": list(shape),
        "dtype": dtype.name,
        "OME-Zarr": target.version,
    }
    with writing_alone(target.path):
        part = begin_zarr(target.path, plan, job, overwrite=target.overwrite)
        stream = StreamJob(opener, part.folder, enlargement.axes, order)
        counts = finish_all(stream, settings, part, mapper, progress)
        if "C" in plan.axes:
            part.set_windows(plan.axes.index("C"))
        part.finish(target.path, overwrite=target.overwrite)
    return counts


def _provenance(
    source: Mapping[str, Any],
    axes: str,
    enlargement: Enlargement,
    settings: UpscaleSettings,
    model: str,
) -> dict[str, Any]:
    """All that the pixels of a result depend on."""
    return {
        "version": napari_vdsr.__version__,
        "source": dict(source),
        "axes": axes,
        "model": model,
        "fingerprint": settings.token,
        "factor": list(enlargement.factors),
        "precision": settings.precision,
        "intensity_range": settings.intensity_range,
    }

"""What is to be enlarged, and where to; without dask, which not every run needs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_vdsr.files.ngff import NgffVersion
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.picture import Picture
from napari_vdsr.imaging.geometry import Enlargement


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

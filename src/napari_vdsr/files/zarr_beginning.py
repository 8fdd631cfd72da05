"""Beginning an OME-Zarr image, or going on with one that is half-made."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.multiscale import Multiscale
from napari_vdsr.files.ngff_writing import (
    NgffVersion,
    level_shapes,
    ngff_attributes,
)
from napari_vdsr.files.zarr_library import check_existing_zarr, is_zarr, zarr_library
from napari_vdsr.files.zarr_writing import PartialZarr, sweep, writing_to

if TYPE_CHECKING:
    import numpy as np


_KEY = "napari-vdsr"
_EDGE = 512  # pixels a side of a chunk
_LEVEL = 3  # of zstd


@dataclass(frozen=True)
class ZarrPlan:
    """An image that is to be written.

    Attributes
    ----------
    shape : tuple of int
        With the axes in the order of OME-Zarr.
    axes : str
        A letter for each; S for colours.
    dtype : numpy.dtype
        Of the pixels.
    multiscale : Multiscale
        What the metadata are to say, axes in the same order.
    version : str
        Of OME-Zarr.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: "np.dtype[Any]"
    multiscale: Multiscale
    version: NgffVersion = "0.5"

    @property
    def yx(self) -> tuple[int, int]:
        """Which axes are Y and X."""
        return self.axes.index("Y"), self.axes.index("X")

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a chunk: one plane of at most 512 pixels a side, all colours."""
        return tuple(
            min(size, _EDGE) if axis in "YX" else size if axis == "S" else 1
            for axis, size in zip(self.axes, self.shape, strict=True)
        )


def part_of(target: Path) -> Path:
    """The folder that holds an image while it is made.

    Parameters
    ----------
    target : Path
        Where it will be.

    Returns
    -------
    Path
    """
    target = target.resolve()
    return target.with_name(f"{target.name}.part")


@contextlib.contextmanager
def writing_alone(target: Path) -> Iterator[None]:
    """Let no other run write the same image meanwhile.

    The lock is the system's, so that it ends with this process, however that ends.

    Parameters
    ----------
    target : Path
        Where the image will be.

    Raises
    ------
    FileError
        When another run is writing it.
    """
    part = part_of(target)
    path = part.with_name(f"{part.name}.lock")
    lock = FileLock(path, timeout=0)
    with writing_to(target):
        try:
            lock.acquire()
        except Timeout as error:
            raise FileError(
                f"another run is writing {target}: wait for it, or stop it and run "
                "the same command again, which goes on where it ended"
            ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes it when it is released
            path.unlink()
        lock.release()


def begin_zarr(
    target: Path, plan: ZarrPlan, job: Mapping[str, Any], *, overwrite: bool
) -> "PartialZarr":
    """Make the folder that is written to, or go on with one that is there.

    Parameters
    ----------
    target : Path
        Where the image will be.
    plan : ZarrPlan
        The image.
    job : mapping
        All that its pixels depend on, in values that JSON can hold. It becomes part
        of the attributes.
    overwrite : bool
        Whether a half-made image of another job may be thrown away.

    Returns
    -------
    PartialZarr

    Raises
    ------
    InputError
        When zarr has no such dtype.
    FileError
        When the target is there already, another job has begun there, or the folder
        cannot be made.
    """
    zarr_library()
    check_existing_zarr(target, overwrite=overwrite)
    if plan.dtype.itemsize > 8:
        raise InputError(
            f"zarr cannot hold {plan.dtype.name}, as {target} would be: convert it"
        )
    part = part_of(target)
    job = json.loads(json.dumps(job))
    with writing_to(target):
        if os.path.lexists(part):
            difference = _difference(part, job)
            if not difference:
                sweep(part)
                return PartialZarr(part)
            if not (overwrite and is_zarr(part)):
                raise FileError(
                    f"{part} is there already, {difference}: run the same command as "
                    "then to go on with it, remove it, choose another name, or "
                    "allow --overwrite"
                )
            shutil.rmtree(part)
        # Made under another name: a part that is there is complete in its metadata.
        new = part.with_name(f".{part.name}.{secrets.token_hex(4)}")
        try:
            _create(new, plan, job)
            os.rename(new, part)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return PartialZarr(part)


def _difference(part: Path, job: Mapping[str, Any]) -> str:
    """In what a half-made image differs from a job; nothing when it is the same."""
    zarr = zarr_library()
    try:
        begun = zarr.open_group(str(part), mode="r").attrs[_KEY]
    except Exception:  # whatever is wrong with it, it is not what we began
        return "and it was not begun by this program"
    for key in {**job, **begun}:
        if begun.get(key) != job.get(key):
            was, now = begun.get(key), job.get(key)
            if isinstance(was, dict) and isinstance(now, dict):
                inner = next(k for k in {**was, **now} if was.get(k) != now.get(k))
                key, was, now = f"{key} {inner}", was.get(inner), now.get(inner)
            return f"begun with another {key} ({was} then, {now} now)"
    return ""


def _create(folder: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> None:
    zarr = zarr_library()
    old = plan.version == "0.4"
    shapes = level_shapes(plan.shape, plan.yx)
    attributes = ngff_attributes(plan.multiscale, shapes, plan.version)
    group = zarr.create_group(
        str(folder),
        zarr_format=2 if old else 3,
        attributes={**attributes, _KEY: job},
    )
    if old:
        from numcodecs import Zstd

        options: dict[str, Any] = {
            "compressors": Zstd(level=_LEVEL, checksum=True),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        from zarr.codecs import ZstdCodec

        options = {
            "compressors": ZstdCodec(level=_LEVEL, checksum=True),
            "dimension_names": [axis.name for axis in plan.multiscale.axes],
        }
    for number, shape in enumerate(shapes):
        chunks = tuple(min(pair) for pair in zip(plan.chunks, shape, strict=True))
        group.create_array(
            str(number), shape=shape, chunks=chunks, dtype=plan.dtype, **options
        )

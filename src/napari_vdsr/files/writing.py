"""Writing an image to a file, checked before any work is done."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.atomic import (
    already_there,
    check_place,
    check_space,
    replacing,
    resolved,
)
from napari_vdsr.files.folders import RASTER_SUFFIXES, TIFF_SUFFIXES
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.opening import Blocks
from napari_vdsr.files.picture import Picture
from napari_vdsr.files.raster import write_raster
from napari_vdsr.files.tiff_writer import check_tiff, write_tiff
from napari_vdsr.files.zarr_library import ZARR_SUFFIX, check_existing_zarr

_RASTER = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"}
_DTYPES = {"PNG": ("uint8", "uint16"), "JPEG": ("uint8",), "BMP": ("uint8",)}
_SAMPLES = {"PNG": (1, 2, 3, 4), "JPEG": (1, 3), "BMP": (1, 3)}
_LONGEST = {"PNG": 2**31 - 1, "JPEG": 65_500, "BMP": 2**31 - 1}
_HEADERS = 1_000_000  # bytes allowed for all that is not pixels


class Inputs:
    """Files and folders that no result may replace, nor lie in."""

    def __init__(self, paths: Iterable[Path | str]) -> None:
        self._named = {resolved(Path(path)): Path(path) for path in paths}
        named = self._named.items()
        self._above = {above: path for place, path in named for above in place.parents}
        self._same = {_node(place): path for place, path in named}

    def check(self, path: Path) -> None:
        """Raise `InputError` when a result of this name would change one of them."""
        place = resolved(path)
        beside = part_of(path) if path.suffix.lower() == ZARR_SUFFIX else place
        for name in dict.fromkeys((place, beside)):
            source = self._named.get(name) or self._same.get(_node(name))
            if source is not None:
                raise InputError(
                    f"{path} is the source itself, {source}: choose another name for "
                    "the result"
                )
            if name in self._above:
                raise InputError(
                    f"the source {self._above[name]} lies within {path}: choose "
                    "another name for the result"
                )
        within = next((above for above in place.parents if above in self._named), None)
        if within is not None and within.is_dir():
            raise InputError(
                f"{path} lies within the source {self._named[within]}: choose another "
                "place"
            )


Source = Path | str | Inputs | None
"""The file, or all files, that a result must leave alone."""


def _node(path: Path) -> tuple[int, int] | Path:
    """What two names of one file have in common."""
    try:
        state = path.stat()
    except OSError:
        return path
    return state.st_dev, state.st_ino


def write_image(
    path: Path | str,
    picture: Picture,
    *,
    overwrite: bool = False,
    source: Source = None,
    pixels: Blocks | None = None,
    check: Callable[[], object] | None = None,
) -> None:
    """Write a picture to a file: complete, or not at all.

    The end of the name decides the format: ``.tif``, ``.tiff``, ``.btf`` (BigTIFF),
    ``.ome.tif``, ``.png``, ``.jpg``, ``.jpeg`` or ``.bmp``. What the picture was
    made from, `source`, is never written to. `pixels`, for TIFF files, are read part by
    part as they are written; the array of the picture then gives shape and dtype only.
    `check` is called when all is written, and nothing is kept if it raises. Raises the
    errors of `check_output`.
    """
    path = Path(path)
    check_output(path, picture, overwrite=overwrite, source=source)
    if pixels is not None and path.suffix.lower() not in TIFF_SUFFIXES:
        raise InputError(
            f"{path} cannot be written part by part: choose a .tif or .zarr"
        )
    with replacing(path, overwrite=overwrite) as temporary:
        kind = _RASTER.get(path.suffix.lower())
        if kind is None:
            write_tiff(temporary, picture, name=path.name, pixels=pixels)
        else:
            write_raster(temporary, kind, picture)
        if check is not None:
            check()


def check_output(
    path: Path | str,
    picture: Picture,
    *,
    overwrite: bool = False,
    source: Source = None,
) -> None:
    """Check that a picture can be written to a file, and write nothing.

    Of the picture's array, only shape and dtype matter. Raises `InputError` when the
    format is unknown or cannot hold the picture, and the errors of `check_name`.
    """
    path = Path(path)
    check_name(path, overwrite=overwrite, source=source)
    if path.suffix.lower() == ZARR_SUFFIX:
        raise InputError(
            f"{path}: an OME-Zarr is written by `napari-vdsr upscale` alone"
        )
    if path.suffix.lower() in TIFF_SUFFIXES:
        check_tiff(picture, name=path.name)
    else:
        _check_raster(path, picture)
    size = picture.array.size * picture.array.itemsize
    check_space(path.absolute().parent, size + _HEADERS)


def check_name(path: Path, *, overwrite: bool, source: Source) -> None:
    """Check that a file of this name can be made.

    Raises `InputError` when the end of the name stands for no format, or a source would
    be written to, and `FileError` when the file exists, or its folder is
    missing or cannot be written to.
    """
    suffixes = (*TIFF_SUFFIXES, *RASTER_SUFFIXES, ZARR_SUFFIX)
    if path.suffix.lower() not in suffixes:
        raise InputError(
            f"cannot tell the format of {path}: its name must end in "
            + ", ".join(suffixes)
        )
    if source is not None:
        (source if isinstance(source, Inputs) else Inputs([source])).check(path)
    check_place(path)
    if os.path.lexists(path):
        if path.suffix.lower() == ZARR_SUFFIX:
            check_existing_zarr(path, overwrite=overwrite)
        elif not path.is_file() and path.exists():
            raise FileError(f"cannot write {path}: it is no regular file")
        elif not overwrite:
            raise FileError(already_there(path))


def _check_raster(path: Path, picture: Picture) -> None:
    kind = _RASTER[path.suffix.lower()]
    array = picture.array
    if picture.axes not in ("YX", "YXS"):
        raise InputError(
            f"{kind} holds one image plane, but {path.name} would have axes "
            f"{picture.axes} {array.shape}: write a TIFF file"
        )
    if array.dtype.name not in _DTYPES[kind]:
        allowed = " and ".join(_DTYPES[kind])
        better = "PNG or TIFF" if array.dtype == np.uint16 else "TIFF"
        raise InputError(
            f"{kind} holds {allowed}, but {path.name} would be {array.dtype.name}: "
            f"write a {better} file, or convert the image first"
        )
    samples = array.shape[2] if picture.axes == "YXS" else 1
    if samples not in _SAMPLES[kind]:
        raise InputError(
            f"{kind} cannot hold {samples} samples per pixel (alpha?), as "
            f"{path.name} would have: write a PNG or TIFF file"
        )
    if samples in (2, 4) and "unspecified" in picture.metadata.extra:
        raise InputError(
            f"the last of {samples} samples per pixel is not said to be alpha, but in "
            f"{path.name} it would be: write a TIFF file"
        )
    if max(picture.plane_shape) > _LONGEST[kind]:
        raise InputError(
            f"{kind} ends at {_LONGEST[kind]} pixels a side, but {path.name} would "
            f"have {picture.plane_shape}: write a TIFF file"
        )

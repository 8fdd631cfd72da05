"""Reading and writing an image file, whichever kind it is."""

import os
import re
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files.atomic import (
    already_there,
    check_place,
    check_space,
    replacing,
    resolved,
)
from napari_vdsr.files.folders import RASTER_KINDS, TIFF_SUFFIXES
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.opening import (
    OpenImage,
    Pixels,
    guarded,
    identity_of,
    reading_from,
    state_of,
)
from napari_vdsr.files.partial_zarr import check_existing_zarr
from napari_vdsr.files.picture import Picture
from napari_vdsr.files.raster import check_raster, read_raster, write_raster
from napari_vdsr.files.tiff_reader import open_tiff
from napari_vdsr.files.tiff_writer import check_tiff, write_tiff
from napari_vdsr.files.zarr_chunks import ZARR_SUFFIX, is_zarr_folder
from napari_vdsr.files.zarr_reader import open_zarr

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP"}
_HEADERS = 1_000_000  # bytes allowed for all that is not pixels


def read_image(path: Path | str) -> Picture:
    """Read a TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG or BMP file, or an OME-Zarr.

    The first bytes of a file decide how it is read, not its name. Palettes become
    colours; PNG of 1, 2 or 4 bits and TIFF of 2 to 7 are spread over 0 to 255. Warns
    when a file holds several images: the first one is read. Raises `FileError` when the
    file is missing, damaged, empty or of another format.
    """
    with open_image(path) as image:
        return image.read()


def open_image(
    path: Path | str, *, axes_told: bool = False, warn: bool = True
) -> OpenImage:
    """Open an image whose pixels are read part by part.

    TIFF files and OME-Zarr folders are; others are small and are read at once.
    `axes_told` says that the user names the axes, should the file leave them open.
    Without `warn` the caller has to show the remarks. Errors are those of `read_image`.
    """
    path = Path(path)
    with reading_from(path):
        # Before, so that the pixels are never those of an earlier file of this name.
        before = state_of(path) if path.is_file() else None
        image = guarded(path, _opened(path, axes_told), before)
    if warn:
        for remark in image.remarks:
            warnings.warn(remark, VdsrWarning, stacklevel=2)
    return image


def _opened(path: Path, axes_told: bool) -> OpenImage:
    if is_zarr_folder(path):
        return open_zarr(path, axes_told=axes_told)
    start = _first_bytes(path)
    if start.startswith(_TIFF):
        return open_tiff(path)
    if start.startswith(b"PK\3\4"):
        return open_zarr(path, axes_told=axes_told)
    found = (_SIGNATURES[each] for each in _SIGNATURES if start.startswith(each))
    kind = next(found, None)
    if kind is None:
        raise FileError(
            f"{path} is no image that can be read: not TIFF, PNG, JPEG or BMP"
        )
    picture, remarks = read_raster(path, kind)
    identity = partial(identity_of, path)
    return OpenImage(picture, picture.array, identity, lambda: picture, remarks=remarks)


def _first_bytes(path: Path) -> bytes:
    """Read enough of a file to tell its format."""
    if path.is_dir():
        raise FileError(f"{path} is a folder, not an image file")
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise FileError(f"{path} is no regular file: copy it into one")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError as error:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
            raise FileError(
                f"{path} is an address, but files and folders of this machine are "
                "read: download it first"
            ) from error
        raise FileError(f"{path} does not exist") from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    if not start:
        raise FileError(f"{path} is empty (0 bytes)")
    return start


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
    pixels: Pixels | None = None,
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
        kind = RASTER_KINDS.get(path.suffix.lower())
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
        check_raster(path, picture)
    size = picture.array.size * picture.array.itemsize
    check_space(path.absolute().parent, size + _HEADERS)


def check_name(path: Path, *, overwrite: bool, source: Source) -> None:
    """Check that a file of this name can be made.

    Raises `InputError` when the end of the name stands for no format, or a source would
    be written to, and `FileError` when the file exists, or its folder is
    missing or cannot be written to.
    """
    suffixes = (*TIFF_SUFFIXES, *RASTER_KINDS, ZARR_SUFFIX)
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

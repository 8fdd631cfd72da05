"""Reading an image from a file, whatever its name says it is."""

import re
import warnings
from functools import partial
from pathlib import Path

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files.opening import (
    OpenImage,
    guarded,
    identity_of,
    reading_from,
    state_of,
)
from napari_vdsr.files.picture import Picture
from napari_vdsr.files.raster import read_raster
from napari_vdsr.files.tiff_reader import open_tiff
from napari_vdsr.files.zarr_library import is_zarr_folder
from napari_vdsr.files.zarr_reader import open_zarr

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_RASTER = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP"}


def read_image(path: Path | str) -> Picture:
    """Read a TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG or BMP file, or an OME-Zarr.

    The first bytes of a file decide how it is read, not its name. Palettes become
    colours, one-bit PNG becomes 0 and 255. Warns when a file holds several images: the
    first one is read. Raises `FileError` when the file is missing, damaged, empty or of
    another format.
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
    picture, remarks = read_raster(path, _raster_format(path, start))
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


def _raster_format(path: Path, start: bytes) -> str:
    for signature, name in _RASTER.items():
        if start.startswith(signature):
            return name
    raise FileError(f"{path} is no image that can be read: not TIFF, PNG, JPEG or BMP")

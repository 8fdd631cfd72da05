"""Which files of a folder are images that can be read."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_vdsr.errors import FileError
from napari_vdsr.files.zarr_library import ZARR_SUFFIX, is_zarr

TIFF_SUFFIXES = (".tif", ".tiff", ".btf")
RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def list_images(
    folder: Path | str, *, unreadable: Callable[[OSError], object] | None = None
) -> list[Path]:
    """Images in a folder and the folders within it, in order of name.

    Files whose name ends like that of a TIFF, PNG, JPEG or BMP file, and folders whose
    name ends in ``.zarr``; hidden ones are passed over. Raises `FileError` when the
    folder cannot be read or holds no such file. A folder within it that cannot be read
    is an error as well, or told to `unreadable` and left out.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder")
    try:
        found = sorted(_images_in(folder, unreadable))
    except OSError as error:
        raise FileError(f"cannot list {folder}: {error.strerror}") from error
    if not found:
        endings = ", ".join((*TIFF_SUFFIXES, *RASTER_SUFFIXES, ZARR_SUFFIX))
        raise FileError(f"{folder} holds no image: none of its files ends in {endings}")
    return found


def _images_in(
    folder: Path, unreadable: Callable[[OSError], object] | None
) -> Iterator[Path]:
    suffixes = TIFF_SUFFIXES + RASTER_SUFFIXES

    def refuse(error: OSError) -> None:
        if unreadable is None or error.filename in (None, str(folder)):
            raise error
        unreadable(error)

    for parent, folders, files in os.walk(folder, onerror=refuse):
        here = Path(parent)
        inner = [name for name in folders if not name.startswith(".")]
        zarrs = [name for name in inner if name.lower().endswith(ZARR_SUFFIX)]
        yield from (here / name for name in zarrs)
        # What lies within a zarr are its chunks: very many files.
        folders[:] = [
            name
            for name in inner
            if name not in zarrs and not _known(is_zarr, here / name, otherwise=False)
        ]
        for name in files:
            path = here / name
            if path.suffix.lower() in suffixes and not name.startswith("."):
                # What cannot be looked at is named when it is opened.
                if _known(Path.is_file, path, otherwise=True):
                    yield path


def _known(check: Callable[[Path], bool], path: Path, *, otherwise: bool) -> bool:
    """What a check says of a path, or something else where it is not permitted."""
    try:
        return check(path)
    except PermissionError:
        return otherwise

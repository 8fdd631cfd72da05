"""The library zarr, which is an extra, and folders that are zarrs."""

import os
from pathlib import Path
from typing import Any

from napari_vdsr.errors import FileError
from napari_vdsr.files.atomic import already_there

ZARR_SUFFIX = ".zarr"
_MARKS = ("zarr.json", ".zgroup", ".zarray")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr group or array.

    Parameters
    ----------
    path : Path
        Anything; its name does not matter.

    Returns
    -------
    bool
    """
    return any((path / mark).is_file() for mark in _MARKS)


def is_zarr_folder(path: Path) -> bool:
    """Whether a path is to be taken for a zarr, and not for a folder of images.

    Parameters
    ----------
    path : Path
        Anything.

    Returns
    -------
    bool
        True for folders that are zarrs, or are named as if they were.
    """
    return path.is_dir() and (path.suffix.lower() == ZARR_SUFFIX or is_zarr(path))


def zarr_library() -> Any:
    """Import zarr, or say how to get it.

    Returns
    -------
    module
        zarr, version 3.

    Raises
    ------
    FileError
        When it is missing or too old.
    """
    try:
        import zarr
    except ImportError as error:
        raise FileError(
            "reading and writing OME-Zarr needs the package zarr: "
            'pip install "napari-vdsr[zarr]"'
        ) from error
    if not hasattr(zarr, "create_array"):
        raise FileError(
            f"zarr {zarr.__version__} is too old, OME-Zarr needs zarr 3: "
            'pip install --upgrade "napari-vdsr[zarr]"'
        )
    return zarr


def check_existing_zarr(target: Path, *, overwrite: bool) -> None:
    """Refuse to write where something is, unless it is a zarr that may go.

    Parameters
    ----------
    target : Path
        The folder to make.
    overwrite : bool
        Whether an existing zarr may be replaced.

    Raises
    ------
    FileError
        When it exists.
    """
    if not os.path.lexists(target):
        return
    if not target.is_dir() or not (is_zarr(target) or _is_empty(target)):
        raise FileError(
            f"cannot write {target}: it is there already, and it is no zarr"
        )
    if not overwrite:
        raise FileError(already_there(target))


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())

"""The library zarr, which is an extra, and folders that are zarrs."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_vdsr.errors import FileError
from napari_vdsr.files.atomic import already_there

ZARR_SUFFIX = ".zarr"
_METADATA = ("zarr.json", ".z", "METADATA.ome.xml", ".DS_Store", "Thumbs.db")
_CHUNK = re.compile(r"c|(c\.)?\d+(\.\d+)*|.*\.partial")
MARKS = ("zarr.json", ".zgroup", ".zarray")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr group or array, whatever its name."""
    return any((path / mark).is_file() for mark in MARKS)


def is_zarr_folder(path: Path) -> bool:
    """Whether a path is a folder that is a zarr, or is named like one."""
    return path.is_dir() and (path.suffix.lower() == ZARR_SUFFIX or is_zarr(path))


def zarr_library() -> Any:
    """Import zarr 3, or raise a `FileError` that says how to get it."""
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
    """Raise `FileError` when there is anything but a zarr that may be replaced."""
    if not os.path.lexists(target):
        return
    if not target.is_dir() or not (is_zarr(target) or _is_empty(target)):
        raise FileError(
            f"cannot write {target}: it is there already, and it is no zarr"
        )
    if not overwrite:
        raise FileError(already_there(target))
    foreign = next(foreign_files(target), None)
    if foreign is not None:
        raise FileError(
            f"cannot replace {target}: it also holds {foreign.relative_to(target)}, "
            "which is no part of a zarr: move that away, or choose another name"
        )


def foreign_files(folder: Path) -> Iterator[Path]:
    """Files in a zarr that are neither metadata nor chunks."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if not (name.startswith(_METADATA) or _CHUNK.fullmatch(name)):
                yield Path(parent, name)


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())

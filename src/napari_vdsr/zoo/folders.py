"""Where fetched models and those of the user are kept."""

import os
from pathlib import Path

from napari_vdsr.errors import InputError


def cache_folder() -> Path:
    """Folder of the weights that were fetched.

    Returns
    -------
    Path
        The environment variable ``NAPARI_VDSR_CACHE``, otherwise the system's place
        for caches. It need not exist yet.
    """
    chosen = os.environ.get("NAPARI_VDSR_CACHE")
    if chosen:
        return expanded(chosen, "NAPARI_VDSR_CACHE")
    from platformdirs import user_cache_path

    return user_cache_path("napari-vdsr", appauthor=False)


def user_folder() -> Path:
    """Folder of the models that the user imported or trained.

    Returns
    -------
    Path
        The environment variable ``NAPARI_VDSR_MODELS``, otherwise ``models`` in the
        system's place for data. It need not exist yet.
    """
    chosen = os.environ.get("NAPARI_VDSR_MODELS")
    if chosen:
        return expanded(chosen, "NAPARI_VDSR_MODELS")
    from platformdirs import user_data_path

    return user_data_path("napari-vdsr", appauthor=False) / "models"


def expanded(path: str | Path, what: str = "the path") -> Path:
    """A path with ``~`` and ``~user`` replaced by the folders that they stand for."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{what} is {str(path)!r}: there is no such user; write the folder in full"
        ) from error

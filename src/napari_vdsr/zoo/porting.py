"""Models in from other programs and out to them."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files.atomic import already_there
from napari_vdsr.zoo.card import Card
from napari_vdsr.zoo.folders import expanded
from napari_vdsr.zoo.formats.native import write_native
from napari_vdsr.zoo.loading import find, shared_model
from napari_vdsr.zoo.model import Model
from napari_vdsr.zoo.user import free_path

if TYPE_CHECKING:
    from napari_vdsr.progress import Progress


def import_model(
    source: str | Path | Model, name: str | None = None, *, title: str | None = None
) -> Card:
    """Add a model to the user's own, from a file or as it was trained.

    Parameters
    ----------
    source : str, Path or Model
        A file that `load_model` reads, or a model.
    name : str, optional
        The word by which it is to be asked for; by default that of the file.
    title : str, optional
        A few words for people; by default what its file says, or its name.

    Returns
    -------
    Card
        As it is listed from now on.

    Raises
    ------
    InputError
        When the name cannot be used or is taken.
    ModelError
        When the file holds no model.
    FileError
        When the file cannot be read or the new one not be written.

    Warns
    -----
    VdsrWarning
        When a model from a file that does not tell of its training is worse than
        bicubic interpolation on a test image, with the likely cause.
    """
    from napari_vdsr.zoo.self_test import fault_of

    model = source if isinstance(source, Model) else shared_model(Path(source))
    name = name or default_name(model.name)
    path = free_path(name)
    metadata = dict(model.metadata)
    if not isinstance(source, Model):
        metadata.setdefault("source", f"imported from {Path(source).name}")
        metadata["imported_sha256"] = model.sha256
    if title:
        metadata["title"] = title
    imported = Model(model.network, name, metadata=metadata)
    imported.save(path)
    if not isinstance(source, Model) and "training" not in metadata:
        fault = fault_of(imported)
        if fault:
            warnings.warn(fault, VdsrWarning, stacklevel=2)
    return find(name)


def default_name(stem: str) -> str:
    """The name of a file as one that a model can have; empty if nothing is left."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64]


def export_model(
    model: str | Path | Model,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: "Progress | None" = None,
) -> Path:
    """Write a model to a file for other programs.

    Parameters
    ----------
    model : str, Path or Model
        As for `load_model`.
    path : str or Path
        The file to write: ``.safetensors`` or ``.onnx``.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : tqdm-like, optional
        Told of the download, in bytes, if the model has to be fetched first.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        When the name of the file ends otherwise, or the extra ``onnx`` is missing.
    FileError
        When the file exists or cannot be written.
    ModelError
        When there is no such model.
    """
    path = expanded(path)
    if path.suffix.lower() not in (".safetensors", ".onnx"):
        raise InputError(
            f"cannot export to {path.name!r}: the name ends in .safetensors or .onnx"
        )
    if path.exists() and not overwrite:
        raise FileError(already_there(path))
    loaded = shared_model(model, progress=progress)
    if path.suffix.lower() == ".onnx":
        from napari_vdsr.zoo.formats.onnx import write_onnx

        write_onnx(path, loaded, overwrite=overwrite)
    else:
        state = loaded.network.state_dict()
        write_native(path, state, loaded.described(), overwrite=overwrite)
    return path

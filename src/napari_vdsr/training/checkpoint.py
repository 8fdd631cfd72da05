"""Checkpoints: all that a training needs to go on as if nothing had happened.

A checkpoint is a safetensors file, so that reading one can run nothing. It is written
beside the old one and moved into its place: at any moment, one of them is whole.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from napari_vdsr.errors import FileError, InputError, ModelError
from napari_vdsr.files.atomic import replacing
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.zoo.formats.native import read_native

_FORMAT = "napari-vdsr checkpoint 1"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a training between two steps.

    Attributes
    ----------
    tensors : dict of str to Tensor
        Weights, their running means, the optimiser's and the generators' states; on
        the CPU.
    values : dict
        Everything else, as plain values: step, configuration, history.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def write_checkpoint(path: Path, snapshot: Snapshot) -> None:
    """Write a checkpoint; an older one stays until the new one is whole.

    Parameters
    ----------
    path : Path
        The file.
    snapshot : Snapshot
        What to write.

    Raises
    ------
    FileError
        When it cannot be written. An older one is then still there.
    """
    from safetensors.torch import save

    metadata = {"format": _FORMAT, "values": json.dumps(snapshot.values)}
    data = save(snapshot.tensors, metadata)
    with replacing(path, overwrite=True) as temporary:
        temporary.write_bytes(data)


def check_there(path: Path) -> None:
    """Make sure that there is a checkpoint, or at least a file.

    Parameters
    ----------
    path : Path
        Where it should be.

    Raises
    ------
    FileError
        When there is no such file.
    """
    if not path.is_file():
        raise FileError(
            f"there is no checkpoint {path}: start the training without resuming"
        )


def read_checkpoint(path: Path) -> Snapshot:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Snapshot

    Raises
    ------
    FileError
        When there is no such file.
    InputError
        When it is no checkpoint.
    """
    check_there(path)
    try:
        tensors, metadata = read_native(path.read_bytes())
    except ModelError as error:
        raise InputError(f"{path} is no checkpoint of a training: {error}") from error
    if metadata.get("format") != _FORMAT:
        raise InputError(
            f"{path} is no checkpoint of a training; to go on from a finished model, "
            "start from it instead"
        )
    return Snapshot(tensors, json.loads(metadata["values"]))


def check_same(path: Path, theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Make sure that a checkpoint belongs to a training.

    Parameters
    ----------
    path : Path
        Where it was read from.
    theirs, mine : mapping
        The plain values of its snapshot and of one of the training.

    Raises
    ------
    InputError
        When settings, images or first weights differ.
    """
    # Settings that are younger than the file have their defaults; tuples become lists.
    before = TrainingConfig.from_json(theirs["config"]).to_json()
    known, settings = (json.loads(json.dumps(it)) for it in (before, mine["config"]))
    different = [name for name, value in settings.items() if known[name] != value]
    if different:
        raise InputError(
            f"{path} belongs to a training with other settings "
            f"({', '.join(different)}): resume with the same, or start anew"
        )
    for name, what in (("images", "images"), ("start_from", "first weights")):
        if theirs[name] != mine[name]:
            raise InputError(
                f"{path} belongs to a training with other {what}: start anew"
            )

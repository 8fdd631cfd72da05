"""Checkpoints: everything needed to resume a training as if it had not stopped.

A checkpoint is a safetensors file, so reading one cannot run code. It is written
beside the old one and then replaces it: at any moment there is one complete file.
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
    """The state of a training between two steps."""

    # Weights, running means, states of optimiser and generators, all on the CPU.
    tensors: dict[str, Tensor]
    values: dict[str, Any]  # plain: step, configuration, history


def write_checkpoint(path: Path, snapshot: Snapshot) -> None:
    """Write a checkpoint. On a `FileError`, the older one is still there."""
    from safetensors.torch import save

    metadata = {"format": _FORMAT, "values": json.dumps(snapshot.values)}
    data = save(snapshot.tensors, metadata)
    with replacing(path, overwrite=True) as temporary:
        temporary.write_bytes(data)


def check_there(path: Path) -> None:
    """Raise `FileError` unless there is a file at `path`."""
    if not path.is_file():
        raise FileError(
            f"there is no checkpoint {path}: start the training without resuming"
        )


def read_checkpoint(path: Path) -> Snapshot:
    """Read a checkpoint.

    Raises `FileError` when there is no such file, `InputError` when it is no
    checkpoint.
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
    """Raise `InputError` when settings, images or first weights differ.

    `theirs` are the plain values of the snapshot in `path`, `mine` those of this
    training.
    """
    # Settings added since the file was written get defaults; tuples become lists.
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

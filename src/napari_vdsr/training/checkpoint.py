"""Checkpoints: everything needed to resume a training as if it had not stopped.

A checkpoint is a safetensors file, so reading one cannot run code. It is written
beside the old one and then replaces it: at any moment there is one complete file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_vdsr.errors import FileError, InputError, ModelError, VdsrError
from napari_vdsr.files.atomic import replacing
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.history import History
from napari_vdsr.zoo.formats import read_metadata, read_native

_FORMAT = "napari-vdsr checkpoint 2"
# The plain values stood in the header, which has a limit, and nothing had a checksum.
_FIRST_FORMAT = "napari-vdsr checkpoint 1"
_VALUES = "values"  # the tensor whose bytes are the plain values as JSON
_GENERATORS = {5056: "cpu", 16: "cuda or xpu", 44: "mps"}  # by bytes of their state
_SETTINGS = {"stages": "steps, learning rate or recipe"}  # in words


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a training between two steps."""

    # Weights, running means, states of optimiser and generators, all on the CPU.
    tensors: dict[str, Tensor]
    values: dict[str, Any]  # plain: step, configuration, history


def write_checkpoint(path: Path, snapshot: Snapshot) -> None:
    """Write a checkpoint. On a `FileError`, the older one is still there."""
    from safetensors.torch import save

    text = json.dumps(snapshot.values).encode()
    values = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    tensors = {**snapshot.tensors, _VALUES: values}
    metadata = {
        "format": _FORMAT,
        "step": str(snapshot.values["step"]),
        "sha256": _checksum(tensors),
    }
    data = save(tensors, metadata)
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
    checkpoint or damaged.
    """
    check_there(path)
    try:
        tensors, metadata = read_native(path.read_bytes())
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    except ModelError as error:
        raise InputError(f"{path} is no checkpoint of a training: {error}") from error
    kind = metadata.get("format")
    if kind not in (_FORMAT, _FIRST_FORMAT):
        raise InputError(
            f"{path} is no checkpoint of a training; to go on from a finished model, "
            "start from it instead"
        )
    if kind == _FORMAT and metadata.get("sha256") != _checksum(tensors):
        raise damaged(path, "its checksum is another one")
    try:
        if kind == _FORMAT:
            metadata[_VALUES] = tensors.pop(_VALUES).numpy().tobytes().decode()
        values = json.loads(metadata[_VALUES])
    except (LookupError, RecursionError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(values, dict):
        raise damaged(path, "its values have no names")
    return Snapshot(tensors, values)


def read_step(path: Path) -> int:
    """Read how many steps were done; `ModelError` when it is damaged."""
    metadata = read_metadata(path)
    try:
        if "step" in metadata:
            return int(metadata["step"])
        return int(json.loads(metadata[_VALUES])["step"])
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is a damaged checkpoint: {error}") from error


def finished_training(
    model: Path, checkpoint: Path, config: TrainingConfig
) -> History | None:
    """What a model says of its training, if that is done and only left its checkpoint.

    None where either file is missing or another training made one of them.
    """
    if not (model.exists() and checkpoint.exists()):
        return None
    try:
        made = json.loads(read_metadata(model)["training"])
        values = read_checkpoint(checkpoint).values
        same = made["digest"] == values["images"] and all(
            TrainingConfig.from_json(each["config"]) == config
            for each in (made, values)
        )
        history = History.from_json({"losses": [], **made})
    except (VdsrError, LookupError, TypeError, ValueError):
        return None
    finished = history.gave_up or history.steps == config.steps
    return history if same and finished else None


def damaged(path: Path, why: str) -> InputError:
    """The error for a checkpoint whose content cannot be right."""
    return InputError(
        f"{path} is a damaged checkpoint ({why}): start the training anew"
    )


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """A checksum of the names, kinds, shapes and numbers of all tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_device(path: Path, theirs: Snapshot, mine: Snapshot) -> None:
    """Refuse random numbers that a device of this kind does not draw."""
    sizes = [it.tensors["generator"].numel() for it in (theirs, mine)]
    if sizes[0] != sizes[1] and set(sizes) <= _GENERATORS.keys():
        before, here = (_GENERATORS[size] for size in sizes)
        raise InputError(
            f"{path} was written on another kind of device ({before}) than the one "
            f"here ({here}): resume there, or start anew"
        )


def check_same(path: Path, theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Raise `InputError` when settings, images or first weights differ.

    `theirs` are the plain values of the snapshot in `path`, `mine` those of this
    training.
    """
    # Settings added since the file was written get defaults; tuples become lists.
    before = TrainingConfig.from_json(theirs["config"]).to_json()
    known, settings = (json.loads(json.dumps(it)) for it in (before, mine["config"]))
    different = [
        _SETTINGS.get(name, name)
        for name, value in settings.items()
        if known[name] != value
    ]
    if different:
        raise InputError(
            f"{path} belongs to a training with other settings "
            f"({', '.join(different)}): resume with the same, or start anew"
        )
    if " " in theirs["start_from"] and mine["start_from"]:  # the first format: a name
        theirs = {**theirs, "start_from": mine["start_from"]}
    for name, what in (("images", "images"), ("start_from", "first weights")):
        if theirs[name] != mine[name]:
            raise InputError(
                f"{path} belongs to a training with other {what}: start anew"
            )

"""Trainings that were started and neither finished nor cancelled.

Each has a checkpoint and, beside it, the settings of the panel, in a folder
``unfinished`` within that of the user's models. So a training survives a closed viewer,
a crash and a power cut.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from napari_vdsr.errors import ModelError
from napari_vdsr.files.atomic import make_folder, replacing
from napari_vdsr.plugin.training.settings import TrainingSettings
from napari_vdsr.zoo import user_folder

_in_work: set[str] = set()  # names of the trainings of this process


@dataclass(frozen=True)
class Unfinished:
    """A training that can be resumed."""

    settings: TrainingSettings  # at its start, with the model's name
    layers: tuple[str, ...]  # names of the layers to train on
    step: int  # steps done

    @property
    def name(self) -> str:
        """The name of its future model."""
        return self.settings.name


def checkpoint_of(name: str) -> Path:
    """The checkpoint of the training with this model name."""
    return _folder() / f"{name}.checkpoint"


def begin(settings: TrainingSettings, layers: Sequence[str]) -> Path:
    """Store that a training on these layers starts or resumes; gives its checkpoint.

    Raises FileError when that cannot be written.
    """
    told = {
        "settings": asdict(settings),
        "layers": list(layers),
        "process": _process(os.getpid()),
    }
    make_folder(_folder())
    with replacing(_note_of(settings.name), overwrite=True) as temporary:
        temporary.write_text(json.dumps(told), encoding="utf-8")
    _in_work.add(settings.name)
    return checkpoint_of(settings.name)


def leave(name: str) -> None:
    """Mark a training as not running; forget it if it has no checkpoint."""
    _in_work.discard(name)
    if not checkpoint_of(name).exists():
        forget(name)


def forget(name: str) -> None:
    """Remove the files of a training that is finished or not wanted any more."""
    _in_work.discard(name)
    for path in (checkpoint_of(name), _note_of(name)):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def find_unfinished() -> list[Unfinished]:
    """List the trainings that are not running, by name, if they can be read."""
    notes = sorted(_folder().glob("*.json"))
    if not notes:
        return []
    from napari_vdsr.training.checkpoint import read_step

    found = []
    for note in notes:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ModelError):
            told = json.loads(note.read_text(encoding="utf-8"))
            settings = TrainingSettings().changed(told["settings"])
            step = read_step(checkpoint_of(note.stem))
            if settings.name == note.stem and not _in_use(note.stem, told["process"]):
                found.append(Unfinished(settings, tuple(told["layers"]), step))
    return found


def is_begun(name: str) -> bool:
    """Whether there is an unfinished training of that name, running or not."""
    return _note_of(name).exists() or name in _in_work


def _in_use(name: str, process: list[float]) -> bool:
    """Whether this or another napari is running a training."""
    number = int(process[0])
    if number == os.getpid():
        return name in _in_work
    # Another program may have got this process number.
    return process == _process(number)


def _process(number: int) -> list[float]:
    try:
        return [number, psutil.Process(number).create_time()]
    except psutil.Error:
        return []


def _note_of(name: str) -> Path:
    return _folder() / f"{name}.json"


def _folder() -> Path:
    return user_folder() / "unfinished"

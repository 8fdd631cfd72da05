"""Trainings that were begun and neither finished nor cancelled.

Each has a checkpoint and, beside it, what the panel was set to, in a folder
``unfinished`` within that of the user's models. So a training outlives a closed
viewer, a crash and a power cut.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from napari_vdsr.errors import FileError, ModelError
from napari_vdsr.files.atomic import replacing
from napari_vdsr.plugin.training.settings import TrainingSettings
from napari_vdsr.zoo import user_folder
from napari_vdsr.zoo.formats.native import read_metadata

_in_work: set[str] = set()
"""Names of the trainings of this process."""


@dataclass(frozen=True)
class Unfinished:
    """A training that can be gone on with.

    Attributes
    ----------
    settings : TrainingSettings
        Of the panel when it was begun, with the model's name.
    layers : tuple of str
        Names of the layers that it learns from.
    step : int
        Steps done.
    """

    settings: TrainingSettings
    layers: tuple[str, ...]
    step: int

    @property
    def name(self) -> str:
        """Of the model that it will be."""
        return self.settings.name


def checkpoint_of(name: str) -> Path:
    """Where the state of a training is kept.

    Parameters
    ----------
    name : str
        Of the model that it will be.

    Returns
    -------
    Path
    """
    return _folder() / f"{name}.checkpoint"


def begin(settings: TrainingSettings, layers: Sequence[str]) -> Path:
    """Note that a training begins or goes on.

    Parameters
    ----------
    settings : TrainingSettings
        With the model's name.
    layers : sequence of str
        Names of the layers that it learns from.

    Returns
    -------
    Path
        Where its checkpoint is to be.

    Raises
    ------
    FileError
        When that cannot be written.
    """
    told = {
        "settings": asdict(settings),
        "layers": list(layers),
        "process": _process(os.getpid()),
    }
    try:
        _folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot make the folder {_folder()}: {error.strerror}"
        ) from error
    with replacing(_note_of(settings.name), overwrite=True) as temporary:
        temporary.write_text(json.dumps(told), encoding="utf-8")
    _in_work.add(settings.name)
    return checkpoint_of(settings.name)


def leave(name: str) -> None:
    """Note that nobody works on a training any more, for now.

    Parameters
    ----------
    name : str
        Of the model that it will be.
    """
    _in_work.discard(name)
    if not checkpoint_of(name).exists():
        forget(name)


def forget(name: str) -> None:
    """Remove what is kept of a training: it is finished, or not wanted any more.

    Parameters
    ----------
    name : str
        Of the model that it was to be.
    """
    _in_work.discard(name)
    for path in (checkpoint_of(name), _note_of(name)):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def find_unfinished() -> list[Unfinished]:
    """List the trainings that nobody is working on.

    Returns
    -------
    list of Unfinished
        In order of name; what cannot be read is left out.
    """
    found = []
    for note in sorted(_folder().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ModelError):
            told = json.loads(note.read_text(encoding="utf-8"))
            settings = TrainingSettings().changed(told["settings"])
            metadata = read_metadata(checkpoint_of(note.stem))
            step = int(json.loads(metadata["values"])["step"])
            if settings.name == note.stem and not _in_use(note.stem, told["process"]):
                found.append(Unfinished(settings, tuple(told["layers"]), step))
    return found


def is_begun(name: str) -> bool:
    """Whether there is a training of that name, being worked on or not.

    Parameters
    ----------
    name : str
        Of the model that it will be.

    Returns
    -------
    bool
    """
    return _note_of(name).exists() or name in _in_work


def _in_use(name: str, process: list[float]) -> bool:
    """Whether this or another napari is working on a training."""
    number = int(process[0])
    if number == os.getpid():
        return name in _in_work
    # The number may belong to another program by now.
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

"""From a name or a file to a model."""

from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.errors import InputError
from napari_vdsr.progress import check_progress
from napari_vdsr.zoo.catalogue import find
from napari_vdsr.zoo.fetching import fetch
from napari_vdsr.zoo.folders import expanded
from napari_vdsr.zoo.model import Model
from napari_vdsr.zoo.user import is_file_like
from napari_vdsr.zoo.weight_files import open_weights

if TYPE_CHECKING:
    from napari_vdsr.progress import Progress
    from napari_vdsr.zoo.card import Card


def load_model(
    model: str | Path | Model, *, progress: "Progress | None" = None
) -> Model:
    """Load a model.

    Parameters
    ----------
    model : str, Path or Model
        A name in `napari_vdsr.zoo.models` or a file: safetensors, a checkpoint of
        PyTorch or the authors' MATLAB file. A model is returned as it is.
    progress : tqdm-like, optional
        Told of the download, in bytes, if the model has to be fetched first. Raise
        `Cancelled` from its `update` to stop.

    Returns
    -------
    Model
        Nothing in its file was run: only tensors are read. Its weights are its own;
        changing them changes no other model of that name.

    Raises
    ------
    ModelError
        When there is no such model, or its file holds none.
    FetchError
        When it has to be fetched and cannot be.
    FileError
        When the file cannot be read.

    Examples
    --------
    >>> load_model("vdsr20").network.depth
    20
    """
    check_progress(progress)
    shared = shared_model(model, progress=progress)
    if shared is model:
        return shared
    return Model(
        deepcopy(shared.network),
        shared.name,
        shared.title,
        shared.sha256,
        dict(shared.metadata),
    )


class _SharedModel(Model):
    """A model whose weights nobody changes, so that it is fingerprinted once."""

    @cached_property
    def fingerprint(self) -> str:
        return super().fingerprint


def shared_model(
    model: str | Path | Model, *, progress: "Progress | None" = None
) -> Model:
    """Load a model that others may be using, too: never change its weights.

    It is read once in a process, and again when its file has changed. Arguments and
    errors are those of `load_model`.
    """
    if isinstance(model, Model):
        return model
    if not isinstance(model, str | Path):
        raise InputError(
            f"a model is a name, a path or a Model, not a {type(model).__name__}"
        )
    if isinstance(model, Path) or _is_file_name(model):
        return _read(expanded(model), Path(model).stem)
    card = find(model)
    return _read(fetch(model, progress=progress), model, card)


def _is_file_name(model: str) -> bool:
    return is_file_like(model) or "/" in model or "\\" in model


def _read(path: Path, name: str, card: "Card | None" = None) -> Model:
    file = open_weights(path)
    network, metadata = file.decoded()
    if card is not None:
        metadata = _said_by(card) | metadata
    title = metadata.get("title") or name
    made = _SharedModel(network, name, title, file.sha256, metadata)
    return file.models.setdefault(name, made)


def _said_by(card: "Card") -> dict[str, str]:
    """What a card says, for files that say nothing themselves."""
    said = {
        "title": card.title,
        "description": card.description,
        "licence": card.licence,
        "source": card.source,
        "factors": ", ".join(map(str, card.factors)),
        "sampling": card.sampling,
    }
    return {name: value for name, value in said.items() if value}

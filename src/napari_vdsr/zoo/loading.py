"""From a name or a file to a model."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.errors import FileError, InputError, ModelError
from napari_vdsr.zoo.catalogue import find
from napari_vdsr.zoo.fetching import fetch
from napari_vdsr.zoo.model import Model
from napari_vdsr.zoo.user import is_file_like

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
        Nothing in its file was run: only tensors are read.

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
    if isinstance(model, Model):
        return model
    if not isinstance(model, str | Path):
        raise InputError(
            f"a model is a name, a path or a Model, not a {type(model).__name__}"
        )
    if isinstance(model, Path) or _is_file_name(model):
        if not Path(model).expanduser().exists():
            raise FileError(f"cannot read {model}: it does not exist")
        return _read(Path(model).expanduser(), Path(model).stem)
    card = find(model)
    return _read(fetch(model, progress=progress), model, card)


def _is_file_name(model: str) -> bool:
    return is_file_like(model) or "/" in model or "\\" in model


def _read(path: Path, name: str, card: "Card | None" = None) -> Model:
    from napari_vdsr.network import network_from_state
    from napari_vdsr.zoo.formats import read_weights

    state, metadata = read_weights(path)
    try:
        network = network_from_state(state)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except ModelError as error:
        raise ModelError(f"cannot use the weights in {path}: {error}") from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error}") from error
    if card is not None:
        metadata = _told(card) | metadata
    return Model(network, name, metadata.get("title") or name, digest, metadata)


def _told(card: "Card") -> dict[str, str]:
    """What a card says, for files that say nothing themselves."""
    told = {
        "title": card.title,
        "description": card.description,
        "licence": card.licence,
        "source": card.source,
        "factors": ", ".join(map(str, card.factors)),
    }
    return {name: value for name, value in told.items() if value}

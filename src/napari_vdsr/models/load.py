"""From a name or a file to a model."""

import hashlib
from pathlib import Path

from napari_vdsr.errors import ModelError
from napari_vdsr.models.model import Model

__all__ = ["load_model"]

_EMBEDDED = Path(__file__).parent / "embedded"


def load_model(model: "str | Path | Model") -> Model:
    """Load a model.

    Parameters
    ----------
    model : str, Path or Model
        A name or a file; a model is returned as it is.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        When there is no such model or its file is damaged.
    """
    if isinstance(model, Model):
        return model
    if model == "vdsr20":
        return _read(_EMBEDDED / "vdsr20-1.safetensors", "vdsr20", "VDSR, 20 layers")
    path = Path(model)
    if not path.is_file():
        msg = f"there is no model {str(model)!r}"
        raise ModelError(msg)
    return _read(path, path.stem, path.stem)


def _read(path: Path, name: str, title: str) -> Model:
    from napari_vdsr.models.formats.native import read_native
    from napari_vdsr.network import network_from_state

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    state, metadata = read_native(path)
    return Model(network_from_state(state), name, title, digest, metadata)

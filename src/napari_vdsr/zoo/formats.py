"""Files of weights in every known format: read to named tensors, and written.

The project's own is safetensors, a JSON header and plain numbers
(https://huggingface.co/docs/safetensors), so that reading it can run nothing.
"""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import ModelError, plain_line
from napari_vdsr.files.atomic import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_DAMAGE = (LookupError, RecursionError, TypeError, ValueError)
_LONGEST_HEADER = 1 << 20  # bytes; a network of 20 layers has 3,500


def read_weights(
    data: bytes, *, known: bool = False
) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read weights and what the file says about itself; its content tells the format.

    The weights are named ``conv0.weight`` (out, in, k, k), ``conv0.bias`` (out,) and
    so on. `known` tells that the list of models has the file's sha256.
    """
    # Not above: the list of models is read without numpy.
    from napari_vdsr.zoo.checkpoints import read_checkpoint, renamed

    if data[8:9] == b"{":
        state, metadata = read_native(data)
        return renamed(state), metadata
    if data.startswith(b"MATLAB "):
        return _tensors(read_matlab(data, known=known)), {}
    if data.startswith((b"PK", b"\x80")):
        return _tensors(renamed(read_checkpoint(data))), {}
    raise ModelError(
        "it is neither safetensors nor a file of torch.save (.pt, .pth) "
        "nor a MATLAB file"
    )


def _tensors(arrays: dict[str, Any]) -> dict[str, "Tensor"]:
    """Weights in float32; too large ones become infinite, which no network accepts."""
    import numpy as np
    import torch

    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: torch.tensor(np.ascontiguousarray(array, np.float32))
            for name, array in arrays.items()
        }


def read_native(data: bytes) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read the named tensors and the metadata of a file."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        metadata = _metadata(data)
        return load(data), metadata
    except (SafetensorError, *_DAMAGE) as error:
        raise ModelError(f"it is a damaged safetensors file ({error})") from error


def read_metadata(path: Path) -> dict[str, str]:
    """Read what a safetensors file says about itself, not its tensors."""
    try:
        with path.open("rb") as file:
            return _metadata(file.read(_LONGEST_HEADER))
    except (OSError, *_DAMAGE) as error:
        raise ModelError(f"{path} is damaged or cannot be read: {error}") from error


def _metadata(data: bytes) -> dict[str, str]:
    """The metadata in the header, which stands at the beginning of a file."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data), _LONGEST_HEADER) - 8:
        raise ValueError(f"a header of {length} bytes")
    header = json.loads(data[8 : 8 + length])
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise TypeError("a header without names")
    return {str(name): plain_line(str(value)) for name, value in metadata.items()}


def write_native(
    path: Path,
    state: Mapping[str, "Tensor"],
    metadata: Mapping[str, str],
    *,
    overwrite: bool,
) -> None:
    """Write named tensors and metadata; the file appears complete or not at all."""
    from safetensors.torch import save

    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in state.items()
    }
    data = save(tensors, dict(metadata))
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def read_matlab(data: bytes, *, known: bool) -> "dict[str, NDArray[Any]]":
    """Read the authors' weights: a MATLAB 5 file whose bytes are `known`.

    scipy's reader can crash the program on a damaged file, so that it is only given
    bytes that the list of models knows by their sha256. They are a structure ``model``
    with the cells ``weight``, of shape (k, k, in, out), and ``bias``.
    """
    if not known:
        raise ModelError(
            "it is a MATLAB file that is not in the list of models, and a damaged one "
            "could crash the program. Convert it in a program of yours: read it with "
            "scipy.io.loadmat and save the layers with safetensors.torch.save_file as "
            "conv0.weight of shape (out, in, k, k), conv0.bias, conv1.weight and so on"
        )
    from scipy.io import loadmat

    model = loadmat(BytesIO(data), variable_names=["model"])["model"][0, 0]
    state = {}
    for index, weight in enumerate(model["weight"].ravel()):
        filters = weight.reshape((*weight.shape, 1)[:4])  # MATLAB drops a last 1
        state[f"conv{index}.weight"] = filters.transpose(3, 2, 0, 1)
    for index, bias in enumerate(model["bias"].ravel()):
        state[f"conv{index}.bias"] = bias.ravel()
    return state

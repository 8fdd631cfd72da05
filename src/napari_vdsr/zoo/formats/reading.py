"""From the bytes of a file of weights in any known format to named tensors."""

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.formats.checkpoints import read_checkpoint
from napari_vdsr.zoo.formats.layouts import renamed
from napari_vdsr.zoo.formats.matlab import is_matlab, read_matlab
from napari_vdsr.zoo.formats.native import is_native, read_native

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(
    data: bytes, *, known: bool = False
) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read weights and what the file says about itself; its content tells the format.

    The weights are named ``conv0.weight`` (out, in, k, k), ``conv0.bias`` (out,) and
    so on. `known` tells that the list of models has the file's sha256.
    """
    if is_native(data):
        state, metadata = read_native(data)
        return renamed(state), metadata
    if is_matlab(data):
        return _tensors(read_matlab(data, known=known)), {}
    if data.startswith((b"PK", b"\x80")):
        return _tensors(renamed(read_checkpoint(data))), {}
    raise ModelError(
        "it is neither safetensors nor a file of torch.save (.pt, .pth) "
        "nor a MATLAB file"
    )


def _tensors(arrays: dict[str, Any]) -> dict[str, "Tensor"]:
    """Weights in float32; too large ones become infinite, which no network accepts."""
    import torch

    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: torch.tensor(np.ascontiguousarray(array, np.float32))
            for name, array in arrays.items()
        }

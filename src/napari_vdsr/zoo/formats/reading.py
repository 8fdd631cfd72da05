"""From a file of weights in any known format to named tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import FileError, ModelError

if TYPE_CHECKING:
    from torch import Tensor


_LARGEST = 1 << 28


def read_weights(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read the weights in a file; its content tells the format.

    Parameters
    ----------
    path : Path
        safetensors, a file of ``torch.save`` or the authors' MATLAB file.

    Returns
    -------
    state : dict of str to Tensor
        ``conv0.weight`` (out, in, k, k), ``conv0.bias`` (out,) and so on.
    metadata : dict of str to str
        What the file says about itself; empty for formats that say nothing.

    Raises
    ------
    FileError
        When the file cannot be read.
    ModelError
        When there are no weights in it that can be used, or anything beside
        tensors that would have to be run.
    """
    try:
        return _read(path)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error}") from error
    except ModelError as error:
        raise ModelError(f"cannot use the weights in {path}: {error}") from error


def _read(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    from napari_vdsr.zoo.formats.checkpoints import read_checkpoint
    from napari_vdsr.zoo.formats.layouts import renamed
    from napari_vdsr.zoo.formats.matlab import is_matlab, read_matlab
    from napari_vdsr.zoo.formats.native import is_native, read_native

    size = path.stat().st_size
    if size > _LARGEST:
        raise ModelError(
            f"it has {size:,} bytes, more than the {_LARGEST:,} that are read"
        )
    data = path.read_bytes()
    if is_native(data):
        state, metadata = read_native(data)
        return renamed(state), metadata
    if is_matlab(data):
        return _tensors(read_matlab(data)), {}
    if data.startswith((b"PK", b"\x80")):
        return _tensors(renamed(read_checkpoint(data))), {}
    raise ModelError(
        "it is neither safetensors nor a file of torch.save (.pt, .pth) "
        "nor a MATLAB file"
    )


def _tensors(arrays: Mapping[str, Any]) -> dict[str, "Tensor"]:
    import torch

    return {name: torch.tensor(array) for name, array in arrays.items()}

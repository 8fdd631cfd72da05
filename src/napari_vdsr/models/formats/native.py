"""The project's own format: safetensors with metadata.

https://huggingface.co/docs/safetensors describes the format: a JSON header and plain
numbers, so that reading it can run nothing.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.errors import FileError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_metadata", "read_native", "write_native"]


def read_native(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read named tensors and metadata.

    Parameters
    ----------
    path : Path
        A ``.safetensors`` file.

    Returns
    -------
    state : dict of str to Tensor
        On the CPU, as stored.
    metadata : dict of str to str
        What the file says about itself; empty when it says nothing.

    Raises
    ------
    ModelError
        When the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return state, dict(file.metadata() or {})
    except (SafetensorError, ValueError) as error:
        msg = f"{path} is not a whole safetensors file: {error}"
        raise ModelError(msg) from error


def read_metadata(path: Path) -> dict[str, str]:
    """Read what a safetensors file says about itself, not its tensors.

    Parameters
    ----------
    path : Path
        A ``.safetensors`` file.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ModelError
        When the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, ValueError) as error:
        msg = f"{path} is not a whole safetensors file: {error}"
        raise ModelError(msg) from error


def write_native(
    path: Path, state: Mapping[str, "Tensor"], metadata: Mapping[str, str]
) -> None:
    """Write named tensors and metadata; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        The file to write; an existing one is replaced.
    state : mapping of str to Tensor
        As from ``network.state_dict()``.
    metadata : mapping of str to str
        What to say about them.

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    from safetensors.torch import save

    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()},
        dict(metadata),
    )
    write_whole(path, data)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and move it into place.

    Parameters
    ----------
    path : Path
        The file to write; an existing one is replaced.
    data : bytes
        All that is to be in it.

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise FileError(msg) from error


def _umask() -> int:
    """The permissions that new files of this user do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

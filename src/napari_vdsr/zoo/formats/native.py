"""The project's own format: safetensors with metadata.

https://huggingface.co/docs/safetensors describes it: a JSON header and plain numbers,
so that reading it can run nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.errors import ModelError
from napari_vdsr.files.atomic import replacing
from napari_vdsr.plain_text import plain_line

if TYPE_CHECKING:
    from torch import Tensor

_DAMAGE = (LookupError, RecursionError, TypeError, ValueError)
_LONGEST_HEADER = 1 << 20  # bytes; a network of 20 layers has 3,500


def is_native(data: bytes) -> bool:
    """Whether a file begins as safetensors does."""
    return data[8:9] == b"{"


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

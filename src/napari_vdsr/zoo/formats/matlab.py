"""The weights that the authors of VDSR published: a MATLAB 5 file.

scipy reads it. Its reader can crash the program on a damaged file, so that it is only
given bytes that the list of models knows by their sha256.
"""

from io import BytesIO
from typing import Any

from numpy.typing import NDArray

from napari_vdsr.errors import ModelError


def is_matlab(data: bytes) -> bool:
    """Whether a file says that it is MATLAB's."""
    return data.startswith(b"MATLAB ")


def read_matlab(data: bytes, *, known: bool) -> dict[str, NDArray[Any]]:
    """Read the weights of a file whose bytes are `known`.

    They are a structure ``model`` with the cells ``weight``, of shape (k, k, in, out),
    and ``bias``; they come back as ``conv0.weight`` (out, in, k, k), ``conv0.bias``
    (out,) and so on.
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

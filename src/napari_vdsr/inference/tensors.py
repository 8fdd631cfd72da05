"""Tensors of torch as images, in every state that they can be in."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.inference.arrays import upscale_array
from napari_vdsr.options import RunOptions


def upscale_tensor(
    image: Tensor, factor: Factor, options: RunOptions, **geometry: Any
) -> Any:
    """Enlarge a tensor by way of a numpy array; the result is on its device."""
    enlarged = upscale_array(on_host(image), factor, options, **geometry)
    if not isinstance(enlarged, tuple):
        return torch.from_numpy(enlarged).to(image.device, image.dtype)
    result, spread = (torch.from_numpy(each).to(image.device) for each in enlarged)
    return result.to(image.dtype), spread


def on_host(tensor: Tensor) -> NDArray[Any]:
    """A tensor's values in memory that numpy can use; bfloat16 becomes float32.

    Raises InputError when there are no values or numpy has no such dtype.
    """
    if tensor.is_nested or tensor.layout is not torch.strided:
        kind = "nested" if tensor.is_nested else str(tensor.layout)
        raise InputError(
            f"{kind.removeprefix('torch.')} tensors are not known here: use to_dense()"
        )
    if tensor.is_meta:
        raise InputError("this tensor is on the device meta: it has no values")
    if tensor._is_zerotensor():  # numpy sees other memory in torch 2.8
        tensor = tensor.clone()
    try:
        host = tensor.float() if tensor.dtype is torch.bfloat16 else tensor
        values: NDArray[Any] = host.numpy(force=True)
    except TypeError as error:  # float8, quantised …
        name = str(tensor.dtype).removeprefix("torch.")
        raise InputError(
            f"tensors of dtype {name} are not known here: convert them to float32 first"
        ) from error
    return values

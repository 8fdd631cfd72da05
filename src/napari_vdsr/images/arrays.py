"""Whatever holds the pixels of an image, as an array with a dtype of numpy."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.dtypes import is_instance, is_xarray, refuse_no_image

if TYPE_CHECKING:
    from torch import Tensor


def as_array(image: Any, name: str = "image") -> Any:
    """Take pixels that can be sliced: what is read then, as dask's are, stays so.

    `name` is for messages. Raises InputError when it is no array, or has a mask.
    """
    if image is None:
        raise InputError(f"the {name} is None: give an array, a layer or a path")
    if is_xarray(image):
        image = image.data
    refuse_no_image(image)
    refuse_other_layers(image)
    if is_instance(image, "torch", "Tensor"):
        return on_host(image)
    if hasattr(image, "todense"):
        raise InputError(
            f"a {type(image).__name__} is sparse, and images are dense: use what its "
            "method todense gives"
        )
    if isinstance(getattr(image, "dtype", None), np.dtype) and hasattr(image, "shape"):
        return image
    return in_memory(image, name)


def is_any_layer(value: object) -> bool:
    """Whether it is a layer of napari, of whatever kind."""
    return is_instance(value, "napari.layers", "Layer")


def refuse_other_layers(value: Any) -> None:
    """Raise InputError for layers of napari that are no images."""
    if is_any_layer(value) and not is_instance(value, "napari.layers", "Image"):
        kind = type(value).__name__
        reason = "holds label numbers" if kind == "Labels" else "holds no intensities"
        raise InputError(
            f"{value.name!r} is a {kind} layer and {reason}: choose an Image layer"
        )


def in_memory(image: Any, name: str = "image") -> NDArray[Any]:
    """The values of anything that numpy can read; InputError if it cannot."""
    try:
        return np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, lost device …
        raise InputError(
            f"the {name}, a {type(image).__name__}, is no array of numbers: {error}"
        ) from error


def on_host(tensor: "Tensor") -> NDArray[Any]:
    """A tensor's values in memory that numpy can use; bfloat16 becomes float32.

    Raises InputError when there are no values or numpy has no such dtype.
    """
    import torch

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

"""Whatever holds the pixels of an image, as an array with a dtype of numpy."""

import math
import sys
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, checked_rgb
from napari_vdsr.files.opening import refuse_mask

if TYPE_CHECKING:
    from torch import Tensor


def as_array(image: Any, name: str = "image") -> Any:
    """Take pixels that can be sliced: what is read then, as dask's are, stays so."""
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
    """A tensor's values in memory that numpy can use; bfloat16 becomes float32."""
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
    except RuntimeError as error:  # within vmap, a fake tensor …
        raise InputError(
            f"this tensor has no values that can be read: {error}"
        ) from error
    except TypeError as error:  # float8, quantised …
        name = str(tensor.dtype).removeprefix("torch.")
        raise InputError(
            f"tensors of dtype {name} are not known here: convert them to float32 first"
        ) from error
    return values


def is_instance(value: object, module: str, name: str) -> bool:
    """Whether a value is of a class, without importing the class's library."""
    return module in sys.modules and isinstance(
        value, getattr(sys.modules[module], name, ())
    )


def is_xarray(value: object) -> bool:
    """Whether a value is an array of xarray, whose dimensions have names."""
    names = ("DataArray", "Variable")
    return any(is_instance(value, "xarray", name) for name in names)


def refuse_no_image(value: object) -> None:
    """Reject paths, zarr groups, masked arrays and None."""
    refuse_mask(value)
    msg = ""
    if isinstance(value, (str, PathLike)):
        msg = f"{value} is a path: read it first, or use the command napari-vdsr"
    elif is_instance(value, "zarr", "Group"):
        msg = "this is a group of zarr arrays: take one of them, such as group['0']"
    elif is_instance(value, "h5py", "Group"):
        msg = (
            "this is a group of HDF5 data sets: take one of them, such as file['data']"
        )
    elif is_instance(value, "xarray", "Dataset"):
        msg = "this is a Dataset of xarray: take one of its variables"
    elif value is None:
        msg = "the image is None"
    if msg:
        raise InputError(msg)


def is_colour(image: Any, rgb: bool | None) -> bool:
    """Whether the last axis of an image is colour; it is never guessed."""
    rgb = checked_rgb(rgb)
    shape = tuple(image.shape)
    could_be = len(shape) >= 3 and shape[-1] in (3, 4)
    if rgb is None and could_be:
        raise InputError(
            f"the shape {shape} may be (..., Y, X, colour) or (..., Y, X): "
            "say rgb=True or rgb=False"
        )
    if rgb and not could_be:
        raise InputError(
            f"rgb=True, but the shape {shape} does not end in 3 or 4 colours"
        )
    return bool(rgb)


class Values(NamedTuple):
    """Statistics of the values of an image."""

    low: float  # NaN ignored; NaN when there is nothing else; int if no float64
    high: float
    infinite: int  # number of infinite values
    gaps: int  # number of NaN


def values_of(parts: Iterable[NDArray[Any]]) -> Values:
    """Statistics of an image of real numbers that is given in parts."""
    lows, highs, infinite, gaps = [], [], 0, 0
    for part in parts:
        if part.dtype.kind == "f":
            infinite += int(np.isinf(part).sum())
            missing = int(np.isnan(part).sum())
            gaps += missing
            if missing == part.size:
                continue
        lows.append(_exact(np.nanmin(part)))
        highs.append(_exact(np.nanmax(part)))
    return Values(
        min(lows, default=math.nan), max(highs, default=math.nan), infinite, gaps
    )


def _exact(value: Any) -> float:
    """As a float, or as an int where float64 cannot hold that."""
    number = value.item()
    return number if number != float(number) else float(number)

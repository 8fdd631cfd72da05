"""The precision of the computation, and results in the dtype of the image."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_vdsr.errors import InputError


def work_dtype(dtype: np.dtype[Any]) -> torch.dtype:
    """Precision in which images of this dtype are enlarged and summed.

    It is float64 where float32 could not hold every value, otherwise float32.
    """
    wide = dtype.itemsize > 2 if dtype.kind in "iu" else dtype.itemsize > 4
    return torch.float64 if wide else torch.float32


def within_float64(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The image itself, or as float64 where its floats are wider.

    What float64 cannot hold becomes infinite.
    """
    if image.dtype.kind != "f" or image.dtype.itemsize <= 8:
        return image
    with np.errstate(over="ignore"):
        return image.astype(np.float64)


def refuse_infinities(image: np.ndarray[Any, Any]) -> None:
    """Raise InputError when there are infinite pixels, with their number."""
    if image.dtype.kind != "f":
        return
    # Part by part, so that the masks stay small beside the image.
    count = sum(int(np.isinf(within_float64(part)).sum()) for part in image)
    if count:
        raise InputError(
            f"{count} of {image.size} pixels are infinite: "
            "replace them by NaN or by a number"
        )


_TORCH = {
    np.dtype(name): getattr(torch, name)
    for name in (
        *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64"),
    )
}


def converts_on(device: torch.device, dtype: np.dtype[Any]) -> bool:
    """Whether a device converts results into a dtype itself, without the host."""
    if device.type == "cuda":
        return dtype.kind == "f" or dtype.itemsize < 8
    return device.type == "cpu"  # others do not know every dtype


def into_dtype(values: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Bring results into the dtype of the image, as far as torch knows it.

    Integers are rounded to the nearest and clipped to their range, floats clipped to
    the largest finite ones; floats wider than float64 come as float64. There may be NaN
    only where `dtype` is a float.
    """
    if not converts_on(values.device, dtype):
        values = values.cpu()
    target = _TORCH.get(dtype.newbyteorder("="), torch.float64)
    if dtype.kind == "f":
        largest = torch.finfo(target).max
        return values.clamp(-largest, largest).to(target)
    limits = np.iinfo(dtype)
    values = values.round()
    if dtype.itemsize < 8:
        return values.clamp(limits.min, limits.max).to(target)
    # float64 cannot hold the largest 64-bit integers: saturate where it reaches them.
    edge = float(limits.max)
    below = values.clamp(limits.min, np.nextafter(edge, 0)).to(target)
    # As int64: torch 2.8 and older cannot choose between unsigned ones.
    most = torch.tensor(limits.max, dtype=target).view(torch.int64)
    return torch.where(values >= edge, most, below.view(torch.int64)).view(target)

"""Which dtypes hold intensities, and what is black and white in them."""

import sys
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from napari_vdsr.errors import InputError


def check_dtype(dtype: Any, images: str = "images") -> np.dtype[Any]:
    """Accept real numbers; raise InputError with the reason for everything else.

    `images` is what to call them in the message.
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind.kind in "iuf":
        return kind
    raise InputError(f"{images} of dtype {kind} cannot be enlarged: {_no_use(kind)}")


def check_intensities(dtype: Any, image: str) -> None:
    """As `check_dtype`, where nothing is to be enlarged."""
    kind = np.dtype(dtype)
    if kind.kind not in "iuf":
        raise InputError(f"the {image} is of dtype {kind}: {_no_use(kind)}")


def _no_use(kind: np.dtype[Any]) -> str:
    """Why a dtype holds no intensities, and what to do."""
    reasons = {
        "b": "a mask has no intensities to restore; convert it to uint8 first",
        "c": "take the real part, the magnitude or the phase first",
        "O": "convert it to a numeric dtype first",
    }
    return reasons.get(kind.kind, "only integers and floating-point numbers are images")


def with_spread(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Of pixels that hold an image of this dtype and its spread, in the same unit."""
    spread = np.float32 if dtype.itemsize <= 4 else np.float64
    return np.dtype([("image", dtype), ("spread", spread)])


def images_in(pixels: Any) -> tuple[Any, ...]:
    """The image alone, or image and spread of pixels that hold both."""
    names = pixels.dtype.names
    return (pixels,) if names is None else tuple(pixels[name] for name in names)


def black_and_white(
    dtype: np.dtype[Any], low: float, high: float
) -> tuple[float, float] | None:
    """Black and white where dtype or values leave no doubt, otherwise None.

    (0, 255) for uint8, (0, 1) for floats from `low` to `high` within [0, 1]; integers
    are told by their dtype alone.

    >>> black_and_white(np.dtype("float32"), 0.2, 1.0)
    (0.0, 1.0)
    """
    if dtype == np.uint8:
        return 0.0, 255.0
    if dtype.kind == "f" and 0 <= low <= high <= 1:
        return 0.0, 1.0
    return None


def natural_range(image: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Black and white: (0, 255) for uint8, (0, 1) for floats within [0, 1].

    Raises InputError for all others: 12-bit counts in uint16 look the same as 16-bit
    ones.
    """
    low = high = np.nan
    if image.dtype.kind == "f" and image.size:
        low, high = float(np.nanmin(image)), float(np.nanmax(image))
    known = black_and_white(image.dtype, low, high)
    if known is not None:
        return known
    raise InputError(
        f"the intensity range of this {image.dtype} image is not known: give "
        "intensity_range=(black, white), or use a model that follows any scale"
    )


def refuse_mask(image: object) -> None:
    """Refuse masked arrays, of which all pixels would be taken as valid.

    Those of dask are known as far as dask knows beforehand. Raises InputError, which
    says what to use instead.
    """
    known = image, getattr(image, "_meta", None)
    if any(isinstance(each, np.ma.MaskedArray) for each in known):
        raise InputError(
            "masks are not known here: mark what is missing with NaN, such as "
            "image.astype('float32').filled(np.nan)"
        )


def checked_pixels(
    pixels: Any, shape: Sequence[int], dtype: np.dtype[Any], which: str
) -> np.ndarray[Any, Any]:
    """Pixels that were read, as an array of the shape and dtype that were announced.

    Raises InputError for a mask, and for another shape or dtype: it would be repeated,
    cut or wrapped in silence. `which` says what was read.
    """
    refuse_mask(pixels)
    array = np.asarray(pixels)
    native = array.dtype.newbyteorder("="), dtype.newbyteorder("=")
    if array.shape != tuple(shape) or native[0] != native[1]:
        raise InputError(
            f"{which} is {array.dtype} of shape {array.shape}, but the image says "
            f"{dtype} of shape {tuple(shape)}: mend what makes it, or its dtype and "
            "chunks"
        )
    return array


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
    elif is_instance(value, "xarray", "Dataset"):
        msg = "this is a Dataset of xarray: take one of its variables"
    elif value is None:
        msg = "the image is None"
    if msg:
        raise InputError(msg)

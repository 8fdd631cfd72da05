"""Which dtypes hold intensities, and what is black and white in them."""

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
    """Refuse numpy's masked arrays, of which all pixels would be taken as valid.

    Raises InputError, which says what to use instead.
    """
    if isinstance(image, np.ma.MaskedArray):
        raise InputError(
            "masks are not known here: mark what is missing with NaN, such as "
            "image.astype('float32').filled(np.nan)"
        )

"""Which dtypes are intensities, and what is black and white in them."""

from typing import Any

import numpy as np

from napari_vdsr.errors import InputError


def check_dtype(dtype: Any, images: str = "images") -> np.dtype[Any]:
    """Accept real numbers and refuse everything else, with the reason.

    Parameters
    ----------
    dtype : dtype-like
        Of an image.
    images : str
        What to call them in a message.

    Returns
    -------
    numpy.dtype
        An integer or floating-point type.

    Raises
    ------
    InputError
        For bool, complex, object and anything else that is no intensity.

    Examples
    --------
    >>> check_dtype("uint16")
    dtype('uint16')
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind.kind in "iuf":
        return kind
    reasons = {
        "b": "a mask has no intensities to restore; convert it to uint8 first",
        "c": "take the real part, the magnitude or the phase first",
        "O": "convert it to a numeric dtype first",
    }
    reason = reasons.get(kind.kind, "only integers and floating-point numbers are")
    raise InputError(f"{images} of dtype {kind} cannot be enlarged: {reason}")


def black_and_white(
    dtype: np.dtype[Any], low: float, high: float
) -> tuple[float, float] | None:
    """Black and white, where dtype or values leave no doubt.

    Parameters
    ----------
    dtype : numpy.dtype
        Of an image.
    low, high : float
        Its smallest and largest value; integers are told by their dtype alone.

    Returns
    -------
    tuple of float or None
        (0, 255) for uint8, (0, 1) for floats within [0, 1].

    Examples
    --------
    >>> black_and_white(np.dtype("float32"), 0.2, 1.0)
    (0.0, 1.0)
    """
    if dtype == np.uint8:
        return 0.0, 255.0
    if dtype.kind == "f" and 0 <= low <= high <= 1:
        return 0.0, 1.0
    return None


def natural_range(image: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Black and white of an image whose dtype or values leave no doubt.

    Parameters
    ----------
    image : ndarray of any real dtype
        In any shape.

    Returns
    -------
    tuple of float
        (0, 255) for uint8, (0, 1) for floats within [0, 1].

    Raises
    ------
    InputError
        For all others: 12-bit counts in uint16 look the same as 16-bit ones.

    Examples
    --------
    >>> natural_range(np.array([0, 7], dtype="uint8"))
    (0.0, 255.0)
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

    Parameters
    ----------
    image : object
        What was given as an image.

    Raises
    ------
    InputError
        When it is a masked array; says what to use instead.
    """
    if isinstance(image, np.ma.MaskedArray):
        raise InputError(
            "masks are not known here: mark what is missing with NaN, such as "
            "image.astype('float32').filled(np.nan)"
        )

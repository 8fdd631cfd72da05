"""Intensities: dtypes, luminance, black and white, gaps, and results in a dtype."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrWarning

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FULL_RANGE = (0.299, 0.587, 0.114)
"""Weights of R, G and B in full-range luminance (ITU-R BT.601); their sum is one."""

_STUDIO = (65.481, 128.553, 24.966)


def studio_luminance(rgb: NDArray[np.generic]) -> NDArray[np.float64]:
    """Studio-swing luminance (ITU-R BT.601), the Y on which the papers score.

    Colours from 0 to 255, (..., 3), give 16 for black to 235 for white, not rounded.
    """
    colours = rgb[..., :3].astype(np.float64)
    y: NDArray[np.float64] = 16 + colours @ (np.array(_STUDIO) / 255)
    return y


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


_FAINT = 1 / 16  # of 1: where 12-bit counts end that were divided by 65535


def faintness(
    known: tuple[float, float] | None, high: float, *ways_out: str
) -> str | None:
    """Say where floats are known to lie within [0, 1], but use next to nothing of it.

    `high` is the largest value; `ways_out` are what may be done beside scaling them.
    """
    if known != (0.0, 1.0) or not 0 < high < _FAINT:
        return None
    return (
        f"no value is above {high:g}, but the range is taken as 0 to 1, as of all "
        "floating point within [0, 1]: "
        + ", or ".join([*ways_out, "scale the values to 0 to 1"])
    )


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
        faint = faintness(known, high, "give intensity_range=(black, white)")
        if faint is not None:
            warnings.warn(faint, VdsrWarning, stacklevel=3)
        return known
    raise InputError(
        f"the intensity range of this {image.dtype} image is not known: give "
        "intensity_range=(black, white), or use a model that follows any scale"
    )


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


def fill_gaps(
    image: NDArray[np.floating], rings: int
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Replace NaN by the mean of the nearest valid pixels; say where it is too deep.

    Gaps are closed ring by ring, at most `rings` pixels deep: a missing pixel takes the
    mean of the valid ones among its eight neighbours. Pixels farther in become zero. A
    filled value depends only on pixels as far away as the nearest valid one, and is
    therefore the same for a tile and for the full image.
    """
    valid = ~np.isnan(image)
    filled = np.where(valid, image, image.dtype.type(0))
    for _ in range(rings):
        if valid.all() or not valid.any():
            break
        count = _neighbour_sum(valid.astype(image.dtype))
        ring = ~valid & (count > 0)
        filled[ring] = (_neighbour_sum(filled)[ring] / count[ring]).astype(image.dtype)
        valid |= ring
    return filled, ~valid


def _neighbour_sum(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Sum of every pixel's 3 x 3 neighbourhood, zeros beyond the border."""
    padded = np.pad(image, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    total: NDArray[np.floating] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return total


def work_dtype(dtype: np.dtype[Any]) -> "torch.dtype":
    """Precision in which images of this dtype are enlarged and summed.

    It is float64 where float32 could not hold every value, otherwise float32.
    """
    import torch

    wide = dtype.itemsize > 2 if dtype.kind in "iu" else dtype.itemsize > 4
    return torch.float64 if wide else torch.float32


def converts_on(device: "torch.device", dtype: np.dtype[Any]) -> bool:
    """Whether a device converts results into a dtype itself, without the host."""
    if device.type == "cuda":
        return dtype.kind == "f" or dtype.itemsize < 8
    return device.type == "cpu"  # others do not know every dtype


def into_dtype(values: "Tensor", dtype: np.dtype[Any]) -> "Tensor":
    """Bring results into the dtype of the image, as far as torch knows it.

    Integers are rounded to the nearest and clipped to their range, floats clipped to
    the largest finite ones; floats wider than float64 come as float64. There may be NaN
    only where `dtype` is a float.
    """
    import torch

    if not converts_on(values.device, dtype):
        values = values.cpu()
    target = getattr(torch, dtype.name, torch.float64)
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

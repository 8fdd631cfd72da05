"""One window: from source pixels to enlarged and restored ones.

A window is brought to a scale of its own before anything is computed and taken back
afterwards. For an affine-equivariant network that changes nothing but rounding: the
offset cancels in its first layer and a power of two passes through it exactly.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.intensities import FULL_RANGE, fill_gaps
from napari_vdsr.inference.engine import Engine, Ensemble, mean_and_spread
from napari_vdsr.inference.transfer import uploaded

_EXPONENTS = (-1000, 1000)  # of units whose reciprocal is a float64 as well


class Restored(NamedTuple):
    """A window as the network makes it.

    `images` are the result and, if asked for, its spread: float32 or float64 of shape
    (S, Y, X), S = 1 for grey images, in the unit of the image. `total` is the sum of
    the residual on the device, not finite where the network left the range of float16;
    None in other precisions.
    """

    images: tuple[Tensor, ...]
    total: Tensor | None


class Scale(NamedTuple):
    """An affine scale of intensities: ``value = scaled * unit + zero``."""

    zero: float
    unit: float

    def scaled(self, values: Tensor) -> Tensor:
        """Values on this scale."""
        return _times(values - self.zero, 1 / self.unit)

    def unscaled(self, values: Tensor) -> Tensor:
        """Values as they were before `scaled`."""
        return self.length(values) + self.zero

    def length(self, values: Tensor) -> Tensor:
        """Differences of values as they were before `scaled`."""
        return _times(values, self.unit)


def _times(values: Tensor, factor: float) -> Tensor:
    """Multiply; in two steps by factors that the dtype itself may not hold."""
    exponent = math.frexp(factor)[1]
    if abs(exponent) < 100:  # of the 126 that float32 has
        return values * factor
    root = 2.0 ** (exponent // 2)
    return values * root * (factor / root)


def scale_of(pixels: NDArray[Any], work: torch.dtype) -> Scale:
    """The scale on which the valid pixels lie around zero, at most 1 away from it.

    Its unit is a power of two, so that scaling rounds nothing; its zero is a number of
    the dtype `work`. NaN is passed over, infinite pixels are an InputError.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if math.isnan(low):
        valid = pixels[~np.isnan(pixels)]
        return scale_of(valid, work) if valid.size else Scale(0.0, 1.0)
    if math.isinf(low) or math.isinf(high):
        raise InputError(
            f"{np.isinf(pixels).sum()} of {pixels.size} pixels here are infinite: "
            "replace them by NaN or by a number"
        )
    zero = low / 2 + high / 2
    if work is torch.float32:
        zero = float(np.float32(zero))
    reach = max(high - zero, zero - low)
    exponent = min(max(math.frexp(reach)[1], _EXPONENTS[0]), _EXPONENTS[1])
    return Scale(zero, 2.0**exponent if reach else 1.0)


def has_gaps(pixels: NDArray[Any]) -> bool:
    """Whether any pixel is NaN."""
    return pixels.dtype.kind == "f" and bool(np.isnan(pixels.min()))


def restore_window(
    pixels: NDArray[Any],
    weights: tuple[Tensor, Tensor],
    engine: Engine,
    intensity_range: tuple[float, float] | None,
    rings: int,
    *,
    spread: bool = False,
) -> Restored:
    """Enlarge a window bicubically and add the network's residual.

    `pixels` are (Y, X) or (Y, X, S), S = 3 or 4 for R, G, B and alpha, of any real
    dtype; `weights` are those of `resize_rows` for Y and X, in the precision of the sum
    and on the device of `sum_device`. `intensity_range` is black and white, for
    networks that are not affine-equivariant; `rings` says how deep gaps are filled, in
    source pixels. `spread` asks an ensemble for that of its results as well. Images are
    NaN where the enlargement touches a NaN.
    """
    down, across = weights
    scale = scale_of(pixels, down.dtype)
    if intensity_range is not None:
        scale = Scale(intensity_range[0], intensity_range[1] - intensity_range[0])
    channels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    touched = None
    if has_gaps(pixels):
        # On the host: what comes back from a device has to be waited for.
        values = scale.scaled(uploaded(channels, torch.device("cpu"), down.dtype))
        filled, missing = _without_gaps(values.numpy(), rings)
        values = uploaded(filled, down.device, down.dtype)
        touched = _touched(uploaded(missing, down.device, torch.float32), weights)
    else:
        values = scale.scaled(uploaded(channels, down.device, down.dtype))
    base = down @ values @ across.T
    colours = base[:3]
    seen, images = _network_input(colours, engine), []
    if spread:
        assert isinstance(engine, Ensemble)
        each = (_residual_for(colours, one[0]) for one in engine.residuals(seen))
        residual, deviation = mean_and_spread(each)
        beside = torch.zeros_like(base)
        beside[:3] += deviation.to(base.device)
        images = [scale.length(beside)]
    else:
        residual = _residual_for(colours, engine.residual(seen)[0])
    colours += residual.to(base.device)
    images.insert(0, scale.unscaled(base))
    if touched is not None:
        images = [image.masked_fill_(touched, torch.nan) for image in images]
    in_half = engine.precision is torch.float16
    return Restored(tuple(images), residual.sum() if in_half else None)


def sum_device(device: torch.device, work: torch.dtype) -> torch.device:
    """Where to enlarge and sum: on the device, or on the CPU if it lacks float64."""
    if work is torch.float64 and device.type not in ("cuda", "cpu"):
        return torch.device("cpu")
    return device


def _without_gaps(
    channels: NDArray[np.floating], rings: int
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Channels without NaN, and where it was.

    What is too deep in one colour to be filled is seen through the luminance of others,
    which are known there: it becomes their mean, and so the same in every window.
    """
    pairs = [fill_gaps(channel, rings) for channel in channels]
    filled, deep = (np.stack(part) for part in zip(*pairs, strict=True))
    if len(channels) > 1 and deep.any():
        known = filled[:3].sum(0) / np.maximum(1, (~deep[:3]).sum(0))  # deep ones are 0
        filled[deep] = np.broadcast_to(known, filled.shape)[deep]
    return filled, np.isnan(channels)


def _touched(missing: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Enlarged pixels in which any missing pixel (1, others 0) has a weight."""
    down, across = ((axis != 0).float() for axis in weights)
    touched: Tensor = down @ missing @ across.T > 0
    return touched


def _network_input(colours: Tensor, engine: Engine) -> Tensor:
    """What the network looks at: luminance or the three colours, in float32."""
    if engine.channels == 1:
        colours = _luminance(colours)
    # Not every device knows float64.
    return colours.expand(1, engine.channels, -1, -1).float().to(engine.device)


def _residual_for(colours: Tensor, residual: Tensor) -> Tensor:
    """One channel serves all colours; a grey image takes the luminance of three."""
    return residual if len(residual) <= len(colours) else _luminance(residual)


def _luminance(colours: Tensor) -> Tensor:
    """Full-range luminance of shape (1, Y, X); a grey image is its own."""
    if len(colours) == 1:
        return colours
    # By numbers, not by a tensor of them: that would be one more copy to a device.
    red, green, blue = FULL_RANGE
    luminance: Tensor = red * colours[0] + green * colours[1] + blue * colours[2]
    return luminance[None]

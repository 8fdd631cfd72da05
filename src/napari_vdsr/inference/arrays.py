"""Enlarging arrays and tensors with any number of axes."""

import warnings
from typing import Any

import torch
from torch import Tensor

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.images.arrays import in_memory, on_host
from napari_vdsr.imaging.geometry import Factor, plan_enlargement
from napari_vdsr.imaging.intensities import check_dtype, images_in, refuse_infinities
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.inference.settings import with_range
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.tiles import LARGEST_SINGLE_FACTOR
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress
from napari_vdsr.zoo.model import Model


def upscale_array(
    image: Any,
    factor: Factor,
    options: RunOptions,
    *,
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    progress: Progress | None = None,
) -> Any:
    """Enlarge the Y and X axes of an array; see `napari_vdsr.upscale`.

    The model is loaded only when everything else is right.
    """
    image = in_memory(image)
    check_dtype(image.dtype)
    plan = plan_enlargement(
        image.shape, factor, axes=axes, rgb=rgb, pixel_size=pixel_size
    )
    with shielded():
        refuse_infinities(image)
    upscaler = Upscaler(with_range(options.loaded(progress), image))
    warn_of_factors(plan.factors, upscaler.model)
    enlarged = EnlargedArray(
        image,
        plan.axes,
        plan.plane_shape,
        upscaler,
        dtype=options.result_dtype(image.dtype),
        progress=progress,
    )
    if progress is not None:
        progress.reset(enlarged.pixels)
    first, *others = images_in(enlarged[...])
    return (first.copy(), *(each.copy() for each in others)) if others else first


def warn_of_factors(factors: tuple[float, float], model: Model) -> None:
    """Warn of a factor above 4, and of one that the model is not made for."""
    if max(factors) > 1 and not model.serves(factors):
        made = " and ".join(f"{factor:g}" for factor in model.only_factors)
        msg = (
            f"{model.name} is made for factor {made}, and not for {max(factors):g}: "
            "bicubic interpolation may be better"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=3)
    if max(factors) > LARGEST_SINGLE_FACTOR:
        msg = (
            f"factor {max(factors):g} is made in two passes of "
            f"{max(factors) ** 0.5:.3g}: "
            "detail beyond x4 is extrapolated twice, so believe it less"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=3)


def upscale_tensor(
    image: Tensor, factor: Factor, options: RunOptions, **geometry: Any
) -> Any:
    """Enlarge a tensor by way of a numpy array; the result is on its device."""
    enlarged = upscale_array(on_host(image), factor, options, **geometry)
    if not isinstance(enlarged, tuple):
        return torch.from_numpy(enlarged).to(image.device, image.dtype)
    result, spread = (torch.from_numpy(each).to(image.device) for each in enlarged)
    return result.to(image.dtype), spread

"""Options that depend on the model or the image, checked on any machine."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.dtypes import natural_range
from napari_vdsr.inference.device import resolve_device
from napari_vdsr.inference.precision import parse_precision, resolve_precision
from napari_vdsr.inference.tile_size import bytes_per_pixel, tile_edge
from napari_vdsr.network import SRCNN
from napari_vdsr.options import RunOptions


def check_options(options: RunOptions) -> None:
    """Refuse what no machine could do; a worker of a cluster may be any machine."""
    model = options.load()
    hidden = parse_precision(options.precision, options.device.split(":")[0])
    if isinstance(model.network, SRCNN):
        hidden = torch.float32
    # Only the edge that "auto" would take depends on the device.
    per_pixel = bytes_per_pixel(model.network, hidden)
    tile_edge(options.tile, per_pixel, model.halo, torch.device("cpu"))
    if not model.equivariant and options.intensity_range is None:
        raise InputError(
            f"{model.name} has to know the intensity range of the image: give "
            "intensity_range=(black, white), or use a model that follows any scale"
        )


def in_use(options: RunOptions) -> RunOptions:
    """The options with the device and precision that they stand for here."""
    device = resolve_device(options.device)
    precision = resolve_precision(options.precision, device, options.load().network)
    name = str(precision).removeprefix("torch.")
    return replace(options, device=str(device), precision=name)


def with_range(options: RunOptions, image: Any) -> RunOptions:
    """The options with black and white of an image, if and only if the model needs it.

    Raises InputError when they are neither given nor known from dtype and values. Those
    of a lazy image are not looked at: that would compute all of it.
    """
    if options.load().equivariant:
        return replace(options, intensity_range=None)
    if options.intensity_range is not None:
        return options
    known = image if isinstance(image, np.ndarray) else np.empty(0, image.dtype)
    return replace(options, intensity_range=natural_range(known))

"""Settings of an upscaler, checked without the machine that it will run on."""

from math import isfinite

import torch

from napari_vdsr.errors import InputError
from napari_vdsr.inference.device import check_device
from napari_vdsr.inference.engine import bytes_per_pixel
from napari_vdsr.inference.precision import parse_precision
from napari_vdsr.inference.tile_size import tile_edge
from napari_vdsr.network import SRCNN
from napari_vdsr.zoo.model import Model


def check_settings(
    model: Model,
    *,
    device: str | torch.device,
    precision: str | torch.dtype,
    tile: int | str,
    intensity_range: tuple[float, float] | None,
) -> None:
    """Refuse what no machine could do; a worker of a cluster may be any machine."""
    check_device(device)
    hidden = parse_precision(precision, str(device).split(":")[0])
    if isinstance(model.network, SRCNN):
        hidden = torch.float32
    # Only the edge that "auto" would take depends on the device.
    tile_edge(
        tile, bytes_per_pixel(model.network, hidden), model.halo, torch.device("cpu")
    )
    checked_range(model, intensity_range)


def checked_range(
    model: Model, intensity_range: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Black and white for a model, None for one that needs none.

    InputError when the model needs a range and this is none.
    """
    if model.equivariant:
        return None
    if intensity_range is None:
        raise InputError(
            f"{model.name} has to know the intensity range of the image: give "
            "intensity_range=(black, white), or use a model that follows any scale"
        )
    try:
        low, high = (float(value) for value in intensity_range)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"intensity_range is {intensity_range!r}: give (black, white)"
        ) from error
    if not (isfinite(low) and isfinite(high) and low < high):
        raise InputError(
            f"intensity_range is ({low:g}, {high:g}): give black, then a larger white"
        )
    return low, high

"""What an image loses: reduction, blur and noise, as small matrices on the device."""

from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.resample import Kernel, resize_rows
from napari_vdsr.training.config import CameraNoise, TrainingConfig

__all__ = ["Axis", "add_noise", "crop_axis", "degrade", "whole_axis"]

_REACH = 4  # reduced pixels: enlarging reaches two, and each of them was made from two


class Axis(NamedTuple):
    """How one axis is reduced and enlarged again.

    Attributes
    ----------
    before : int
        Pixels of the source before those that are kept.
    size : int
        Pixels of the source.
    reduce : Tensor of float64, shape (reduced pixels, size)
        Blur and reduction.
    enlarge : Tensor of float64, shape (pixels kept, reduced pixels)
        Enlargement of the pixels that are kept.
    """

    before: int
    size: int
    reduce: Tensor
    enlarge: Tensor

    @property
    def kept(self) -> slice:
        """The pixels of the source that are kept."""
        return slice(self.before, self.before + len(self.enlarge))

    def on(self, device: torch.device, dtype: torch.dtype) -> "Axis":
        """Bring the matrices to where the images are.

        Parameters
        ----------
        device : torch.device
            Of the images.
        dtype : torch.dtype
            Of the images.

        Returns
        -------
        Axis
        """
        # The dtype first, as not all devices know float64.
        matrices = (each.to(dtype).to(device) for each in (self.reduce, self.enlarge))
        return Axis(self.before, self.size, *matrices)


@lru_cache(maxsize=64)
def crop_axis(patch: int, factor: float, kernel: Kernel, blur: float) -> Axis:
    """Plan the degradation of a patch that lies inside a larger image.

    Parameters
    ----------
    patch : int
        Pixels of the patch.
    factor : float
        Of the reduction, above 1.
    kernel : {"bicubic", "bilinear"}
        Of the enlargement.
    blur : float
        Standard deviation in pixels of the source.

    Returns
    -------
    Axis
        Its source is so much larger than the patch that no pixel of the patch feels
        where the source ends.
    """
    margin = ceil(_REACH + 3 * blur / factor)  # in reduced pixels
    before = enlarged_size(margin, factor)
    reduced = ceil((patch + 2 * before) / factor)
    return _axis(enlarged_size(reduced, factor), reduced, before, patch, kernel, blur)


@lru_cache(maxsize=64)
def whole_axis(size: int, factor: float, kernel: Kernel, blur: float) -> Axis:
    """Plan the degradation of a whole image.

    Parameters
    ----------
    size : int
        Pixels of the image; those beyond a whole number of reduced ones are left out.
    factor, kernel, blur : float, str, float
        As for `crop_axis`.

    Returns
    -------
    Axis
    """
    reduced = max(1, floor(size / factor))
    kept = min(size, enlarged_size(reduced, factor))
    return _axis(kept, reduced, 0, kept, kernel, blur)


def _axis(
    size: int, reduced: int, before: int, kept: int, kernel: Kernel, blur: float
) -> Axis:
    down = resize_rows(size, reduced)
    reduce = np.zeros((reduced, size))
    reduce[:, down.source] = down.weights
    up = resize_rows(reduced, size, before, before + kept, kernel)
    enlarge = np.zeros((kept, reduced))
    enlarge[:, up.source] = up.weights
    down_matrix = torch.from_numpy(reduce @ _gaussian(size, blur))
    return Axis(before, size, down_matrix, torch.from_numpy(enlarge))


def _gaussian(size: int, sigma: float) -> NDArray[np.float64]:
    """Matrix that blurs an axis, mirrored at its borders."""
    if sigma == 0:
        return np.eye(size)
    reach = ceil(4 * sigma)
    taps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (taps / sigma) ** 2)
    index = (np.arange(size)[:, None] + taps) % (2 * size)
    index = np.where(index < size, index, 2 * size - 1 - index)
    matrix = np.zeros((size, size))
    rows = np.broadcast_to(np.arange(size)[:, None], index.shape)
    np.add.at(matrix, (rows, index), weights / weights.sum())
    return matrix


def degrade(
    image: Tensor,
    axes: tuple[Axis, Axis],
    config: TrainingConfig,
    limits: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Reduce images and enlarge them again, with blur and noise in between.

    Parameters
    ----------
    image : Tensor of float32, shape (N, C, Y, X)
        Intensities from 0 to 1, of the size that the axes say.
    axes : tuple of Axis
        For Y and X.
    config : TrainingConfig
        Its noise is added.
    limits : Tensor, shape (N, 2)
        What 0 and 1 stand for, in counts.
    generator : torch.Generator
        For the noise.

    Returns
    -------
    degraded, truth : Tensor of float32, shape (N, C, kept Y, kept X)
    """
    y, x = (axis.on(image.device, image.dtype) for axis in axes)
    reduced = y.reduce @ image @ x.reduce.T
    if config.noise is not None:
        reduced = add_noise(reduced, config.noise, limits, generator)
    degraded = y.enlarge @ reduced @ x.enlarge.T
    return degraded, image[..., y.kept, x.kept]


def add_noise(
    image: Tensor, noise: CameraNoise, limits: Tensor, generator: torch.Generator
) -> Tensor:
    """Add what a camera adds.

    Parameters
    ----------
    image : Tensor of float32, shape (N, C, Y, X)
        Intensities from 0 to 1.
    noise : CameraNoise
        What the camera is like.
    limits : Tensor, shape (N, 2)
        What 0 and 1 stand for, in counts.
    generator : torch.Generator
        For the noise.

    Returns
    -------
    Tensor
        In the unit of `image`, neither rounded nor clipped.
    """
    low, high = limits.to(image)[:, :, None, None, None].unbind(1)
    span = high - low
    if noise.white is not None:
        low, span = torch.zeros_like(low), torch.full_like(span, noise.white)
        dark, gain = 0.0, 1.0
    else:
        dark, gain = noise.offset, noise.gain
    electrons = ((low + span * image - dark) * gain).clamp_min(0)
    seen = torch.poisson(electrons, generator)
    read = (
        torch.empty_like(seen).normal_(0, noise.read_noise, generator=generator)
        if (noise.read_noise)
        else 0.0
    )
    return ((seen + read) / gain + dark - low) / span

"""The degradation of an image: spot, sampling and noise, as small matrices."""

from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.resample import Kernel, Sampling, resize_rows, sampling_rows
from napari_vdsr.training.config import TrainingConfig, source_pixels
from napari_vdsr.training.instrument import BlindNoise, CameraNoise, Spot

_REACH = 4  # coarse pixels: enlarging needs two, and each was made from two


class Axis(NamedTuple):
    """How one axis of a source image becomes a coarse one and the truth."""

    before: int  # source pixels ahead of those that the truth is made of
    size: int  # source pixels
    # Float64 unless `on` changes it, of shape (coarse pixels, size), (pixels of the
    # truth, coarse pixels) and (pixels of the truth, size).
    reduce: Tensor  # blur and sampling
    enlarge: Tensor
    keep: Tensor  # the truth: source pixels, or means of two

    @property
    def width(self) -> float:
        """Source pixels of a coarse one."""
        return self.size / len(self.reduce)

    def on(self, device: torch.device, dtype: torch.dtype) -> "Axis":
        """Move the matrices to a device."""
        # The dtype first, as not all devices know float64.
        matrices = (
            each.to(dtype).to(device) for each in (self.reduce, self.enlarge, self.keep)
        )
        return Axis(self.before, self.size, *matrices)


class Degradation(NamedTuple):
    """What decides how an axis is degraded, beside patch and factor."""

    kernel: Kernel
    sampling: Sampling
    blur: float  # of the source, in its pixels
    spot: float  # largest, in coarse pixels

    @classmethod
    def of(cls, config: TrainingConfig, sampling: Sampling) -> "Degradation":
        """Read the settings of a training."""
        spot = 0.0 if config.spot is None else config.spot.sigma[1]
        return cls(config.kernel, sampling, config.blur, spot)


@lru_cache(maxsize=64)
def crop_axis(patch: int, factor: float, kind: Degradation) -> Axis:
    """Plan the degradation of a patch that lies inside a larger image.

    The source extends so far beyond the patch that its borders have no influence on it.
    """
    per = source_pixels(kind.sampling)
    reach = 3 * kind.blur / (per * factor) + 4 * kind.spot
    margin = ceil(_REACH + reach)  # in coarse pixels
    before = enlarged_size(margin, factor)
    coarse = ceil((patch + 2 * before) / factor)
    return _axis(enlarged_size(coarse, factor), coarse, before, patch, kind)


@lru_cache(maxsize=64)
def whole_axis(size: int, factor: float, kind: Degradation) -> Axis:
    """Plan the degradation of a whole image.

    Source pixels beyond a whole number of coarse ones are left out.
    """
    fine = size // source_pixels(kind.sampling)
    coarse = max(1, floor(fine / factor))
    kept = min(fine, enlarged_size(coarse, factor))
    return _axis(kept, coarse, 0, kept, kind)


def _axis(fine: int, coarse: int, before: int, kept: int, kind: Degradation) -> Axis:
    per = source_pixels(kind.sampling)
    size = fine * per
    down = sampling_rows(size, coarse, kind.sampling)
    reduce = np.zeros((coarse, size))
    reduce[:, down.source] = down.weights
    up = resize_rows(coarse, fine, before, before + kept, kind.kernel)
    enlarge = np.zeros((kept, coarse))
    enlarge[:, up.source] = up.weights
    keep = np.kron(np.eye(fine)[before : before + kept], np.full((1, per), 1 / per))
    if kind.blur:
        sigma = torch.tensor(kind.blur, dtype=torch.float64)
        reduce = reduce @ gaussian_matrix(size, sigma).numpy()
    matrices = map(torch.from_numpy, (reduce, enlarge, keep))
    return Axis(before * per, size, *matrices)


def gaussian_matrix(size: int, sigma: Tensor) -> Tensor:
    """Matrices that blur an axis, mirrored at its borders; every row sums to one.

    `sigma` holds standard deviations in pixels, 0 for the identity. The result has its
    dtype and the shape (*sigma.shape, size, size).
    """
    reach = torch.arange(2 * size, device=sigma.device)
    # Below 0.05 pixels it is the identity.
    table = torch.exp(-0.5 * (reach / sigma[..., None].clamp_min(0.05)) ** 2)
    index = reach[:size]
    row, column = index[:, None], index
    direct, mirrored = (row - column).abs(), row + column + 1
    weights = (
        table[..., direct] + table[..., mirrored] + table[..., mirrored.flip(0, 1)]
    )
    return weights / weights.sum(dim=-1, keepdim=True)


def degrade(
    image: Tensor,
    axes: tuple[Axis, Axis],
    config: TrainingConfig,
    limits: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Sample images coarsely and enlarge them again, with spot and noise in between.

    Images are float32 from 0 to 1, of shape (N, C, Y, X); `axes` are those of Y and X.
    `limits` has the shape (N, 2): the counts that 0 and 1 stand for. Returns the
    degraded images and the truth, each of shape (N, C, kept Y, kept X).
    """
    y, x = (axis.on(image.device, image.dtype) for axis in axes)
    if config.spot is not None:
        sigma = _spots(len(image), config.spot, generator)[:, None].to(image)
        x = _through_spot(x, sigma)
        y = x if axes[0] is axes[1] else _through_spot(y, sigma)
    coarse = y.reduce @ image @ x.reduce.mT
    if config.noise is not None:
        coarse = add_noise(coarse, config.noise, limits, generator)
    return y.enlarge @ coarse @ x.enlarge.mT, y.keep @ image @ x.keep.mT


def _through_spot(axis: Axis, sigma: Tensor) -> Axis:
    """Blur the source by a spot, before truth and coarse image are made."""
    blur = gaussian_matrix(axis.size, sigma * axis.width)
    return axis._replace(reduce=axis.reduce @ blur, keep=axis.keep @ blur)


def _spots(count: int, spot: Spot, generator: torch.Generator) -> Tensor:
    """Draw standard deviations in coarse pixels; 0 is a patch without a spot."""
    blurred, drawn = _uniform((2, count), generator).unbind(0)
    return torch.where(blurred < spot.share, _between(spot.sigma, drawn), 0.0)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def add_noise(
    image: Tensor,
    noise: CameraNoise | BlindNoise,
    limits: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Add shot noise and read noise; values are neither rounded nor clipped.

    Images are float32 from 0 to 1, of shape (N, C, Y, X). `limits` has the shape (N,
    2): the counts that 0 and 1 stand for.
    """
    if isinstance(noise, BlindNoise):
        return _add_blind(image, noise, generator)
    low, high = limits.to(image)[:, :, None, None, None].unbind(1)
    span = high - low
    if noise.white is not None:
        low, span = torch.zeros_like(low), torch.full_like(span, noise.white)
        dark, gain = 0.0, 1.0
    else:
        dark, gain = noise.offset, noise.gain
    electrons = ((low + span * image - dark) * gain).clamp_min(0)
    seen = torch.poisson(electrons, generator)
    if noise.read_noise:
        seen += noise.read_noise * _normal(seen, generator)
    return (seen / gain + dark - low) / span


def _add_blind(image: Tensor, noise: BlindNoise, generator: torch.Generator) -> Tensor:
    """Draw a strength for each image, then the noise."""
    clean, *drawn = (
        _uniform((4, len(image)), generator).to(image)[..., None, None, None].unbind(0)
    )
    low, high = noise.white
    white = low * (high / low) ** drawn[0]
    read = _between(noise.read_noise, drawn[1])
    electrons = (image * white).clamp_min(0)
    seen = torch.poisson(electrons, generator)
    # Values below black are kept, so that the mean of the noise is 0 everywhere.
    added = (seen - electrons + read * _normal(seen, generator)) / white
    added = _correlated(added, _between(noise.correlation, drawn[2]))
    return torch.where(clean < noise.clean, image, image + added)


def _between(limits: tuple[float, float], part: Tensor) -> Tensor:
    return limits[0] + (limits[1] - limits[0]) * part


def _correlated(noise: Tensor, correlation: Tensor) -> Tensor:
    """Mix white noise with its neighbours, equally on both axes.

    The filter a, 1, a gives neighbours a correlation of 2 a / (1 + 2 a²) and keeps the
    variance.
    """
    rho = correlation.clamp_min(1e-6)
    side = (1 - torch.sqrt(1 - 2 * rho**2)) / (2 * rho)
    for axis in (-2, -1):
        both = noise.roll(1, axis) + noise.roll(-1, axis)
        noise = (noise + side * both) / torch.sqrt(1 + 2 * side**2)
    return noise


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.empty_like(like).normal_(generator=generator)

"""How noisy an image is: the variance of its noise against its signal.

Light comes in photons, so that the variance of a pixel grows with its signal; the
electronics add a part that does not: variance = gain x (signal - offset) + read^2. Both
are measured in one image: in its flattest parts, at each brightness, and there in the
finest pattern only, where structure has the least share. See A. Foi et al., "Practical
Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE
Transactions on Image Processing 17 (2008).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.flat_blocks import FlatBlocks, flat_blocks
from napari_vdsr.evaluation.noise_line import NoiseLine, fit_line

# Found on public images with simulated noise; tests check them.
_CORRELATED = 0.35  # neighbours that vary together more than that are structure
_SCATTERED = 0.3
_INEXACT = 0.15  # relative error of the noise at mid intensity
_GAIN_INEXACT = 0.2
_GAIN_MATTERS = 0.12  # part of the variance; a gain's error below that does no harm
_STEPS = 0.5  # steps between values; smaller standard deviations are rounding
_FEW = 24  # flat blocks


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of an image: variance = gain x (signal - offset) + read_noise^2.

    Attributes
    ----------
    gain : float
        Variance per count of signal; 0 when the noise does not grow with it.
    gain_error : float
        Standard error of it.
    read_noise : float
        Standard deviation of the noise at `offset`, in counts.
    read_noise_error : float
        Standard error of it.
    offset : float
        The darkest signal found. One image cannot tell the counts of a dark camera;
        light that falls everywhere therefore counts as read noise.
    white : float
        The brightest signal found.
    sigma : float
        Standard deviation at mid intensity, halfway from `offset` to `white`. When it
        is not sure, it is more likely too large than too small.
    correlation : tuple of float
        Of the noise of neighbouring pixels, along Y and X; 0 for independent pixels.
    doubts : tuple of str
        Why these figures may be wrong; empty when they are sure.
    """

    gain: float
    gain_error: float
    read_noise: float
    read_noise_error: float
    offset: float
    white: float
    sigma: float
    correlation: tuple[float, float]
    doubts: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether sigma can be believed to about a fifth, and gain within its error."""
        return not self.doubts

    def sigma_at(self, signal: float) -> float:
        """Standard deviation of the noise where the image would be `signal` without it.

        Parameters
        ----------
        signal : float
            In counts, as `offset` and `white`.

        Returns
        -------
        float
        """
        light = max(signal - self.offset, 0.0)
        return math.sqrt(self.gain * light + self.read_noise**2)

    @property
    def share(self) -> float:
        """`sigma` relative to the range from `offset` to `white`."""
        span = self.white - self.offset
        return self.sigma / span if span > 0 else 0.0

    @property
    def electrons_at_white(self) -> float | None:
        """Photons detected in the brightest pixels; None when the gain does not tell.

        True for raw data. Software that has changed the contrast nonlinearly or
        averaged pixels has changed it, too.
        """
        told = self.gain > 2 * self.gain_error and self.white > self.offset
        return (self.white - self.offset) / self.gain if told else None

    def to_json(self) -> dict[str, object]:
        """Give the estimate as plain values for JSON."""
        values = asdict(self)
        values |= {
            "sure": self.sure,
            "share": self.share,
            "electrons_at_white": self.electrons_at_white,
            "correlation": list(self.correlation),
            "doubts": list(self.doubts),
        }
        return values


def estimate_noise(plane: ArrayLike) -> NoiseEstimate:
    """Estimate the noise of an image from the image alone.

    Parameters
    ----------
    plane : array-like of real numbers, shape (Y, X)
        At least 32 pixels in Y and X. Parts with NaN or clipped values are
        ignored.

    Returns
    -------
    NoiseEstimate
        Look at `sure` and `doubts` before using the figures: fine texture without any
        flat part cannot be told from noise.

    Raises
    ------
    InputError
        When it is no plane of real numbers, is too small, or has no usable part.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal = np.linspace(50, 1000, 256) + np.zeros((256, 1))
    >>> noisy = 4 * rng.poisson(signal / 4) + rng.normal(0, 9, signal.shape)
    >>> noise = estimate_noise(noisy)
    >>> noise.sure, round(noise.gain)
    (True, 4)
    """
    array = np.asarray(plane)
    if array.ndim != 2 or array.dtype.kind not in "iuf":
        raise InputError(
            f"the plane is of dtype {array.dtype} and shape {array.shape}: "
            "give real numbers of shape (Y, X)"
        )
    return noise_of([array])


def noise_of(windows: Sequence[NDArray[Any]]) -> NoiseEstimate:
    """Estimate the noise that several parts of an image share.

    Raises InputError when they hold no usable part.
    """
    blocks = flat_blocks(windows)
    line = fit_line(blocks.signal, blocks.variance, blocks.error, blocks.dark)
    mid = (blocks.dark + blocks.bright) / 2
    doubts = tuple(_doubts(blocks, line, mid))
    variance, read = line.variance(mid), math.sqrt(line.at_dark)
    if doubts:  # rather too large than too small
        measured = float(np.clip(mid, blocks.signal.min(), blocks.signal.max()))
        variance = max(variance, line.variance(measured))
    # The error of a root; near zero the root of the error.
    error = line.error(blocks.dark)
    return NoiseEstimate(
        gain=line.slope,
        gain_error=float(np.sqrt(line.covariance[1, 1])),
        read_noise=read,
        read_noise_error=error / max(2 * read, math.sqrt(error)) if error else 0.0,
        offset=blocks.dark,
        white=blocks.bright,
        sigma=math.sqrt(variance),
        correlation=blocks.correlation,
        doubts=doubts,
    )


def _doubts(blocks: FlatBlocks, line: NoiseLine, mid: float) -> list[str]:
    """Reasons why the figures may be wrong."""
    variance, span = line.variance(mid), blocks.bright - blocks.dark
    noisy = variance > 0
    reasons = {
        "hardly any part of the image is without structure": blocks.flat < _FEW,
        "neighbouring pixels vary together: it may be fine structure, or an image "
        "that was smoothed": max(blocks.correlation) > _CORRELATED,
        "the noise is smaller than the steps between values": (
            variance < (_STEPS * blocks.step) ** 2 or not noisy
        ),
        "parts of equal brightness differ in their noise": line.scatter > _SCATTERED,
        "too little of the image is usable for exact figures": (
            noisy and line.error(mid) > 2 * _INEXACT * variance
        ),
        "the brightness varies too little to tell how the noise grows with it": (
            noisy
            and math.sqrt(line.covariance[1, 1]) * span / 2
            > max(_GAIN_MATTERS * variance, _GAIN_INEXACT * line.slope * span / 2)
        ),
    }
    return [reason for reason, holds in reasons.items() if holds]

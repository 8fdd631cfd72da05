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
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, picked
from napari_vdsr.evaluation.flat_blocks import FlatBlocks, flat_blocks
from napari_vdsr.images.stack import Stack, exact_origin

Floats = NDArray[np.float64]

_ROUNDS = 30
_LEAST = 1e-3  # of the largest variance: what the line may come down to
_TOO_HIGH, _TOO_LOW = 0.7, 2.5  # standard errors from which a point counts less
_LEAST_ERROR = 0.04  # of a variance, relative: no point is believed better than that


class NoiseLine(NamedTuple):
    """Variance = slope x (signal - dark) + at_dark, and how sure that is."""

    slope: float  # not below 0
    at_dark: float  # not below 0
    dark: float  # the signal that the line begins at
    covariance: Floats  # of `at_dark` and `slope`, shape (2, 2)
    scatter: float  # typical distance of the points from the line, relative to it

    def variance(self, signal: float) -> float:
        """Variance of the noise at a signal."""
        return self.at_dark + self.slope * max(signal - self.dark, 0.0)

    def error(self, signal: float) -> float:
        """Standard error of the variance at a signal."""
        row = np.array([1.0, max(signal - self.dark, 0.0)])
        return float(np.sqrt(max(row @ self.covariance @ row, 0.0)))


def fit_line(
    signal: Floats, variance: Floats, relative_error: Floats, dark: float
) -> NoiseLine:
    """Fit a line without negative variances, each point weighted by its error.

    The weights follow the line, not the points: a point that is too low by chance
    would otherwise get a small error and pull the line down.
    """
    largest, reach = float(variance.max()), float(np.max(signal) - dark)
    if not largest:
        return NoiseLine(0.0, 0.0, dark, np.zeros((2, 2)), 0.0)
    reach = reach if reach > 0 else 1.0
    # In units in which both coefficients are about 1, whatever the image's are.
    shares = variance / largest
    along = np.maximum(signal - dark, 0) / reach
    design = np.stack([np.ones_like(along), along], axis=1)
    error = np.maximum(relative_error, _LEAST_ERROR)
    fitted: Floats = np.full_like(shares, max(float(np.median(shares)), _LEAST))
    line: Floats = np.zeros(2)
    weight = np.ones_like(shares)
    for _ in range(_ROUNDS):
        distance = (shares - fitted) / (error * fitted)
        # Structure only ever adds to the variance: a point too high is trusted less.
        limit = np.where(distance > 0, _TOO_HIGH, _TOO_LOW)
        trust = np.minimum(1.0, limit / np.maximum(np.abs(distance), 1e-9))
        weight = trust / (error * fitted) ** 2
        line = _least_squares(design, shares, weight)
        fitted = np.maximum(design @ line, _LEAST)
    scatter = float(np.median(np.abs(shares / fitted - 1))) * 1.48
    # Points that scatter more than their errors say make the line less certain.
    excess = max(1.0, scatter / float(np.median(error)))
    normal = (design * weight[:, None]).T @ design
    units = np.array([largest, largest / reach])
    at_dark, slope = (float(each) for each in line * units)
    inverse = np.linalg.pinv(normal) * excess**2
    covariance = np.asarray(inverse * np.outer(units, units), np.float64)
    return NoiseLine(slope, at_dark, dark, covariance, scatter)


def _least_squares(design: Floats, values: Floats, weight: Floats) -> Floats:
    """Weighted least squares in which neither coefficient is negative."""
    root = np.sqrt(weight)
    columns, target = design * root[:, None], values * root
    line = np.asarray(np.linalg.lstsq(columns, target, rcond=None)[0], np.float64)
    if (line >= 0).all():
        return line
    kept = int(np.argmax(line))
    column = columns[:, kept]
    line = np.zeros(2)
    line[kept] = max(float(column @ target) / float(column @ column), 0.0)
    return line


# Found on public images with simulated noise; tests check them.
_CORRELATED = 0.35  # neighbours that vary together more than that are structure
_SCATTERED = 0.3
_INEXACT = 0.15  # relative error of the noise at mid intensity
_GAIN_INEXACT = 0.2
_GAIN_MATTERS = 0.12  # part of the variance; a gain's error below that does no harm
_STEPS = 0.5  # steps between values; smaller standard deviations are rounding
_FEW = 24  # flat blocks
_SMALLEST = 1e-60  # of the largest values whose fourth powers float64 still holds
_IN_COUNTS = (
    "gain gain_error read_noise read_noise_error offset white sigma".split()
)  # of the fields of an estimate

Signal = TypeVar("Signal", float, NDArray[np.float64])


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

    def sigma_at(self, signal: Signal) -> Signal:
        """Standard deviation of the noise where the image would be `signal` without it.

        Parameters
        ----------
        signal : float or ndarray of float64
            In counts, as `offset` and `white`.

        Returns
        -------
        float or ndarray of float64
        """
        light = np.maximum(signal - self.offset, 0.0)
        sigma: Signal = np.sqrt(self.gain * light + self.read_noise**2)
        return sigma

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
        names = "sure share electrons_at_white correlation doubts"
        return asdict(self) | picked(self, names)


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
    origin = exact_origin(Stack(array, rgb=False)) if array.size else 0
    if origin:
        raise InputError(
            f"float64 cannot tell the values of the plane apart: take {origin} from "
            "all of them first"
        )
    return noise_of([array])


def noise_of(windows: Sequence[NDArray[Any]]) -> NoiseEstimate:
    """Estimate the noise that several parts of an image share."""
    unit = unit_of(windows)
    if unit == 1:
        return _noise_of(windows)
    found = _noise_of([window / unit for window in windows])
    lengths = {name: getattr(found, name) * unit for name in _IN_COUNTS}
    return replace(found, **lengths)


def unit_of(windows: Sequence[NDArray[Any]]) -> float:
    """A power of two by which values are divided whose squares have no float64."""
    floats = [window for window in windows if window.dtype.kind == "f"]
    largest = max(
        (float(np.abs(w).max(initial=0, where=np.isfinite(w))) for w in floats),
        default=0.0,
    )
    if not largest or _SMALLEST < largest < 1 / _SMALLEST:
        return 1.0
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)


def _noise_of(windows: Sequence[NDArray[Any]]) -> NoiseEstimate:
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

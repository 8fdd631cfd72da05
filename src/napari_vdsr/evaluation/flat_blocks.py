"""Noise measured in the flattest blocks of an image, for each brightness."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError

Floats = NDArray[np.float64]

_EDGE = 16  # pixels of a block; half of it in small images
_MANY = 256  # blocks; with fewer they are made smaller
_LEAST = 6  # blocks that a level of brightness takes its noise from
_LEVELS = 16
_FLATTEST = 0.25  # part of the blocks of a level
_CLIPPED = 0.02  # part of the pixels of a block at the end of the scale
# Coarse over fine energy: about 0.6 in the flattest blocks of white noise.
_STRUCTURE = 2.5
# Pixels, along an axis, that share one independent second difference.
_SHARED = 1 + 2 * ((4 / 6) ** 2 + (1 / 6) ** 2)


class FlatBlocks(NamedTuple):
    """Signal and noise of the flattest blocks, one entry for a level of brightness."""

    signal: Floats  # mean of the blocks
    variance: Floats  # of their noise
    error: Floats  # standard error of the variance, relative
    flat: int  # blocks flat enough to be believed; if none is, all levels are given
    dark: float  # darkest signal of the image
    bright: float
    step: float  # smallest distance of two values; 0 for floats never rounded
    correlation: tuple[float, float]  # of neighbouring pixels along Y and X


def flat_blocks(windows: Sequence[NDArray[Any]]) -> FlatBlocks:
    """Find the flattest blocks of each brightness and measure what varies in them.

    Only coarse structure decides how flat a block is. White noise is as strong there as
    in the finest pattern, but independent of it, so that choosing flat blocks does not
    choose those with little noise.
    """
    edge = _EDGE
    if sum((w.shape[0] // edge) * (w.shape[1] // edge) for w in windows) < _MANY:
        edge //= 2
    everything = [_cut(window, edge) for window in windows]
    stack = np.concatenate(everything) if everything else np.empty((0, edge, edge))
    stack = stack[np.isfinite(stack).all(axis=(1, 2))]
    if len(stack) < _LEAST:
        raise InputError(
            "the image has too few pixels with values to tell noise from structure: "
            "use 32 x 32 at least"
        )
    means = stack.mean(axis=(1, 2))
    stack, signal = _without_clipped(stack, means)
    dark, bright = (float(each) for each in np.quantile(means, (0.002, 0.998)))
    fine = np.square(_second_differences(stack)).mean(axis=(1, 2))
    coarse = _coarse_energy(stack)
    levels = max(1, min(_LEVELS, len(signal) // (3 * _LEAST)))
    chosen = [
        level[np.argsort(coarse[level])[: max(_LEAST, round(_FLATTEST * len(level)))]]
        for level in np.array_split(np.argsort(signal), levels)
    ]
    middle = np.array([np.median(fine[level]) for level in chosen])
    structured = np.array([np.median(coarse[level]) for level in chosen])
    good = structured < _STRUCTURE * middle
    flat = sum(
        len(level) for level, is_good in zip(chosen, good, strict=True) if is_good
    )
    if not good.any():
        good[:] = True
    used = [level for level, is_good in zip(chosen, good, strict=True) if is_good]
    correlation = _correlation(stack[np.concatenate(used)])
    freedom = ((edge - 2) / _SHARED) ** 2
    lost = math.prod(1 - 4 / 3 * min(max(each, 0.0), 0.5) for each in correlation)
    unbiased = (1 - 2 / (9 * freedom)) ** 3 * lost
    return FlatBlocks(
        signal=np.array([signal[level].mean() for level in used]),
        variance=middle[good] / unbiased,
        error=np.array([1.25 * math.sqrt(2 / freedom / len(level)) for level in used]),
        flat=flat,
        dark=dark,
        bright=bright,
        step=_step(windows),
        correlation=correlation,
    )


def _cut(window: NDArray[Any], edge: int) -> Floats:
    """Cut a window into blocks, shape (N, edge, edge)."""
    rows, columns = (size // edge for size in window.shape)
    cut = window[: rows * edge, : columns * edge].astype(np.float64)
    blocks = cut.reshape(rows, edge, columns, edge).swapaxes(1, 2)
    return blocks.reshape(-1, edge, edge)


def _without_clipped(stack: Floats, means: Floats) -> tuple[Floats, Floats]:
    """Leave out blocks that are constant or at an end of the scale."""
    ends = stack.min(), stack.max()
    at_end = sum((stack == end).mean(axis=(1, 2)) for end in ends)
    usable = (at_end < _CLIPPED) & (np.ptp(stack, axis=(1, 2)) > 0)
    if usable.sum() < _LEAST:
        raise InputError(
            "the image is constant or clipped nearly everywhere, so that its noise "
            "cannot be seen"
        )
    return stack[usable], means[usable]


def _second_differences(stack: Floats) -> Floats:
    """Second differences along Y and X: the finest pattern, scaled to white noise."""
    along_y = stack[:, :-2] - 2 * stack[:, 1:-1] + stack[:, 2:]
    both: Floats = along_y[..., :-2] - 2 * along_y[..., 1:-1] + along_y[..., 2:]
    return both / 6


def _coarse_energy(stack: Floats) -> Floats:
    """Variance of the means of 4 x 4 cells without slopes, scaled to white noise."""
    cell = stack.shape[1] // 4
    means = stack.reshape(-1, 4, cell, 4, cell).mean(axis=(2, 4)) * cell
    along = np.array([-3.0, -1.0, 1.0, 3.0]) / math.sqrt(20)
    flat = means - means.mean(axis=(1, 2), keepdims=True)
    slopes = flat.mean(axis=2) @ along, flat.mean(axis=1) @ along
    # A slope along one axis lies in four cells of each position along the other.
    left = np.square(flat).sum(axis=(1, 2)) - 4 * sum(np.square(s) for s in slopes)
    energy: Floats = np.maximum(left, 0) / 13
    return energy


def _correlation(stack: Floats) -> tuple[float, float]:
    """Correlation of neighbouring noise along Y and X, from second differences.

    Of noise whose neighbours correlate by r, and no pixels further apart, second
    differences have the variance 6 - 8 r and neighbours the covariance -4 + 7 r.
    """
    fine = _second_differences(stack)
    energy = float(np.square(fine).mean())
    pairs = (fine[:, 1:] * fine[:, :-1]), (fine[..., 1:] * fine[..., :-1])
    ratios = (float(pair.mean()) / energy if energy else -2 / 3 for pair in pairs)
    y, x = ((4 + 6 * each) / max(7 + 8 * each, 0.5) for each in ratios)
    return y, x


def _step(windows: Sequence[NDArray[Any]]) -> float:
    """Smallest distance of two values; 0 for floats that were not rounded."""
    values = np.unique(np.concatenate([window.ravel() for window in windows]))
    values = values[np.isfinite(values)].astype(np.float64)
    if len(values) < 2 or len(values) > 2**16:
        return 0.0
    return float(np.diff(values).min())

"""Whether an enlarged image still agrees with its source.

The enlarged image is reduced again, as a coarser camera would have seen it, and the
source is subtracted. What is left contradicts the source. It is no measure of quality:
plain interpolation scores well without adding any detail.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, picked
from napari_vdsr.evaluation.acquisition import resized
from napari_vdsr.evaluation.data_range import DataRange, range_of
from napari_vdsr.images.arrays import is_colour
from napari_vdsr.images.stack import Stack, check_image, exact_origin, less
from napari_vdsr.imaging.geometry import Factor, check_factor, enlarged_size

_ROUNDING = 1e-9  # rounding error of weights that cancel


@dataclass(frozen=True, eq=False)
class ConsistencyReport:
    """What an enlarged image contradicts in its source.

    Attributes
    ----------
    difference : ndarray of float64
        The enlarged image reduced again minus its source, of the source's shape but
        without alpha; NaN where either is.
    data_range : DataRange
        The range of the source's values, to compare with.
    """

    difference: NDArray[np.float64]
    data_range: DataRange

    @property
    def rms(self) -> float:
        """Root mean square of the difference, in units of the source."""
        return float(np.sqrt(np.nanmean(np.square(self.difference))))

    @property
    def largest(self) -> float:
        """Largest difference up or down, in units of the source."""
        return float(np.nanmax(np.abs(self.difference)))

    @property
    def bias(self) -> float:
        """Mean difference: whether the result is brighter than its source."""
        return float(np.nanmean(self.difference))

    @property
    def relative(self) -> float:
        """`rms` as a share of the data range; 0 for a constant source without any."""
        return self.rms / self.data_range.value if self.data_range.value else self.rms

    def to_text(self) -> str:
        """Write the report as lines for people."""
        return "\n".join(
            [
                f"consistency: reduced to the size of the source again, the result "
                f"differs from it by {self.rms:.3g} r.m.s. "
                f"({100 * self.relative:.2f} % of {self.data_range.value:g}: "
                f"{self.data_range.reason})",
                f"largest difference {self.largest:.3g}, mean {self.bias:+.3g}",
                "A small difference means that the result agrees with what was "
                "measured, not that its new detail is true: only a sharper image of "
                "the same sample can show that.",
            ]
        )

    def to_json(self) -> dict[str, object]:
        """Give the figures for JSON, without the map."""
        return {
            **picked(self, "rms relative largest bias"),
            "data_range": self.data_range.value,
            "data_range_reason": self.data_range.reason,
        }


def consistency(
    low: ArrayLike,
    high: ArrayLike,
    factor: Factor | None = None,
    *,
    rgb: bool | None = None,
) -> ConsistencyReport:
    """Reduce an enlarged image again and compare it with its source.

    Parameters
    ----------
    low, high : ndarray of any real dtype, shape (..., Y, X[, S])
        The source and its enlargement, on the same outer edges.
    factor : float or pair of float, optional
        What was asked for; by default the ratio of the sizes.
    rgb : bool, optional
        Whether the last axis holds colours. Needed where it has 3 or 4 pixels.

    Returns
    -------
    ConsistencyReport
        The map of differences and figures of it.

    Raises
    ------
    InputError
        When one image cannot be the other enlarged.

    Notes
    -----
    The reduction is bicubic with antialiasing, as in MATLAB's ``imresize``: the
    model of a coarser camera that the networks were trained with.
    """
    source, enlarged = np.asarray(low), np.asarray(high)
    check_image(source, "source")
    check_image(enlarged, "enlarged image")
    colour = is_colour(source, rgb)
    y, x = source.ndim - (3 if colour else 2), source.ndim - (2 if colour else 1)
    _check_sizes(source.shape, enlarged.shape, y, x, factor)
    if colour:  # alpha is no intensity, and would set the range
        source, enlarged = source[..., :3], enlarged[..., :3]
    data_range = range_of(source)
    origin = exact_origin(Stack(source, colour), Stack(enlarged, colour))
    if origin:  # weights sum to one
        source, enlarged = less(source, origin), less(enlarged, origin)
    shape = source.shape[y], source.shape[x]
    gaps = np.isnan(enlarged)
    reduced = resized(np.where(gaps, 0, enlarged), shape, colour)
    if gaps.any():
        touched = np.abs(resized(gaps, shape, colour)) > _ROUNDING
        reduced = np.where(touched, np.nan, reduced)
    difference = reduced - source
    if np.isnan(difference).all():
        raise InputError(
            "no pixel of the source has a value in the enlarged image, too: every one "
            "is NaN, or beside NaN"
        )
    return ConsistencyReport(difference, data_range)


def _check_sizes(
    low: tuple[int, ...], high: tuple[int, ...], y: int, x: int, factor: Any
) -> None:
    """Refuse sizes that do not differ by the factor."""
    rest = [axis for axis in range(len(low)) if axis not in (y, x)]
    fits = len(low) == len(high) and all(low[axis] == high[axis] for axis in rest)
    if not fits or high[y] < low[y] or high[x] < low[x]:
        raise InputError(
            f"the source has shape {low} and the enlarged image {high}: only Y and X "
            "may differ, and the enlarged image has to be the larger one"
        )
    if factor is None:
        return
    factors = check_factor(factor)
    expected = enlarged_size(low[y], factors[0]), enlarged_size(low[x], factors[1])
    if (high[y], high[x]) != expected:
        raise InputError(
            f"factor {factor} makes {expected[0]} x {expected[1]} pixels of "
            f"{low[y]} x {low[x]}, but there are {high[y]} x {high[x]}: "
            "leave the factor out to use the ratio of the sizes"
        )

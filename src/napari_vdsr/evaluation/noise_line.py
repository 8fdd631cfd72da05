"""The straight line of variance over signal, fitted so that outliers count little."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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

"""PSNR and SSIM that state what they were measured on."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, VdsrWarning, checked_switch, picked
from napari_vdsr.evaluation.data_range import (
    DataRange,
    Spreads,
    decibels,
    fit_to,
    mean_decibels,
    root_mean_square,
)
from napari_vdsr.evaluation.planes import Planes, comparable
from napari_vdsr.images.stack import Stack

_SIGMA = 1.5
_LARGEST = 1e70  # times the range: fourth powers of more would be infinite
SMALLEST = 11
"""Pixels on the shorter side that SSIM needs: the size of its window."""


@dataclass(frozen=True)
class PsnrReport:
    """PSNR per plane, with all that the figures depend on.

    Attributes
    ----------
    roots : tuple of float
        Root of the mean squared error of every plane, in C order, in the unit of the
        reference.
    stack : tuple of int
        Shape of the leading axes that the planes come from; () for a single plane.
    data_range : DataRange
        The peak that was used, and why.
    channels : str
        What was compared, in words.
    border : int
        Pixels that were cut off at every side.
    left_out : int
        Pixels that were ignored because they are NaN in either image.
    fitted : PsnrReport, optional
        The range-invariant PSNR: the same after each plane of the image was fitted
        to the reference by an affine change of its intensities.
    """

    roots: tuple[float, ...]
    stack: tuple[int, ...]
    data_range: DataRange
    channels: str
    border: int
    left_out: int = 0
    fitted: "PsnrReport | None" = None

    @property
    def errors(self) -> tuple[float, ...]:
        """Mean squared error of every plane, in squared units of the reference.

        Of values beyond 1e154 or below 1e-162 it is infinite or zero: use `roots`.
        """
        return tuple(root * root for root in self.roots)

    @property
    def values(self) -> tuple[float, ...]:
        """PSNR of every plane in dB; infinite where there is no difference."""
        return tuple(decibels(root, self.data_range.value) for root in self.roots)

    @property
    def minimum(self) -> float:
        """Smallest PSNR of a plane, in dB."""
        return min(self.values)

    @property
    def maximum(self) -> float:
        """Largest PSNR of a plane, in dB."""
        return max(self.values)

    @property
    def mean(self) -> float:
        """Mean of the planes' PSNR, in dB: what papers report for a set.

        Planes without any difference are left out, unless all are.
        """
        return mean_decibels(self.values)

    @property
    def of_mean_error(self) -> float:
        """PSNR of the planes' mean squared error, in dB; never above `mean`."""
        root = root_mean_square(np.array(self.roots))
        return decibels(root, self.data_range.value)

    @property
    def identical(self) -> int:
        """Number of planes without any difference."""
        return sum(root == 0 for root in self.roots)

    def to_text(self) -> str:
        """Write the report as lines for people."""
        lines = [f"PSNR {self._figures_in_words()}"]
        if self.fitted is not None:
            words = self.fitted._figures_in_words()
            lines.append(f"PSNR after an affine fit of the intensities {words}")
        value, reason = self.data_range.value, self.data_range.reason
        lines.append(f"data range {value:g}: {reason}")
        lines.append(f"compared {self.channels}, border of {self.border} px cut off")
        if self.identical:
            lines.append(
                f"identical: {self.identical} of {len(self.roots)} planes, "
                "whose PSNR is infinite"
            )
        if self.left_out:
            lines.append(f"left out: {self.left_out} pixels that are NaN")
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """Give the report as numbers and words for JSON; infinity becomes None."""
        figures = "values minimum maximum mean of_mean_error"
        return {
            **picked(self, figures),
            "fitted": None if self.fitted is None else picked(self.fitted, figures),
            **picked(self, "stack identical"),
            "data_range": self.data_range.value,
            "data_range_reason": self.data_range.reason,
            **picked(self, "channels border left_out"),
        }

    def _figures_in_words(self) -> str:
        if len(self.roots) == 1:
            return f"{self.mean:.2f} dB"
        identical = self.identical if self.identical < len(self.roots) else 0
        different = len(self.roots) - identical
        which = (
            f"the {different} planes that differ"
            if identical
            else (f"{different} planes")
        )
        return (
            f"{self.mean:.2f} dB, the mean of {which} "
            f"({self.minimum:.2f} to {self.maximum:.2f}; of the mean error: "
            f"{self.of_mean_error:.2f} dB)"
        )


def psnr(
    reference: ArrayLike | Stack,
    image: ArrayLike | Stack,
    *,
    fit: bool = False,
    **options: Any,
) -> PsnrReport:
    """Measure how close an image is to a reference, plane by plane.

    As `napari_vdsr.psnr`, for arrays and stacks; dask and zarr arrays are read plane by
    plane. The other options are those of `comparable`.
    """
    fit = checked_switch("fit", fit)
    planes, problem = comparable(reference, image, **options)
    if problem is not None:
        warnings.warn(problem, VdsrWarning, stacklevel=3)
    spreads = Spreads()
    report = measured(planes, fit=fit, beside=spreads)
    problem = spreads.contradiction()
    if problem is not None:
        warnings.warn(problem, VdsrWarning, stacklevel=3)
    return report


def measured(
    planes: Planes,
    *,
    fit: bool,
    beside: Callable[[NDArray[np.float64], NDArray[np.float64]], object] | None = None,
) -> PsnrReport:
    """Measure the PSNR of planes that can be compared.

    `beside` is called with every pair of planes too, so that they are read only once.
    """
    pairs = []
    for pair in planes:
        pairs.append(_score(*pair, fit=fit))
        if beside is not None:
            beside(*pair)
    report = PsnrReport(
        roots=tuple(root for root, _, _ in pairs),
        stack=planes.stack,
        data_range=planes.data_range,
        channels=planes.channels,
        border=planes.border,
        left_out=sum(count for _, _, count in pairs),
    )
    if report.data_range.value == 0 and report.identical < len(report.roots):
        raise InputError(
            f"{report.data_range.reason}, so it has no range of its own: "
            "give data_range"
        )
    if not fit:
        return report
    roots = tuple(root for _, root, _ in pairs)
    return replace(report, fitted=replace(report, roots=roots))


def _score(
    reference: NDArray[np.float64], image: NDArray[np.float64], *, fit: bool
) -> tuple[float, float, int]:
    """Root mean squared error, after the fit too, and the number of ignored pixels."""
    valid = ~(np.isnan(reference) | np.isnan(image))
    reference, image = reference[valid], image[valid]
    left_out = valid.size - reference.size
    if not reference.size:
        raise InputError(
            "a plane has no pixel that is a number in both images: leave it out"
        )
    root = root_mean_square(image - reference)
    if not fit:
        return root, math.nan, left_out
    return root, root_mean_square(fit_to(reference, image) - reference), left_out


def similarity(planes: Planes) -> float:
    """Mean structural similarity of planes that can be compared."""
    each = [similarity_of_plane(planes, *pair) for pair in planes]
    return math.fsum(each) / len(each)


def similarity_of_plane(
    planes: Planes, reference: NDArray[np.float64], image: NDArray[np.float64]
) -> float:
    """Measure the structural similarity of a pair of `planes`; refuses NaN.

    Of colours it is the mean over R, G and B.

    A Gaussian window of 11 x 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, and only
    windows that lie within the image: Wang, Bovik, Sheikh, Simoncelli, "Image quality
    assessment: from error visibility to structural similarity", 2004.
    """
    peak = planes.data_range.value
    if peak == 0:
        raise InputError(
            f"{planes.data_range.reason}: SSIM needs a range of values; "
            "choose an image that is not constant"
        )
    if min(reference.shape[:2]) < SMALLEST:
        raise InputError(
            f"{reference.shape[0]} x {reference.shape[1]} pixels are left for SSIM, "
            f"whose window is {SMALLEST} x {SMALLEST}: use a larger image or border=0"
        )
    if np.isnan(reference).any() or np.isnan(image).any():
        raise InputError(
            "SSIM is not defined with NaN: cut the images to their valid part"
        )
    # One colour at a time, for less memory.
    ones, others = (
        np.moveaxis(np.atleast_3d(plane), -1, 0) for plane in (reference, image)
    )
    each = [
        _structural_similarity(*pair, peak, planes.origin)
        for pair in zip(ones, others, strict=True)
    ]
    return sum(each) / len(each)


def _structural_similarity(
    reference: NDArray[np.float64],
    image: NDArray[np.float64],
    data_range: float,
    origin: int,
) -> float:
    """The mean over all windows of two planes, (Y, X)."""
    exponent = math.frexp(data_range)[1]
    with np.errstate(over="ignore"):
        scaled = (np.ldexp(plane, -exponent) for plane in (reference, image))
        within = [np.clip(plane, -_LARGEST, _LARGEST) for plane in scaled]
    peak = math.ldexp(data_range, -exponent)
    # Relative to a common centre: the square of a large offset would swallow variances.
    centre = float(within[0].mean())
    offset = centre + math.ldexp(origin, -exponent)
    x, y = (plane - centre for plane in within)
    x_mean, y_mean = _windows(x), _windows(y)
    variances = _windows(x * x) + _windows(y * y) - x_mean**2 - y_mean**2
    covariance = _windows(x * y) - x_mean * y_mean
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    means = (x_mean + offset) ** 2 + (y_mean + offset) ** 2
    luminance = 1 - (x_mean - y_mean) ** 2 / (means + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean())


def _windows(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means of all windows that lie within a plane."""
    from scipy.ndimage import gaussian_filter

    reach = SMALLEST // 2
    means = gaussian_filter(plane, _SIGMA, radius=reach)
    return np.asarray(means[reach:-reach, reach:-reach])

"""PSNR that says what it was measured on."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.evaluation.decibels import decibels, finite_or_none, fit_to
from napari_vdsr.evaluation.planes import Luminance, Planes, planes_of
from napari_vdsr.evaluation.ranges import DataRange, contradiction, range_of
from napari_vdsr.evaluation.stack import Stack, check_image, stack_of


@dataclass(frozen=True)
class PsnrReport:
    """PSNR per plane, with all that the figures depend on.

    Attributes
    ----------
    errors : tuple of float
        Mean squared error of every plane, in C order, in squared units of the
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
        Pixels that were passed over because they are NaN in either image.
    fitted : PsnrReport, optional
        The range-invariant PSNR: the same after each plane of the image was fitted
        to the reference by an affine change of its intensities.
    """

    errors: tuple[float, ...]
    stack: tuple[int, ...]
    data_range: DataRange
    channels: str
    border: int
    left_out: int = 0
    fitted: "PsnrReport | None" = None

    @property
    def values(self) -> tuple[float, ...]:
        """PSNR of every plane in dB; infinite where there is no difference."""
        return tuple(decibels(error, self.data_range.value) for error in self.errors)

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
        """Mean of the planes' PSNR, in dB: what papers report for a set."""
        return math.fsum(self.values) / len(self.values)

    @property
    def of_mean_error(self) -> float:
        """PSNR of the planes' mean squared error, in dB; never above `mean`."""
        error = math.fsum(self.errors) / len(self.errors)
        return decibels(error, self.data_range.value)

    @property
    def identical(self) -> int:
        """Number of planes without any difference."""
        return sum(error == 0 for error in self.errors)

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
                f"identical: {self.identical} of {len(self.errors)} planes, "
                "whose PSNR is infinite"
            )
        if self.left_out:
            lines.append(f"left out: {self.left_out} pixels that are NaN")
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """Give the report as numbers and words for JSON; infinity becomes None."""
        return {
            **self._figures(),
            "fitted": None if self.fitted is None else self.fitted._figures(),
            "stack": list(self.stack),
            "identical": self.identical,
            "data_range": self.data_range.value,
            "data_range_reason": self.data_range.reason,
            "channels": self.channels,
            "border": self.border,
            "left_out": self.left_out,
        }

    def _figures(self) -> dict[str, object]:
        return {
            "values": [finite_or_none(value) for value in self.values],
            "minimum": finite_or_none(self.minimum),
            "maximum": finite_or_none(self.maximum),
            "mean": finite_or_none(self.mean),
            "of_mean_error": finite_or_none(self.of_mean_error),
        }

    def _figures_in_words(self) -> str:
        if len(self.errors) == 1:
            return f"{self.mean:.2f} dB"
        return (
            f"{self.mean:.2f} dB, the mean of {len(self.errors)} planes "
            f"({self.minimum:.2f} to {self.maximum:.2f}; of the mean error: "
            f"{self.of_mean_error:.2f} dB)"
        )


def psnr(
    reference: ArrayLike | Stack,
    image: ArrayLike | Stack,
    *,
    data_range: float | None = None,
    border: int = 0,
    luminance: Luminance = "auto",
    rgb: bool | None = None,
    fit: bool = False,
) -> PsnrReport:
    """Measure how close an image is to a reference, plane by plane.

    Parameters
    ----------
    reference, image : array of any real dtype, shape (..., Y, X[, S]), or Stack
        On the same pixel grid; dask and zarr arrays are read plane by plane. Pixels
        that are NaN in either are passed over.
    data_range : float, optional
        The peak that the error is compared with. By default 255 for uint8, 1 for
        floats within [0, 1] and otherwise the reference's maximum minus minimum.
    border : int
        Pixels to cut off at every side; papers cut off the factor.
    luminance : bool or "auto"
        Whether to compare the luminance of colours (BT.601, studio swing, as
        papers do) or R, G and B together. "auto" compares the luminance of colour
        images. Alpha is passed over.
    rgb : bool, optional
        Whether the last axis holds colours. Needed where it has 3 or 4 pixels.
    fit : bool
        Whether to report the range-invariant PSNR beside the plain one: the image
        is first fitted to the reference by ``a * image + b`` with least squares,
        so that a change of contrast or offset does not count as an error.

    Returns
    -------
    PsnrReport
        PSNR per plane with minimum, maximum and mean, the data range and why.

    Raises
    ------
    InputError
        When the images or arguments cannot be used; the message says why.
    FileError
        When a file that an image is read from is damaged.
    VdsrError
        When a plane of another image is lost.

    Warns
    -----
    VdsrWarning
        When the reference contradicts the given data range.

    Examples
    --------
    >>> black = np.zeros((4, 4), dtype="uint8")
    >>> print(psnr(black, black + 5).to_text())
    PSNR 34.15 dB
    data range 255: 8-bit image
    compared grey values, border of 0 px cut off
    """
    planes = comparable(
        reference,
        image,
        data_range=data_range,
        border=border,
        luminance=luminance,
        rgb=rgb,
    )
    return measured(planes, fit=fit)


def measured(
    planes: Planes,
    *,
    fit: bool,
    beside: Callable[[NDArray[np.float64], NDArray[np.float64]], object] | None = None,
) -> PsnrReport:
    """Measure the PSNR of images that are known to be comparable.

    Parameters
    ----------
    planes : Planes
        Reference and image, plane by plane.
    fit : bool
        Whether to report the range-invariant PSNR as well.
    beside : callable, optional
        Given every pair of planes too, so that they are read only once.

    Returns
    -------
    PsnrReport

    Raises
    ------
    InputError
        When there is no range or no valid pixel to measure.
    """
    pairs = []
    for pair in planes:
        pairs.append(_score(*pair, fit=fit))
        if beside is not None:
            beside(*pair)
    report = PsnrReport(
        errors=tuple(error for error, _, _ in pairs),
        stack=planes.stack,
        data_range=planes.data_range,
        channels=planes.channels,
        border=planes.border,
        left_out=sum(count for _, _, count in pairs),
    )
    if report.data_range.value == 0 and report.identical < len(report.errors):
        raise InputError(
            f"{report.data_range.reason}, so it has no range of its own: "
            "give data_range"
        )
    if not fit:
        return report
    errors = tuple(error for _, error, _ in pairs)
    return replace(report, fitted=replace(report, errors=errors))


def comparable(
    reference: ArrayLike | Stack,
    image: ArrayLike | Stack,
    *,
    data_range: float | None,
    border: int,
    luminance: Luminance,
    rgb: bool | None,
) -> Planes:
    """Check two images, choose the data range and warn when it cannot be right.

    Parameters
    ----------
    reference, image, data_range, border, luminance, rgb
        As for `psnr`.

    Returns
    -------
    Planes

    Raises
    ------
    InputError
        When the images or arguments cannot be used.
    VdsrError
        When a plane is lost.

    Warns
    -----
    VdsrWarning
        When the reference contradicts the given data range.
    """
    reference = stack_of(reference, "reference", rgb)
    image = stack_of(image, "image", rgb)
    check_image(reference, "reference")
    check_image(image, "image")
    if data_range is not None:
        problem = contradiction(reference, range_of(reference, data_range).value)
        if problem is not None:
            warnings.warn(problem, VdsrWarning, stacklevel=3)
    return planes_of(
        reference,
        image,
        range_of(reference, data_range),
        border=border,
        luminance=luminance,
        rgb=rgb,
    )


def _score(
    reference: NDArray[np.float64], image: NDArray[np.float64], *, fit: bool
) -> tuple[float, float, int]:
    """Mean squared error, the same after the fit, and pixels passed over."""
    valid = ~(np.isnan(reference) | np.isnan(image))
    reference, image = reference[valid], image[valid]
    left_out = valid.size - reference.size
    if not reference.size:
        raise InputError(
            "a plane has no pixel that is a number in both images: leave it out"
        )
    error = _mean_square(image - reference)
    if not fit:
        return error, math.nan, left_out
    return error, _mean_square(fit_to(reference, image) - reference), left_out


def _mean_square(difference: NDArray[np.float64]) -> float:
    return float(np.mean(np.square(difference)))

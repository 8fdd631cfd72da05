"""Structural similarity, as the papers measure it."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.evaluation.data_range import DataRange
from napari_vdsr.evaluation.planes import Luminance, Planes
from napari_vdsr.evaluation.psnr import comparable
from napari_vdsr.images.stack import Stack

_SIGMA = 1.5
_LARGEST = 1e70  # times the range: fourth powers of more would be infinite
SMALLEST = 11
"""Pixels on the shorter side that SSIM needs: the size of its window."""


@dataclass(frozen=True)
class SsimReport:
    """SSIM per plane, with what it depends on."""

    values: tuple[float, ...]  # of every plane, in C order
    stack: tuple[int, ...]  # shape of the leading axes; () for a single plane
    data_range: DataRange
    channels: str  # what was compared, in words

    @property
    def mean(self) -> float:
        """Mean over the planes."""
        return sum(self.values) / len(self.values)


def ssim(
    reference: ArrayLike | Stack,
    image: ArrayLike | Stack,
    *,
    data_range: float | None = None,
    border: int = 0,
    luminance: Luminance = "auto",
    rgb: bool | None = None,
) -> SsimReport:
    """Measure the structural similarity of an image and a reference.

    Arguments and errors as for `psnr`, but NaN is refused. If luminance is not taken,
    it is the mean over R, G and B.

    A Gaussian window of 11 x 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, and only
    windows that lie within the image: Wang, Bovik, Sheikh, Simoncelli, "Image quality
    assessment: from error visibility to structural similarity", 2004.
    """
    planes, problem = comparable(
        reference,
        image,
        data_range=data_range,
        border=border,
        luminance=luminance,
        rgb=rgb,
    )
    if problem is not None:
        warnings.warn(problem, VdsrWarning, stacklevel=3)
    return similarity(planes)


def similarity(planes: Planes) -> SsimReport:
    """Measure the structural similarity of planes that can be compared.

    Raises InputError when there is no range, with NaN, or with too few pixels.
    """
    return SsimReport(
        tuple(similarity_of_plane(*pair, planes.data_range) for pair in planes),
        planes.stack,
        planes.data_range,
        planes.channels,
    )


def similarity_of_plane(
    reference: NDArray[np.float64], image: NDArray[np.float64], data_range: DataRange
) -> float:
    """Measure the structural similarity of two planes of float64, (Y, X[, 3]).

    Raises InputError when there is no range, with NaN, or with too few pixels.
    """
    from skimage.metrics import structural_similarity

    if data_range.value == 0:
        raise InputError(
            f"{data_range.reason}: SSIM needs a range of values; "
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
    exponent = math.frexp(data_range.value)[1]
    with np.errstate(over="ignore"):
        scaled = (np.ldexp(plane, -exponent) for plane in (reference, image))
        within = [np.clip(plane, -_LARGEST, _LARGEST) for plane in scaled]
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            *within,
            data_range=math.ldexp(data_range.value, -exponent),
            gaussian_weights=True,
            sigma=_SIGMA,
            use_sample_covariance=False,
            channel_axis=None if reference.ndim == 2 else -1,
        )
    )

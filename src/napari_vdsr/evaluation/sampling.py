"""Whether an image holds detail as fine as its pixels."""

from numpy.typing import ArrayLike

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.description import describe_image
from napari_vdsr.evaluation.detail import SamplingReport as SamplingReport


def check_sampling(image: ArrayLike, *, rgb: bool | None = None) -> SamplingReport:
    """Check whether an image holds detail as fine as its pixels.

    It needs no reference and is no measure of quality: it says what can be expected
    of enlarging this image.

    Parameters
    ----------
    image : array of any real dtype, shape (..., Y, X[, S])
        At least 32 pixels in Y and X. Of large images and stacks, evenly spread parts
        are examined, as by `describe_image`; parts with more than a few NaN are
        ignored.
    rgb : bool, optional
        Whether the last axis holds colours. Needed where it has 3 or 4 pixels.

    Returns
    -------
    SamplingReport
        With a verdict and advice in plain words.

    Raises
    ------
    InputError
        When the image is too small or holds no usable part.
    """
    report = describe_image(image, rgb=rgb)
    if report.sampling is None:
        raise InputError(report.unknown[-1])
    return report.sampling

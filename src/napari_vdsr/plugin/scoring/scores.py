"""Scores of one layer against the reference, with all that they depend on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.planes import Planes, check_image, planes_of
from napari_vdsr.evaluation.psnr import PsnrReport, measured
from napari_vdsr.evaluation.ranges import contradiction, range_of
from napari_vdsr.evaluation.ssim import similarity
from napari_vdsr.plugin.scoring.options import ScoreOptions

__all__ = ["WARNING", "Score", "score_images"]

WARNING = "Warning: "


@dataclass(frozen=True)
class Score:
    """What is said about one image.

    Attributes
    ----------
    name : str
        Of the layer or the method.
    psnr : PsnrReport
        With the range-invariant PSNR where it was asked for.
    ssim : float or None
        Mean over the planes.
    ssim_of_planes : tuple of float
        Empty where they are not known one by one.
    notes : tuple of str
        What a reader has to know: warnings, and why a figure is missing.
    bicubic : Score or None
        What plain bicubic enlargement of the same source scores.
    """

    name: str
    psnr: PsnrReport
    ssim: float | None
    ssim_of_planes: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    bicubic: "Score | None" = None


@dataclass(frozen=True)
class _Watched(Planes):
    """Planes of which the taking can be stopped."""

    check: Callable[[], object] = lambda: None

    def __iter__(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """As of `Planes`, with a look at the wish to stop before each."""
        for pair in super().__iter__():
            self.check()
            yield pair


def score_images(
    name: str,
    reference: NDArray[Any],
    image: NDArray[Any],
    rgb: bool,
    options: ScoreOptions,
    check: Callable[[], object] = lambda: None,
) -> Score:
    """Compare two images of one grid.

    Parameters
    ----------
    name : str
        What to call the score.
    reference, image : ndarray of any real dtype, shape (..., Y, X[, S])
        Of equal shapes.
    rgb : bool
        Whether the last axis holds colours.
    options : ScoreOptions
        How they are compared.
    check : callable
        Called before every plane; may raise `Cancelled`.

    Returns
    -------
    Score

    Raises
    ------
    InputError
        When the images or options cannot be used.
    """
    check_image(reference, "reference")
    check_image(image, "image")
    notes = []
    data_range = range_of(reference, options.peak)
    if options.peak is not None:
        problem = contradiction(reference, data_range.value)
        notes += [] if problem is None else [f"{WARNING}{_in_panel_words(problem)}."]
    planes = planes_of(
        reference,
        image,
        data_range,
        border=options.border,
        luminance=options.luminance if rgb else "auto",
        rgb=rgb,
    )
    watched = _Watched(**vars(planes), check=check)
    report = measured(watched, fit=options.fit)
    try:
        ssim = similarity(watched)
    except InputError as error:
        return Score(name, report, None, (), (*notes, f"No SSIM: {error}."))
    return Score(name, report, ssim.mean, ssim.values, tuple(notes))


def _in_panel_words(problem: str) -> str:
    return problem.replace("data_range", "data range").replace(
        "leave data range out to use that", "leave the field empty to use that"
    )

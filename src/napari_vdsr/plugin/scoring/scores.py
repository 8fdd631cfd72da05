"""The score of one layer against the reference."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.data_range import (
    DataRange,
    Spreads,
    contradiction,
    range_of,
)
from napari_vdsr.evaluation.planes import Planes, planes_of
from napari_vdsr.evaluation.psnr import PsnrReport, measured
from napari_vdsr.evaluation.ssim import similarity_of_plane
from napari_vdsr.images.stack import Stack, check_image
from napari_vdsr.plugin.scoring.settings import ScoreOptions

WARNING = "Warning: "


@dataclass(frozen=True)
class Score:
    """The score of one image."""

    name: str  # of the layer or the method
    psnr: PsnrReport
    ssim: float | None  # mean over the planes
    ssim_of_planes: tuple[float, ...] = ()  # empty where unknown
    notes: tuple[str, ...] = ()  # warnings, and why a figure is missing
    bicubic: "Score | None" = None  # of bicubic enlargement of the same source


@dataclass(frozen=True)
class _Watched(Planes):
    """Planes whose iteration can be stopped."""

    check: Callable[[], object] = lambda: None

    def __iter__(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Call `check`, which may raise Cancelled, for each pair of planes."""
        for pair in super().__iter__():
            self.check()
            yield pair


class _Similarity:
    """Collects the SSIM of planes until one has none."""

    def __init__(self, data_range: DataRange) -> None:
        self._data_range = data_range
        self.values: list[float] = []
        self.problem = ""

    def __call__(
        self, reference: NDArray[np.float64], image: NDArray[np.float64]
    ) -> None:
        if self.problem:
            return
        try:
            value = similarity_of_plane(reference, image, self._data_range)
        except InputError as error:
            self.problem = f"No SSIM: {error}."
        else:
            self.values.append(value)


def score_images(
    name: str,
    reference: Stack,
    image: Stack,
    options: ScoreOptions,
    check: Callable[[], object] = lambda: None,
) -> Score:
    """Compare two images of equal shapes; `check` runs for every plane and may raise.

    Raises InputError when the images or options cannot be used.
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
        luminance=options.luminance if reference.rgb else "auto",
        rgb=reference.rgb,
    )
    watched = _Watched(**vars(planes), check=check)
    similar, spreads = _Similarity(data_range), Spreads()

    def look(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
        similar(one, other)
        spreads(one, other)

    report = measured(watched, fit=options.fit, beside=look)
    apart = spreads.contradiction()
    notes += [] if apart is None else [f"{WARNING}{_in_panel_words(apart)}."]
    if similar.problem:
        return Score(name, report, None, (), (*notes, similar.problem))
    values = tuple(similar.values)
    return Score(name, report, sum(values) / len(values), values, tuple(notes))


def _in_panel_words(problem: str) -> str:
    words = {
        "data_range": "data range",
        "leave data range out to use that": "leave the field empty to use that",
        " (fit=True, --fit)": "",
    }
    for ours, shown in words.items():
        problem = problem.replace(ours, shown)
    return problem

"""Scores layers against a reference, in a thread."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.data_range import DataRange, Spreads
from napari_vdsr.evaluation.planes import (
    Planes,
    comparable,
    exact_origin,
    scaled_luminance,
)
from napari_vdsr.evaluation.psnr import PsnrReport, measured, similarity_of_plane
from napari_vdsr.images.stack import Stack
from napari_vdsr.layers.bicubic import bicubic_planes
from napari_vdsr.plugin.jobs import Job, load_plots
from napari_vdsr.plugin.scores.layers import (
    Origin,
    Snapshot,
    check_pair,
    fingerprint,
    on_grid,
)
from napari_vdsr.plugin.scores.settings import ScoreOptions

if TYPE_CHECKING:
    from napari.layers import Image


class ScoringWork(Job):
    """Fills `results` with what a tab shows."""

    title = "scores of images"
    less = "compare a part of the images"


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
    planes, problem = comparable(
        reference,
        image,
        data_range=options.peak,
        border=options.border,
        luminance=options.luminance if reference.rgb else "auto",
        rgb=reference.rgb,
    )
    origin = exact_origin(reference, image)
    watched = _Watched(**vars(planes) | {"origin": origin}, check=check)
    similar, spreads = _Similarity(planes.data_range), Spreads()

    def look(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
        similar(one + origin, other + origin)
        spreads(one, other)

    report = measured(watched, fit=options.fit, beside=look)
    problems = [each for each in (problem, spreads.contradiction()) if each is not None]
    notes = [f"{WARNING}{_in_panel_words(each)}." for each in problems]
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


@dataclass(frozen=True, eq=False)
class Subject:
    """A layer that is compared, and what it was made of, if known."""

    image: Snapshot
    origin: Origin | None
    layer: Callable[[], "Image | None"] = lambda: None  # a weak reference


@dataclass(frozen=True, eq=False)
class LayerScore:
    """Score and error map of one layer."""

    score: Score
    # Image minus reference on the reference's full grid; NaN without overlap.
    error_map: NDArray[np.float32] | None


class ScoringJob(ScoringWork):
    """Scores layers against one reference."""

    def __init__(
        self,
        reference: Snapshot,
        subjects: Sequence[Subject],
        options: ScoreOptions,
    ) -> None:
        super().__init__()
        # Fingerprints of the pixels that were compared, the reference's first.
        self.marks: list[int | None] = []
        self.reference = reference
        self.subjects = subjects
        self.options = options

    def work(self) -> None:
        """Put a `LayerScore` for every layer into the results."""
        images = [self.reference, *(subject.image for subject in self.subjects)]
        self.marks = [fingerprint(image.data) for image in images]
        if prod(self.reference.shape[:-2]) > 1:
            load_plots()
        visits = sum(1 if each.origin is None else 2 for each in self.subjects)
        self.ticker.begin("Comparing", visits * prod(self.reference.shape[:-2]))
        for subject in self.subjects:
            score, pair = self._score(subject.image)
            if subject.origin is not None:
                score = replace(score, bicubic=self._bicubic(subject, subject.origin))
            self.ticker.check()
            self.results.append(LayerScore(score, self._error_map(subject, *pair)))

    def _score(self, image: Snapshot) -> tuple[Score, tuple[Stack, Stack]]:
        pair = on_grid(self.reference, image, self.ticker.check)
        score = score_images(image.name, *pair, self.options, self.ticker.update)
        return score, pair

    def _bicubic(self, subject: Subject, origin: Origin) -> Score:
        enlarged = bicubic_planes(origin.plan, origin.data, self.ticker.check)
        name = f"bicubic of {origin.source.name}"
        return self._score(replace(subject.image, name=name, data=enlarged))[0]

    def _error_map(
        self, subject: Subject, reference: Stack, image: Stack
    ) -> NDArray[np.float32] | None:
        if not self.options.error_maps:
            return None
        full = np.full(self.reference.shape, np.nan, np.float32)
        part = full[check_pair(self.reference, subject.image).region]
        for index in np.ndindex(part.shape[:-2]):
            self.ticker.check()
            part[index] = self._grey(image[index]) - self._grey(reference[index])
        return full

    def _grey(self, plane: NDArray[Any]) -> NDArray[np.float64]:
        values = plane.astype(np.float64)
        if not self.reference.rgb:
            return values
        # The peak only shifts luminance, so differences do not depend on it.
        return scaled_luminance(values, 255.0)

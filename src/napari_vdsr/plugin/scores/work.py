"""Scores layers against a reference, and a model on a layer, in a thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.data_range import Spreads
from napari_vdsr.evaluation.grids import compare_on_grid
from napari_vdsr.evaluation.planes import comparable, scaled_luminance
from napari_vdsr.evaluation.psnr import PsnrReport, measured, similarity_of_plane
from napari_vdsr.images.stack import Stack, stack_of
from napari_vdsr.layers.upscale import bicubic_plan
from napari_vdsr.plugin.jobs import Job, load_plots
from napari_vdsr.plugin.scores.layers import (
    Origin,
    Snapshot,
    affine_between,
    check_pair,
    fingerprint,
)
from napari_vdsr.plugin.scores.settings import ModelOptions, ScoreOptions
from napari_vdsr.plugin.settings import preferred

if TYPE_CHECKING:
    from napari_vdsr.evaluation.evaluate import Comparison


class ScoringWork(Job):
    """Fills `results` with what a tab shows."""

    title = "scores of images"
    less = "compare a part of the images"
    remark = ""  # what to warn of though the work can be started


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
    # Image minus reference on the reference's full grid; NaN without overlap.
    error_map: NDArray[np.float32] | None = field(default=None, compare=False)

    @property
    def planes(self) -> int:
        """Number of planes; 1 for an image."""
        return len(self.psnr.roots)


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
    spreads = Spreads()
    ssim: list[float] = []
    no_ssim: list[str] = []  # why there is none of a plane

    def look(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
        if not no_ssim:
            try:
                ssim.append(similarity_of_plane(planes, one, other))
            except InputError as error:
                no_ssim.append(f"No SSIM: {error}.")
        spreads(one, other)
        check()

    report = measured(planes, fit=options.fit, beside=look)
    problems = [each for each in (problem, spreads.contradiction()) if each is not None]
    notes = [f"{WARNING}{_in_panel_words(each)}." for each in problems]
    if no_ssim:
        return Score(name, report, None, (), (*notes, *no_ssim))
    return Score(name, report, sum(ssim) / len(ssim), tuple(ssim), tuple(notes))


def _in_panel_words(problem: str) -> str:
    words = {
        "data_range": "data range",
        "leave data range out to use that": "leave the field empty to use that",
        " (fit=True, --fit)": "",
    }
    for ours, shown in words.items():
        problem = problem.replace(ours, shown)
    return problem


class Subject(NamedTuple):
    """A layer that is compared, and what it was made of, if known."""

    image: Snapshot
    origin: Origin | None
    share: float = 1.0  # of the reference that it covers


class ScoringJob(ScoringWork):
    """Scores layers against one reference."""

    def __init__(
        self,
        reference: Snapshot,
        subjects: Sequence[Subject],
        options: ScoreOptions,
        remark: str = "",
    ) -> None:
        super().__init__()
        self.remark = remark
        # Fingerprints of the pixels that were compared, the reference's first.
        self.marks: list[int | None] = []
        self.reference, self.subjects, self.options = reference, subjects, options

    def work(self) -> None:
        """Put a list with the `Score` of every layer into the results."""
        images = [self.reference, *(subject.image for subject in self.subjects)]
        self.marks = [fingerprint(image.data) for image in images]
        planes = prod(self.reference.shape[:-2])
        if planes > 1:
            load_plots()
        visits = sum(1 if each.origin is None else 2 for each in self.subjects)
        self.ticker.begin("Comparing", visits * planes)
        self.results.append([self._score_of(subject) for subject in self.subjects])

    def _score_of(self, subject: Subject) -> Score:
        score, pair = self._score(subject.image)
        if subject.origin is not None:
            score = replace(score, bicubic=self._bicubic(subject.image, subject.origin))
        self.ticker.check()
        if not self.options.error_maps:
            return score
        return replace(score, error_map=self._error_map(subject.image, *pair))

    def _score(self, image: Snapshot) -> tuple[Score, tuple[Stack, Stack]]:
        pair = compare_on_grid(
            self.reference.data,
            image.data,
            affine_between(self.reference, image),
            rgb=self.reference.rgb,
            check=self.ticker.check,
        )
        score = score_images(image.name, *pair, self.options, self.ticker.update)
        return score, pair

    def _bicubic(self, image: Snapshot, origin: Origin) -> Score:
        enlarged = bicubic_plan(origin.plan, origin.data, self.ticker.check)
        name = f"bicubic of {origin.source.name}"
        return self._score(replace(image, name=name, data=enlarged))[0]

    def _error_map(
        self, shown: Snapshot, reference: Stack, image: Stack
    ) -> NDArray[np.float32]:
        full = np.full(self.reference.shape, np.nan, np.float32)
        part = full[check_pair(self.reference, shown).region]
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


class ModelJob(ScoringWork):
    """Reduces an image and enlarges it again by interpolation and by a model."""

    def __init__(self, truth: Snapshot, options: ModelOptions) -> None:
        super().__init__()
        self.truth, self.options = truth, options

    def work(self) -> None:
        """Put one `Comparison` into the results."""
        from napari_vdsr.zoo import load_model

        name, factor = self.options.model, int(self.options.factor)
        with self.the_device():
            self.ticker.begin("Loading the model")
            if prod(self.truth.shape[:-2]) > 1:
                load_plots()
            model = load_model(name, progress=self.ticker)
            if not model.serves((factor,)):
                raise InputError(f"'{name}' is not made for ×{factor}: choose another")
            self.ticker.begin(f"Reducing and enlarging ×{factor}")
            self.results.append(self._compared(name, factor))

    def _compared(self, model: str, factor: int) -> "Comparison":
        from napari_vdsr.evaluation.evaluate import compare
        from napari_vdsr.evaluation.methods import IN_FLOAT32

        data, name, rgb = self.truth.data, self.truth.name, self.truth.rgb
        device = preferred().get("device", "auto")
        try:
            return compare(
                stack_of(data, name, rgb, self.ticker.check).whole(),
                factor,
                model=model,
                sampling=self.options.sampling,
                noise=self.options.added_noise,
                options=replace(IN_FLOAT32, device=device),
                rgb=rgb,
                progress=self.ticker,
            )
        except RuntimeError as error:
            # torch raises this when the device has no memory left.
            raise InputError(f"the device '{device}' failed: {error}") from error


def scores_of(comparison: "Comparison") -> list[Score]:
    """Scores of all methods, bicubic first."""
    outcomes = comparison.outcomes
    notes: tuple[str, ...] = ()
    if any(outcome.ssim is None for outcome in outcomes):
        notes = ("No SSIM: the image is smaller than its window of 11 × 11.",)
    return [Score(each.method, each.psnr, each.ssim, (), notes) for each in outcomes]

"""Scores a model on a layer: reduce it, enlarge it again, compare."""

from dataclasses import replace
from math import prod

import numpy as np

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.acquisition import SAMPLING_IN_WORDS, Noise, noise_in_words
from napari_vdsr.evaluation.evaluate import Comparison, compare
from napari_vdsr.evaluation.methods import BASELINES, IN_FLOAT32
from napari_vdsr.evaluation.report import BEST_IN_WORDS
from napari_vdsr.images.stack import stack_of
from napari_vdsr.imaging.resample import Sampling
from napari_vdsr.plugin.jobs import load_plots
from napari_vdsr.plugin.scores.layers import Snapshot
from napari_vdsr.plugin.scores.words import gain_over_bicubic
from napari_vdsr.plugin.scores.work import Score, ScoringWork


class ModelJob(ScoringWork):
    """Reduces an image and enlarges it again by interpolation and by a model.

    `factor` is 2 to 8; device, sampling and noise are as for `evaluate`.
    """

    def __init__(
        self,
        truth: Snapshot,
        factor: int,
        model: str,
        device: str,
        sampling: Sampling | None = None,
        noise: Noise | None = None,
    ) -> None:
        super().__init__()
        self.truth = truth
        self.factor = factor
        self.model = model
        self.device = device
        self.sampling = sampling
        self.noise = noise

    def work(self) -> None:
        """Put one `Comparison` into the results."""
        from napari_vdsr.zoo import load_model

        with self.the_device():
            self.ticker.begin("Loading the model")
            if prod(self.truth.shape[:-2]) > 1:
                load_plots()
            model = load_model(self.model, progress=self.ticker)
            if not model.serves((self.factor,)):
                raise InputError(
                    f"'{self.model}' is not made for ×{self.factor}: choose another"
                )
            self.ticker.begin(f"Reducing and enlarging ×{self.factor}")
            self.results.append(self._compared())

    def _compared(self) -> Comparison:
        truth = stack_of(
            self.truth.data, self.truth.name, self.truth.rgb, self.ticker.check
        )
        try:
            return compare(
                truth.whole(),
                self.factor,
                model=self.model,
                sampling=self.sampling,
                noise=self.noise,
                options=replace(IN_FLOAT32, device=self.device),
                rgb=self.truth.rgb,
                progress=self.ticker,
            )
        except RuntimeError as error:
            # torch raises this when the device has no memory left.
            raise InputError(f"the device '{self.device}' failed: {error}") from error


def scores_of(comparison: Comparison) -> list[Score]:
    """Scores of all methods, bicubic first."""
    notes = []
    if any(outcome.ssim is None for outcome in comparison.outcomes):
        notes.append("No SSIM: the image is smaller than its window of 11 × 11.")
    return [
        Score(outcome.method, outcome.psnr, outcome.ssim, (), tuple(notes))
        for outcome in comparison.outcomes
    ]


def gain_in_words(comparison: Comparison) -> str:
    """What the model, the last outcome, gained over each interpolation."""
    *others, model = comparison.outcomes
    baselines = [each for each in others if each.method in BASELINES]
    gains = [model.psnr.mean - each.psnr.mean for each in baselines]
    if not np.isfinite(gains).all():
        return "One of the results is identical to the original."
    decibels = [f"{gain:+.2f} dB".replace("-", "−") for gain in gains]
    parts = [
        f"{gain} against {each.method}"
        for gain, each in zip(decibels, baselines, strict=True)
    ]
    return f"{model.method}: {', '.join(parts)}."


def answer_of(comparison: Comparison) -> str:
    """The scores in a sentence: "vdsr20 gains 2.6 dB over bicubic"."""
    bicubic, *_, model = comparison.outcomes
    return f"{model.method} {gain_over_bicubic(model.psnr.mean - bicubic.psnr.mean)}"


def acquisition_in_words(comparison: Comparison) -> list[str]:
    """How the small image was made, and what the best linear enlargement is."""
    pair = comparison.pair
    assert pair.sampling is not None
    best = BEST_IN_WORDS[:1].upper() + BEST_IN_WORDS[1:]
    return [
        f"Small image: {SAMPLING_IN_WORDS[pair.sampling]}.",
        f"Noise added: {noise_in_words(pair.electrons)}.",
        f"{best}.",
    ]

"""Scoring a model on a layer: reduce it, enlarge it again, compare."""

import numpy as np

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.compare import Comparison, compare
from napari_vdsr.evaluation.stack import stack_of
from napari_vdsr.plugin.model.upscalers import device_in_use
from napari_vdsr.plugin.scoring.scores import Score
from napari_vdsr.plugin.scoring.snapshots import Snapshot
from napari_vdsr.plugin.scoring.work import ScoringWork

_PATIENCE = 0.2  # seconds between two looks at a device that is in use


class Trying(ScoringWork):
    """One image, reduced and enlarged again by bicubic and by a model.

    Parameters
    ----------
    truth : Snapshot
        The layer.
    factor : int
        2 to 8.
    model : str
        Its name.
    device : str
        As for `upscale`.
    """

    def __init__(self, truth: Snapshot, factor: int, model: str, device: str) -> None:
        super().__init__()
        self.truth = truth
        self.factor = factor
        self.model = model
        self.device = device

    def work(self) -> None:
        """Put one `Comparison` into the results."""
        from napari_vdsr.zoo import load_model

        self.ticker.begin("Starting")
        while not device_in_use.acquire(timeout=_PATIENCE):
            self.ticker.begin("Waiting for another run")
        try:
            self.ticker.begin("Loading the model")
            model = load_model(self.model, progress=self.ticker)
            if not model.serves((self.factor,)):
                raise InputError(
                    f"'{self.model}' is not made for ×{self.factor}: choose another"
                )
            self.ticker.begin(f"Reducing and enlarging ×{self.factor}")
            self.results.append(self._compared())
        finally:
            device_in_use.release()

    def _compared(self) -> Comparison:
        truth = stack_of(
            self.truth.data, self.truth.name, self.truth.rgb, self.ticker.check
        )
        try:
            return compare(
                truth.whole(),
                self.factor,
                model=self.model,
                device=self.device,
                rgb=self.truth.rgb,
                progress=self.ticker,
            )
        except RuntimeError as error:
            # That is how torch says that a device has no memory left.
            raise InputError(f"the device '{self.device}' failed: {error}") from error


def scores_of(comparison: Comparison) -> list[Score]:
    """Figures of all methods, bicubic first.

    Parameters
    ----------
    comparison : Comparison
        Of one image.

    Returns
    -------
    list of Score
    """
    notes = []
    if any(outcome.ssim is None for outcome in comparison.outcomes):
        notes.append("No SSIM: the image is smaller than its window of 11 × 11.")
    return [
        Score(outcome.method, outcome.psnr, outcome.ssim, (), tuple(notes))
        for outcome in comparison.outcomes
    ]


def gain_in_words(comparison: Comparison) -> str:
    """What the model gained over bicubic enlargement.

    Parameters
    ----------
    comparison : Comparison
        With bicubic first and the model last.

    Returns
    -------
    str
    """
    bicubic, model = comparison.outcomes[0], comparison.outcomes[-1]
    gain = model.psnr.mean - bicubic.psnr.mean
    if not np.isfinite(gain):
        return "One of the results is identical to the original."
    verb = "gains" if gain >= 0 else "loses"
    end = "over" if gain >= 0 else "against"
    return f"{model.method} {verb} {abs(gain):.2f} dB {end} bicubic."

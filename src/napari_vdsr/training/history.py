"""The history of a training, in figures and in words, and the trained model."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from napari_vdsr.errors import counted
from napari_vdsr.imaging.resample import Sampling
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.prepare import TrainingSet
from napari_vdsr.training.validate import Score
from napari_vdsr.zoo.model import Model

_MOST_EVENTS = 100  # the header of a file has a limit

_TAKEN: dict[Sampling, str] = {
    "scanner": "taken by a scanner (confocal, two-photon, STED, SEM)",
    "camera": "taken by a camera (widefield, spinning disk)",
    "reduced": "reduced by software",
    "gaussian": "reduced by software behind a Gaussian",
}


class Loss(NamedTuple):
    """Mean loss of some steps.

    Attributes
    ----------
    step : int
        Steps done at their end.
    value : float
        In the unit of the configuration's loss.
    learning_rate : float
        Of the last of them.
    """

    step: int
    value: float
    learning_rate: float


class Event(NamedTuple):
    """Something that the user should know.

    Attributes
    ----------
    step : int
        Steps done by then.
    text : str
        What happened and how it was handled.
    """

    step: int
    text: str


@dataclass
class History:
    """The course of a training.

    Attributes
    ----------
    losses : list of Loss
        About a thousand, however many steps there were.
    scores : list of Score
        On the held-out images.
    events : list of Event
        What the user should know.
    steps : int
        Done so far.
    seconds : float
        Spent on them, without pauses.
    gave_up : bool
        Whether it stopped early, because the loss exploded again and again.
    """

    losses: list[Loss] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    gave_up: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return {
            "losses": [list(loss) for loss in self.losses],
            "scores": [score._asdict() for score in self.scores],
            "events": [list(event) for event in self.events],
            "steps": self.steps,
            "seconds": self.seconds,
            "gave_up": self.gave_up,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "History":
        """Read what `to_json` has written.

        Parameters
        ----------
        values : mapping
            As `to_json` gives them.

        Returns
        -------
        History
        """
        return cls(
            [Loss(*row) for row in values["losses"]],
            [Score(**row) for row in values["scores"]],
            [Event(*row) for row in values["events"]],
            values["steps"],
            values["seconds"],
            values.get("gave_up", False),  # older checkpoints do not know it
        )

    def to_csv(self) -> str:
        """Return a table: step, loss, learning rate, and PSNR where it was scored."""
        factors = list(self.scores[0].psnr) if self.scores else []
        head = ["step", "loss", "learning_rate"]
        head += [
            f"{kind}_{factor}" for kind in ("psnr", "enlarged") for factor in factors
        ]
        rows: dict[int, dict[str, float]] = {}
        for loss in self.losses:
            rows[loss.step] = {"loss": loss.value, "learning_rate": loss.learning_rate}
        for score in self.scores:
            row = rows.setdefault(score.step, {})
            for factor in factors:
                row[f"psnr_{factor}"] = score.psnr[factor]
                row[f"enlarged_{factor}"] = score.enlarged[factor]
        text = io.StringIO()
        table = csv.DictWriter(text, head, lineterminator="\n")
        table.writeheader()
        table.writerows({"step": step, **rows[step]} for step in sorted(rows))
        return text.getvalue()


@dataclass(frozen=True)
class Report:
    """The progress of a training.

    Attributes
    ----------
    step : int
        Steps done.
    steps : int
        In all.
    loss : float
        Mean since the last report, or its value if no loss became known; at first NaN.
    learning_rate : float
        Of the last step.
    seconds : float
        Spent so far.
    remaining : float
        Left, by estimate.
    score : Score, optional
        If the held-out images were just scored.
    event : str, optional
        If there is something that the user should know.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float
    remaining: float
    score: Score | None = None
    event: str | None = None


@dataclass(frozen=True, eq=False)
class TrainedModel(Model):
    """A model together with the history of its training.

    Attributes
    ----------
    history : History
        Up to the steps done so far.
    """

    history: History = field(default_factory=History)


def describe(
    config: TrainingConfig,
    images: TrainingSet,
    history: History,
    start_from: Model | None,
) -> dict[str, str]:
    """Describe how a model was trained, as metadata of its file.

    ``title``, ``description``, ``factors`` and ``source`` are for the model's card;
    ``kernel`` and ``sampling`` are those of the images it is for (no ``sampling`` for
    real pairs, where it is unknown); ``training`` is JSON of settings, scores and
    events.
    """
    srcnn = config.variant.startswith("srcnn")
    title = f"{'SRCNN' if srcnn else f'VDSR, {config.depth} layers'}, trained here"
    begun = "Trained from scratch"
    figures: dict[str, Any] = {
        "config": config.to_json(),
        "images": images.images.images,
        "digest": images.digest,
        "scores": [score._asdict() for score in history.scores[-1:]],
        "events": [list(event) for event in history.events[-_MOST_EVENTS:]],
        "steps": history.steps,
        "seconds": round(history.seconds, 1),
        "gave_up": history.gave_up,
    }
    if start_from is not None:
        title = f"{start_from.title or start_from.name}, fine-tuned"
        begun = f"Fine-tuned from {start_from.name}"
        figures["start_from"] = {"name": start_from.name, "sha256": start_from.sha256}
    told = {
        "title": title,
        "description": _in_words(begun, config, images, history),
        "factors": _factors(config),
        "kernel": config.kernel,
        "source": "trained with napari-vdsr",
        "training": json.dumps(figures),
    }
    if not images.images.paired:
        told["sampling"] = config.main_sampling
    return told


def _factors(config: TrainingConfig) -> str:
    return ", ".join(f"{factor:g}" for factor in config.factors)


def _in_words(
    begun: str, config: TrainingConfig, images: TrainingSet, history: History
) -> str:
    """A few sentences for people; `begun` is the start of the first one."""
    domain = images.domain
    leaning = "" if domain is None else f" and {domain.images} of their domain"
    steps = counted(history.steps, "step")
    parts = [
        f"{begun} in {steps} on {counted(images.images.images, 'image')}{leaning}, "
        f"factors {_factors(config)}."
    ]
    if not images.images.paired:
        noise = "without" if config.noise is None else "with"
        parts.append(f"For images {_TAKEN[config.main_sampling]}, {noise} noise.")
        if len(shares := config.samplings) > 1:
            every = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
            parts.append(f"Patches: {every}.")
    if history.gave_up:
        parts.append(
            f"Stopped early, {config.steps} steps were planned: the loss exploded, and "
            "these are the last good weights."
        )
    if history.scores:
        score = history.scores[-1]
        gains = ", ".join(
            f"{name} {value:.2f} dB ({value - score.enlarged[name]:+.2f} dB)"
            for name, value in score.psnr.items()
        )
        parts.append(
            f"On held-out images (gain over {config.kernel} enlargement): {gains}."
        )
    if images.images.benchmarks:
        parts.append("Its training images include benchmark images.")
    return " ".join(parts)

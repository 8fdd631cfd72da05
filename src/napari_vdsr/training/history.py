"""The history of a training, and the trained model."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from napari_vdsr.training.validate import Score
from napari_vdsr.zoo.model import Model


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

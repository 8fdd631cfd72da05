"""What is known about a model before it is loaded."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

FOR = {
    "scanner": "confocals and other scanners, and whatever is not known",
    "camera": "cameras on microscopes (widefield, spinning disk)",
    "reduced": "clean images that software made smaller",
}
"""What models of each kind of sampling are for, in words."""


class Score(NamedTuple):
    """Quality on a set of images under protocol A, on luminance.

    Attributes
    ----------
    dataset : str
        Name of the set.
    factor : int
        Of the enlargement.
    psnr : float
        Mean over the images, in decibels.
    ssim : float or None
        Mean over the images, if it was measured.
    """

    dataset: str
    factor: int
    psnr: float
    ssim: float | None = None


@dataclass(frozen=True)
class Card:
    """A model as lists show it.

    Attributes
    ----------
    name : str
        The word by which it is asked for.
    title : str
        A few words for people.
    description : str
        What it was trained on and what it is for.
    architecture : str
        "vdsr" or "srcnn"; empty when the file does not say.
    factors : tuple of float
        The factors it was trained for.
    sampling : str
        How the images were made small that it learnt to undo: "scanner", "camera" or
        "reduced".
    licence : str
        Under what terms it may be used.
    source : str
        Where it comes from.
    scores : tuple of Score
        Under protocol A.
    size : int
        Of the file, in bytes.
    sha256 : str
        Of the file; empty for models of the user.
    urls : tuple of str
        Where it is fetched from, in this order.
    origin : {"built-in", "user"}
        Whether it is listed in the package or the user's own.
    path : Path
        Where its file is, or will be once it is fetched.
    here : bool
        Whether it can be used without a network.
    """

    name: str
    title: str
    description: str
    architecture: str
    factors: tuple[float, ...]
    sampling: str
    licence: str
    source: str
    scores: tuple[Score, ...]
    size: int
    sha256: str
    urls: tuple[str, ...]
    origin: Literal["built-in", "user"]
    path: Path
    here: bool

    @property
    def text(self) -> str:
        """The card as a paragraph of plain text, for people."""
        scores = ", ".join(
            f"{score.dataset} x{score.factor} {score.psnr:.2f} dB"
            + (f" / {score.ssim:.4f}" if score.ssim else "")
            for score in self.scores
            if score.dataset == self.scores[0].dataset
        )
        parts = [
            self.description,
            f"For: {FOR[self.sampling]}." if self.sampling in FOR else "",
            f"Factors {', '.join(map(str, self.factors))}." if self.factors else "",
            f"Protocol A: {scores}." if scores else "",
            f"Licence: {self.licence}." if self.licence else "",
            f"Source: {self.source}." if self.source else "",
        ]
        return " ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values, for JSON."""
        plain = asdict(self) | {"path": str(self.path)}
        plain["scores"] = [score._asdict() for score in self.scores]
        return plain


def factors_in(text: str) -> tuple[float, ...]:
    """The factors that metadata name, whole ones as int: ``"2, 3"``, ``"1.5"``."""
    found = [float(number) for number in re.findall(r"\d{1,3}(?:\.\d+)?", text)]
    return tuple(int(factor) if factor.is_integer() else factor for factor in found)

"""The models that the package lists, what is known of each, and where they are kept.

They stand in ``registry.json`` beside this file. A released file is never replaced
under its name: ``vdsr20-1.safetensors`` is followed by ``vdsr20-2.safetensors``, and
the name of the model points to the newest.
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from napari_vdsr.errors import InputError
from napari_vdsr.version import __version__

DEFAULT_MODEL = "vdsr20-scanner"
"""The model whose worst case is best, chosen as docs/believe.md tells."""

_HERE = Path(__file__).parent
_RELEASED = "https://github.com/napari-vdsr/napari-vdsr/raw/v{version}/weights"

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


def registered() -> list[Card]:
    """List the models that the package knows by name, the default first."""
    return [_card(entry) for entry in _entries()]


def registered_as(name: str) -> Card | None:
    """Look up one model of the list."""
    # The card of another model may need a folder that a bare machine cannot tell.
    found = (_card(entry) for entry in _entries() if entry["name"] == name)
    return next(found, None)


def is_registered(sha256: str) -> bool:
    """Whether a file of the list has this content."""
    return any(entry["sha256"] == sha256 for entry in _entries())


@cache
def _entries() -> list[dict[str, Any]]:
    text = (_HERE / "registry.json").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text)["models"]
    return entries


def _card(entry: dict[str, Any]) -> Card:
    embedded = _HERE / "embedded" / entry["file"]
    path = embedded if embedded.is_file() else cache_folder() / entry["file"]
    told = {name: value for name, value in entry.items() if name != "file"}
    made = {
        "factors": tuple(entry["factors"]),
        "sampling": entry.get("sampling", "reduced"),
        "scores": tuple(Score(*score) for score in entry["scores"]),
        "urls": _urls(entry),
    }
    here = _has_size(path, entry["size"])
    return Card(**told | made, origin="built-in", path=path, here=here)


def _urls(entry: dict[str, Any]) -> tuple[str, ...]:
    """Addresses of a file: the user's mirror, then those in the list."""
    released = _RELEASED.format(version=__version__)
    listed = [url.format(released=released) for url in entry["urls"]]
    mirror = os.environ.get("NAPARI_VDSR_WEIGHTS_URL")
    if mirror:
        listed.insert(0, f"{mirror.rstrip('/')}/{entry['file']}")
    return tuple(listed)


def _has_size(path: Path, size: int) -> bool:
    # Whether it is the right file is checked when it is used.
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def cache_folder() -> Path:
    """Folder of the weights that were fetched.

    Returns
    -------
    Path
        The environment variable ``NAPARI_VDSR_CACHE``, otherwise the system's place
        for caches. It need not exist yet.
    """
    chosen = os.environ.get("NAPARI_VDSR_CACHE")
    if chosen:
        return expanded(chosen, "NAPARI_VDSR_CACHE")
    from platformdirs import user_cache_path

    return user_cache_path("napari-vdsr", appauthor=False)


def user_folder() -> Path:
    """Folder of the models that the user imported or trained.

    Returns
    -------
    Path
        The environment variable ``NAPARI_VDSR_MODELS``, otherwise ``models`` in the
        system's place for data. It need not exist yet.
    """
    chosen = os.environ.get("NAPARI_VDSR_MODELS")
    if chosen:
        return expanded(chosen, "NAPARI_VDSR_MODELS")
    from platformdirs import user_data_path

    return user_data_path("napari-vdsr", appauthor=False) / "models"


def expanded(path: str | Path, what: str = "the path") -> Path:
    """A path with ``~`` and ``~user`` replaced by the folders that they stand for."""
    try:
        return Path(path).expanduser()
    except TypeError as error:
        raise InputError(
            f"{what} is {path!r}: it must be a text or a pathlib.Path"
        ) from error
    except RuntimeError as error:
        raise InputError(
            f"{what} is {str(path)!r}: there is no such user; write the folder in full"
        ) from error

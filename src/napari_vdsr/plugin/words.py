"""Lines that panels show: outlooks, numbers for people, names, models, scripts."""

from collections.abc import Container
from dataclasses import dataclass, replace
from html import escape
from textwrap import fill

from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.settings import WAIT, FieldError
from napari_vdsr.zoo import Card

_NEAR = 0.1  # results have whole pixels, so that the factor is near what was asked for
_WIDTH = 70  # characters in a line of a tooltip
_ROOM = 24  # letters that a box has in the narrowest panel
_FOR = {"scanner": "confocal", "camera": "camera", "reduced": "reduced images"}


@dataclass(frozen=True)
class Outlook:
    """What stands above a button: what it would do, or why it cannot."""

    text: str
    level: str = "info"  # or "warning", "error" or "waiting"
    field: str = ""  # the field that is wrong, if any
    details: str = ""  # for the tooltip

    @classmethod
    def of_error(cls, error: FieldError) -> "Outlook":
        """Say which field is wrong and why, or what is waited for."""
        level = "waiting" if str(error) == WAIT else "error"
        return cls(str(error), level, error.field)

    @property
    def possible(self) -> bool:
        """Whether the button can be pressed."""
        return self.level in ("info", "warning")

    def below(self, news: "Outlook") -> "Outlook":
        """Put the news of the last run above this outlook, without repeated lines."""
        return replace(
            self,
            text=_joined(news.text, self.text),
            level=news.level if self.level == "info" else self.level,
            details=_joined(news.details, self.details),
        )


def _joined(*texts: str) -> str:
    """The lines of all texts, each once."""
    return "\n".join(dict.fromkeys("\n".join(texts).strip().splitlines()))


def format_bytes(size: float) -> str:
    """A number of bytes for people: 8_400_000 is "8.4 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return (
        f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
    )


def format_duration(seconds: float) -> str:
    """A duration for people: 90 is "1 min 30 s"."""
    whole = round(seconds)
    if whole < 1:
        return "1 s" if seconds >= 0.5 else "under 1 s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")


def words_of(tick: Tick) -> str:
    """How far a run has come: "Upscaling · 25 % · 30 s left"."""
    if tick.remaining is None:
        return f"{tick.phase} …"
    left = format_duration(tick.remaining)
    return f"{tick.phase} · {tick.fraction:.0%} · {left} left".replace("%", " %")


def plain_name(name: str) -> str:
    """A layer's name in one line, without what would control a terminal."""
    return "".join(c if c.isprintable() else " " for c in name).strip()


def call_in_words(name: str, arguments: list[str], brackets: str = "()") -> str:
    """A call in a script, one argument a line where they need more than 60 letters."""
    text = ", ".join(arguments)
    if len(text) > 60:
        text = "\n    " + ",\n    ".join(arguments) + ",\n"
    return f"{name}{brackets[0]}{text}{brackets[1]}"


def free_text(text: str, taken: Container[str]) -> str:
    """A text that is not taken: with a number, such as "cells (2)", where it is."""
    free, number = text, 1
    while free in taken:
        number += 1
        free = f"{text} ({number})"
    return free


def shorten_name(name: str, length: int = 13) -> str:
    """The beginning of a long name, so that it fits a box of `length` characters."""
    name = plain_name(name)
    return name if len(name) <= length else f"{name[: length - 1].rstrip()}…"


def label_of(card: Card) -> str:
    """Name of a model and what it is for, or what is to be fetched before."""
    # What counts comes first, because the box may be too narrow for the full text.
    if not card.here:
        return f"needs {card.size / 1e6:.1f} MB – {card.title}"
    use = _FOR.get(card.sampling)
    if use is None:
        # The title of a model from the training panel begins with its name.
        return f"{card.name} – {card.title.removeprefix(f'{card.name}: ')}"
    label = f"{card.name}: {use}"
    return label if len(label) <= _ROOM else f"{card.name}: {use.split()[0]}"


def tooltip_of(card: Card) -> str:
    """What is known about a model, in lines that fit a tooltip.

    Descriptions come from files of others: whatever looks like HTML is escaped.
    """
    lines = fill(card.text, _WIDTH).splitlines()
    return f"<qt>{'<br>'.join(map(escape, lines))}</qt>"


def made_for_others(card: Card | None, factor: float) -> str:
    """The factors that a model is made for when this is none of them, else empty.

    SRCNN is trained for one factor, unlike VDSR.
    """
    if card is None or card.architecture != "srcnn":
        return ""
    if any(abs(factor - each) < _NEAR for each in card.factors):
        return ""
    return " and ".join(f"×{each:g}" for each in card.factors)

"""What lists and messages say of the models to choose from."""

from html import escape
from textwrap import fill

from napari_vdsr.zoo import Card

_NEAR = 0.1  # results have whole pixels, so that the factor is near what was asked for
_WIDTH = 70  # characters in a line of a tooltip
# Short, as the narrowest panel has room for some 24 letters.
_FOR = {"scanner": "confocal", "camera": "camera", "reduced": "reduced images"}


def label_of(card: Card) -> str:
    """Name of a model and what it is for, or what is to be fetched before."""
    # What counts comes first, because the box may be too narrow for the full text.
    if card.here:
        # The title of a model from the training panel begins with its name.
        title = card.title.removeprefix(f"{card.name}: ")
        use = _FOR.get(card.sampling)
        return f"{card.name}: {use}" if use else f"{card.name} – {title}"
    return f"needs {card.size / 1e6:.1f} MB – {card.title}"


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

"""The models to choose from, in the words of the panel."""

from textwrap import fill

from napari_vdsr.zoo import Card, models

_WIDTH = 70


def label_of(card: Card) -> str:
    """Title of a model and whether it is here.

    Parameters
    ----------
    card : Card
        Of the model.

    Returns
    -------
    str
    """
    if card.here:
        return f"{card.title} – here"
    # First, because the box may be too narrow for all of it.
    return f"needs {card.size / 1e6:.1f} MB – {card.title}"


def tooltip_of(card: Card) -> str:
    """What is known about a model, in lines that fit a tooltip.

    Parameters
    ----------
    card : Card
        Of the model.

    Returns
    -------
    str
    """
    return fill(card.text, _WIDTH)


def find_card(name: str) -> Card | None:
    """Look up a model.

    Parameters
    ----------
    name : str
        By which it is loaded.

    Returns
    -------
    Card or None
        None when there is no such model any more.
    """
    return next((card for card in models() if card.name == name), None)

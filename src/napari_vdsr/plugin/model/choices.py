"""Labels and tooltips of the models to choose from."""

from textwrap import fill

from napari_vdsr.zoo import Card, models

_WIDTH = 70


def label_of(card: Card) -> str:
    """Name and title of a model, or what is to be fetched before it can be used."""
    # What counts comes first, because the box may be too narrow for the full text.
    if card.here:
        # The title of a model from the training panel begins with its name.
        return f"{card.name} – {card.title.removeprefix(f'{card.name}: ')}"
    return f"needs {card.size / 1e6:.1f} MB – {card.title}"


def tooltip_of(card: Card) -> str:
    """What is known about a model, in lines that fit a tooltip."""
    return fill(card.text, _WIDTH)


def find_card(name: str) -> Card | None:
    """Look up a model by name; None when it does not exist any more."""
    return next((card for card in models() if card.name == name), None)

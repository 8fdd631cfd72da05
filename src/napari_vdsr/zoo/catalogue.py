"""All models by name: those of the package and those of the user."""

from difflib import get_close_matches

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.card import Card
from napari_vdsr.zoo.registry import registered, registered_as
from napari_vdsr.zoo.user import user_cards


def models() -> list[Card]:
    """List the models that can be asked for by name.

    Returns
    -------
    list of Card
        Those of the package, the default first, then the user's own. Nothing is
        fetched or loaded.

    Examples
    --------
    >>> models()[0].name
    'vdsr20-scanner'
    """
    return [*registered(), *user_cards()]


def find(name: str) -> Card:
    """Look up a model; where there is none, the error lists those that there are."""
    card = registered_as(name)
    if card is not None:
        return card
    cards = {card.name: card for card in models()}
    if name in cards:
        return cards[name]
    close = get_close_matches(name, cards, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ModelError(f"there is no model {name!r}.{hint} There are: {', '.join(cards)}")

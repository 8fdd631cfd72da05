"""The shape of a network, from its model's file."""

from dataclasses import dataclass

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo import Card
from napari_vdsr.zoo.formats.native import read_metadata


@dataclass(frozen=True)
class Facts:
    """Shape of a network."""

    depth: int = 20  # layers
    features: int = 64  # filters of a hidden layer
    channels: int = 1  # of the images that it takes


def facts_of(card: Card) -> Facts:
    """Read the shape of a network without loading it.

    For what is not known, as before a model is fetched, the values of `vdsr20` are
    given.
    """
    usual = Facts()
    if not card.here:
        return usual
    try:
        told = read_metadata(card.path)
        return Facts(
            int(told.get("depth", usual.depth)),
            int(told.get("features", usual.features)),
            int(told.get("channels", usual.channels)),
        )
    except (ModelError, ValueError):
        return usual

"""What a model's file says that matters before it is fine-tuned."""

from dataclasses import dataclass

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo import Card
from napari_vdsr.zoo.formats.native import read_metadata


@dataclass(frozen=True)
class Facts:
    """Shape of a network.

    Attributes
    ----------
    depth, features, channels : int
        Layers, filters of a hidden layer, and channels of the images that it takes.
    """

    depth: int = 20
    features: int = 64
    channels: int = 1


def facts_of(card: Card) -> Facts:
    """Read the shape of a model's network without loading it.

    Parameters
    ----------
    card : Card
        Of the model.

    Returns
    -------
    Facts
        Those of `vdsr20` for what is not known: models that have to be fetched yet.
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

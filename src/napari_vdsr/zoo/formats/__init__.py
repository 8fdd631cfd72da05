"""Files of weights: what is in them, without ever running anything from them."""

from napari_vdsr.zoo.formats.reading import read_weights

__all__ = ["read_weights"]

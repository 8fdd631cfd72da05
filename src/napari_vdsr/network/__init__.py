"""The networks, as torch modules whose shape is read from their weights."""

from napari_vdsr.network.build import network_from_state
from napari_vdsr.network.stack import SRCNN, VDSR, ConvStack

__all__ = ["SRCNN", "VDSR", "ConvStack", "network_from_state"]

"""Models: which there are, where they are, what is in their files.

Nothing here imports torch before a model is loaded, and nothing that is loaded can
run code.
"""

from napari_vdsr.models.load import load_model
from napari_vdsr.models.model import Model

__all__ = ["Model", "load_model"]

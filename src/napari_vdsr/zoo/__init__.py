"""The model zoo: which models there are, where they are, what is in their files.

Nothing here imports torch before a model is loaded, nothing is fetched before it is
used, and nothing that is loaded can run code.
"""

from napari_vdsr.zoo.model import Model, fetch, load_model, models
from napari_vdsr.zoo.porting import export_model, import_model
from napari_vdsr.zoo.registry import (
    DEFAULT_MODEL,
    Card,
    Score,
    cache_folder,
    user_folder,
)
from napari_vdsr.zoo.user import remove_model, rename_model

__all__ = [
    "DEFAULT_MODEL",
    "Card",
    "Model",
    "Score",
    "cache_folder",
    "export_model",
    "fetch",
    "import_model",
    "load_model",
    "models",
    "remove_model",
    "rename_model",
    "user_folder",
]

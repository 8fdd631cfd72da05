"""Models: which there are, where they are, what is in their files.

Nothing here imports torch before a model is loaded, nothing is fetched before it is
used, and nothing that is loaded can run code.
"""

import sys
from types import ModuleType

from napari_vdsr.models.card import Card, Score
from napari_vdsr.models.catalogue import models
from napari_vdsr.models.fetching import fetch
from napari_vdsr.models.folders import cache_folder, user_folder
from napari_vdsr.models.loading import load_model
from napari_vdsr.models.model import Model
from napari_vdsr.models.porting import export_model, import_model
from napari_vdsr.models.user import remove_model, rename_model

__all__ = [
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


class _CallableModule(ModuleType):
    """Lets ``napari_vdsr.models()`` list the models.

    The public function and this package share a name, and importing the package puts
    it in the function's place.
    """

    def __call__(self) -> list[Card]:
        return models()


sys.modules[__name__].__class__ = _CallableModule

"""The models as panels list them, found out in the background."""

from collections.abc import Callable
from weakref import WeakSet

from qtpy.QtCore import QObject

from napari_vdsr.plugin.background import Finder
from napari_vdsr.plugin.settings import apply_cache_folder
from napari_vdsr.zoo import Card, models

_lists: "WeakSet[ModelList]" = WeakSet()


class ModelList(Finder[list[Card]]):
    """The models there are; calls back when they are known or have changed.

    Looking for them reads preferences and the headers of files: a thread does it.
    """

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        super().__init__(parent, callback)
        self.cards: list[Card] = []
        self.known = False  # whether it has looked
        self._again = False
        _lists.add(self)
        self.look()

    def look(self) -> None:
        """Look for models, in the background."""
        self._again = self.busy
        if not self.busy:
            self.start(_models)

    def find(self, name: str) -> Card | None:
        """Look up a model by name; None when there is none, or it is not known yet."""
        return next((card for card in self.cards if card.name == name), None)

    def take(self, found: list[Card]) -> bool:
        """Keep the models, and look again if that was wished meanwhile."""
        if self._again:
            self.look()
        news = found != self.cards or not self.known
        self.cards, self.known = found, True
        return news


def _models() -> list[Card]:
    """The models in the folders that napari's preferences name, too."""
    apply_cache_folder()
    return models()


def announce_change() -> None:
    """Say that models have been added, renamed or removed."""
    for each in list(_lists):
        each.look()

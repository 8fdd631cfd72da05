"""The models as panels list them, found out in the background."""

from collections.abc import Callable
from weakref import WeakSet

from qtpy.QtCore import QObject

from napari_vdsr.plugin.background import Background
from napari_vdsr.plugin.settings import apply_cache_folder
from napari_vdsr.zoo import Card, models

_lists: "WeakSet[ModelList]" = WeakSet()


class ModelList:
    """The models there are; `callback` is called when they are known or have changed.

    Looking for them reads preferences and the headers of files: a thread does it.
    """

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        self.cards: list[Card] = []
        self.known = False  # whether it has looked
        self._callback = callback
        self._again = False
        self._background: Background[list[Card]] = Background(parent, self._take)
        _lists.add(self)
        self.look()

    @property
    def busy(self) -> bool:
        """Whether it is looking."""
        return self._background.busy

    def look(self) -> None:
        """Look for models, in the background."""
        self._again = self.busy
        if not self.busy:
            self._background.start(_models)

    def find(self, name: str) -> Card | None:
        """Look up a model by name; None when there is none, or it is not known yet."""
        return next((card for card in self.cards if card.name == name), None)

    def stop(self) -> None:
        """Call back no more."""
        self._background.stop()
        _lists.discard(self)

    def _take(self, found: list[Card] | Exception) -> None:
        if self._again:
            self.look()
        if isinstance(found, Exception):
            raise found  # napari shows it
        news = found != self.cards or not self.known
        self.cards, self.known = found, True
        if news:
            self._callback()


def _models() -> list[Card]:
    """The models in the folders that napari's preferences name, too."""
    apply_cache_folder()
    return models()


def announce_change() -> None:
    """Say that models have been added, renamed or removed."""
    for each in list(_lists):
        each.look()

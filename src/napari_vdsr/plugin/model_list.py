"""Tells every open panel that the list of models has changed."""

from typing import Any, Protocol
from weakref import WeakSet

from napari_vdsr.plugin import models


class _Panel(Protocol):
    def reset_choices(self, *_: Any) -> None:
        """Update the lists of layers and models."""


_panels: WeakSet[_Panel] = WeakSet()


def follow(panel: _Panel) -> None:
    """Tell a panel of new models from now on."""
    _panels.add(panel)


def forget(panel: _Panel) -> None:
    """Stop telling a panel, if it was told, because it closes."""
    _panels.discard(panel)


def announce_change() -> None:
    """Say that models have been added, renamed or removed."""
    for panel in list(_panels):
        panel.reset_choices()
    models.announce_change()

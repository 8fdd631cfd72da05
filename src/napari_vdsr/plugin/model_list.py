"""Telling every open panel that the list of models has changed."""

from typing import Any, Protocol
from weakref import WeakSet


class _Panel(Protocol):
    def reset_choices(self, *_: Any) -> None:
        """Take note of the layers and models that there are now."""


_panels: WeakSet[_Panel] = WeakSet()


def follow(panel: _Panel) -> None:
    """Let a panel know of new models from now on.

    Parameters
    ----------
    panel : object
        Whose ``reset_choices`` is called.
    """
    _panels.add(panel)


def forget(panel: _Panel) -> None:
    """Let a panel know no more; it is being closed.

    Parameters
    ----------
    panel : object
        That may follow or not.
    """
    _panels.discard(panel)


def announce_change() -> None:
    """Say that models have been added, renamed or removed."""
    for panel in list(_panels):
        panel.reset_choices()

"""Notices that a panel is being closed."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class ClosingWatcher(QObject):
    """Calls back once when a widget is taken out of its window or destroyed.

    napari takes a panel out of its dock when the dock is closed, and destroys the panel
    with the window; neither sends a close event to the panel.
    """

    def __init__(self, widget: QWidget, callback: Callable[[], None]) -> None:
        super().__init__(widget)
        self._callback: Callable[[], None] | None = callback
        self._docked = widget.parent() is not None
        widget.installEventFilter(self)
        widget.destroyed.connect(self._report)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Notice when the widget moves to another parent, or to none."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if watched is not None and watched.parent() is not None:
                self._docked = True
            elif self._docked:
                self._report()
        return False

    def _report(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

"""A viewer whose layers nobody draws, with a window for panels."""

from typing import Any

from napari.components import ViewerModel
from napari.utils.task_status import TaskStatusManager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


class LightViewer(ViewerModel):
    """All that panels need of a viewer; drawing a layer takes a tenth of a second."""

    _window: Any = None

    def __init__(self) -> None:
        super().__init__()
        self._window = PlainWindow()

    @property
    def window(self) -> "PlainWindow":
        """What panels are docked in."""
        return self._window  # type: ignore[no-any-return]


class PlainWindow(QMainWindow):
    """Docks panels, and lets go of them, as napari does."""

    def __init__(self) -> None:
        super().__init__()
        tasks = TaskStatusManager()
        self._register_task_status = tasks.register_task_status
        self._update_task_status = tasks.update_task_status

    def add_dock_widget(self, widget: QWidget, *, name: str) -> QDockWidget:
        dock = QDockWidget(name, self)
        dock.setWidget(widget)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        return dock

    def remove_dock_widget(self, widget: QWidget | str) -> None:
        """Remove the dock that is this or holds this; "all" removes each."""
        for dock in self.findChildren(QDockWidget):
            inner = dock.widget()
            if widget not in ("all", dock, inner):
                continue
            if inner is not None:
                inner.setParent(None)
            self.removeDockWidget(dock)
            dock.deleteLater()

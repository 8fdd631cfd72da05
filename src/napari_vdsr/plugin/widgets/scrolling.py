"""Panels that can be higher than the window."""

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


def scrolled(widget: QWidget) -> QScrollArea:
    """Put a widget where it can be higher than the window, but never wider."""
    area = _Scrolled()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def let_scroll(panel: QWidget) -> None:
    """Make all widgets in a panel's layout scroll.

    magicgui's scroll area is lost in napari's dock, which takes only the inner widget.
    """
    layout = panel.layout()
    assert layout is not None
    inner = QWidget()
    column = QVBoxLayout(inner)
    while (item := layout.itemAt(0)) is not None:
        widget = item.widget()
        # Remove it before adding it: Qt updates sizes for one layout only.
        layout.removeWidget(widget)
        column.addWidget(widget)
    column.addStretch(1)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(scrolled(inner))


class _Scrolled(QScrollArea):
    """A scroll area that cannot be narrower than its contents."""

    def minimumSizeHint(self) -> QSize:
        """The width of the widget and of the scroll bar beside it."""
        hint, widget, bar = (
            super().minimumSizeHint(),
            self.widget(),
            self.verticalScrollBar(),
        )
        if widget is not None and bar is not None:
            needed = widget.minimumSizeHint().width() + bar.sizeHint().width()
            hint.setWidth(needed)
        return hint

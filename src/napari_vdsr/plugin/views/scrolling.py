"""Panels that can be higher than the window."""

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


def scrolled(widget: QWidget) -> QScrollArea:
    """Put a widget where it can be higher than the window, but never wider.

    Parameters
    ----------
    widget : QWidget
        What is to be scrolled.

    Returns
    -------
    QScrollArea
    """
    area = _Scrolled()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def let_scroll(panel: QWidget) -> None:
    """Let all that is in a panel be scrolled.

    magicgui's own way does not outlive napari's dock, which takes the inner widget.

    Parameters
    ----------
    panel : QWidget
        With a layout of widgets.
    """
    layout = panel.layout()
    assert layout is not None
    inner = QWidget()
    column = QVBoxLayout(inner)
    while (item := layout.itemAt(0)) is not None:
        widget = item.widget()
        # Before it is added again: Qt keeps sizes up to date for one layout only.
        layout.removeWidget(widget)
        column.addWidget(widget)
    column.addStretch(1)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(scrolled(inner))


class _Scrolled(QScrollArea):
    """A scroll area that cannot be made narrower than what is in it."""

    def minimumSizeHint(self) -> QSize:
        """Room for the widget and for the scroll bar beside it."""
        hint, widget, bar = (
            super().minimumSizeHint(),
            self.widget(),
            self.verticalScrollBar(),
        )
        if widget is not None and bar is not None:
            needed = widget.minimumSizeHint().width() + bar.sizeHint().width()
            hint.setWidth(needed)
        return hint

"""Panels that can be higher than the window."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["scrolled"]


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
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area

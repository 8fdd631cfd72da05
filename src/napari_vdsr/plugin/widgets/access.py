"""What the Tab key, Enter, the wheel and double clicks do in a panel."""

from collections.abc import Iterator
from itertools import pairwise

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QLayout,
    QLayoutItem,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QTabWidget,
    QWidget,
)

_BY_TAB = Qt.FocusPolicy.TabFocus
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


def make_accessible(parent: QWidget) -> None:
    """Let the Tab key go from top to bottom, and leave the wheel to scrolling.

    A double click on a button is one: the second would stop what the first began.
    """
    fields = [each for each in _in_order(parent) if each.focusPolicy() & _BY_TAB]
    for field, following in pairwise(fields):
        QWidget.setTabOrder(field, following)
    guard = _Guard(parent)
    wheeled = (QComboBox, QAbstractSpinBox, QAbstractSlider)
    for widget in parent.findChildren(QWidget):
        if isinstance(widget, wheeled) and not isinstance(widget, QScrollBar):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(guard)
        elif isinstance(widget, QPushButton):
            widget.installEventFilter(guard)


class _Guard(QObject):
    """Leaves the wheel to the panel unless a field has the focus.

    Of a double click on a button it takes the second press away, and Enter presses
    the button that has the focus, as the space bar does.
    """

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Whether a widget shall not get an event."""
        if event is None or not isinstance(watched, QWidget):
            return False
        if isinstance(watched, QPushButton):
            if isinstance(event, QKeyEvent) and event.key() in _ENTER:
                if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
                    watched.click()
                return True
            return event.type() == QEvent.Type.MouseButtonDblClick
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()  # so that whatever scrolls gets it
        return True


def _in_order(widget: QWidget) -> Iterator[QWidget]:
    """All widgets in another one in the order of its layout."""
    layout, parts = widget.layout(), list[QWidget | None]()
    if isinstance(widget, QTabWidget):
        pages = [widget.widget(index) for index in range(widget.count())]
        parts = [widget.tabBar(), *pages]
    elif isinstance(widget, QScrollArea):
        parts = [widget.widget()]
    elif layout is not None:
        parts = list(_laid_out(layout))
    else:
        yield widget
    for part in parts:
        if part is not None:
            yield from _in_order(part)


def _laid_out(layout: QLayout) -> Iterator[QWidget | None]:
    """The widgets in a layout and in those within it."""
    for item in _items_of(layout):
        within = None if item is None else item.layout()
        if within is not None:
            yield from _laid_out(within)
        elif item is not None:
            yield item.widget()


def _items_of(layout: QLayout) -> list[QLayoutItem | None]:
    """The items of a layout in their order; a form lists rows as they were added."""
    if not isinstance(layout, QFormLayout):
        return [layout.itemAt(index) for index in range(layout.count())]
    roles = QFormLayout.ItemRole.FieldRole, QFormLayout.ItemRole.SpanningRole
    rows = range(layout.rowCount())
    return [layout.itemAt(row, role) for row in rows for role in roles]

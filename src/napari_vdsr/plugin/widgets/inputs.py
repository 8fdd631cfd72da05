"""Fields of forms: how they are made, and what the wheel and the Tab key do in them."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    LineEdit,
    PushButton,
    Widget,
)
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLayout,
    QLayoutItem,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QTabWidget,
    QToolButton,
    QWidget,
)

from napari_vdsr.plugin.settings import Shown
from napari_vdsr.plugin.widgets.elements import set_style
from napari_vdsr.plugin.words import free_text

_BUTTON_WIDTH = 34  # pixels
_BY_TAB = Qt.FocusPolicy.TabFocus
_DIGITS = 6  # significant ones that are shown
_TYPED = set("0123456789.,eE+-")

Choices = Mapping[str, Any] | Iterable[tuple[str, Any]]


def make_field(shown: Shown, default: Any) -> Any:
    """The widget for a field with this default."""
    if shown.fold:
        return _fold(shown.label)
    if isinstance(default, bool):
        return CheckBox(text=shown.label, tooltip=shown.tooltip)
    if isinstance(default, int | float):
        whole = isinstance(default, int)
        box = NumberBox(shown.least, shown.most, whole=whole, blank=shown.blank)
        kind = int if whole else float
        field = Plain(box, lambda: kind(box.value()), box.setValue)
        box.valueChanged.connect(lambda value: field.changed.emit(kind(value)))
        field.tooltip = shown.tooltip
        return field
    if shown.choices is not None:
        return combo_box(shown.choices, shown.tooltip)
    if shown.folder:
        return FolderField(shown.label, shown.tooltip)
    line = LineEdit(tooltip=shown.tooltip)
    line.native.setPlaceholderText(shown.blank)
    return line


def combo_box(choices: Choices = (), tooltip: str = "") -> ComboBox:
    """Make a field with choices, from text to value, that does not widen the panel."""
    box = ComboBox(choices=_pairs(choices), tooltip=tooltip)
    native: Any = box.native
    native.setMinimumContentsLength(6)
    native.setSizeAdjustPolicy(
        native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    return box


def offer(box: ComboBox, choices: Choices, keep: bool = False) -> None:
    """Replace a box's choices, from text to value, and keep its value if possible.

    With `keep` the value stays in any case: the user has to choose another.
    """
    items, before = _pairs(choices), box.value
    offered = any(value is before or value == before for _, value in items)
    if keep and before is not None and not offered:
        items.append((str(before), before))
    if items == _items(box):
        return
    with box.changed.blocked():
        box.choices = []  # or magicgui keeps the order of those that stay
        box.choices = items
        # The list may be wider than the box, so that long names can be read there.
        view = box.native.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 16)
        if offered or (keep and before is not None):
            box.value = before
    if box.value is not before and box.value != before:
        box.changed.emit(box.value)


def set_value(field: Any, value: Any) -> None:
    """Set a field without its signal; a choice that is not offered is added."""
    with field.changed.blocked():
        if isinstance(field, ComboBox) and value not in field.choices:
            # So whoever checks the settings can say what is wrong.
            field.choices = [*_items(field), (value, value)]
        field.value = value


def frame(native: Any, colour: str) -> None:
    """Draw a frame around a widget; an empty colour removes it."""
    kind = type(native).__name__
    style = f"{kind} {{ border: 1px solid {colour}; }}" if colour else ""
    set_style(native, style)


class NumberBox(QDoubleSpinBox):
    """Takes a comma or a point as decimal mark, and shows that of the locale.

    There are no separators of thousands. With `blank`, the box may be empty: its value
    is then the least one, and `blank` is shown in grey.
    """

    def __init__(
        self, least: float, most: float, *, whole: bool = False, blank: str = ""
    ) -> None:
        super().__init__()
        self._whole, self._optional = whole, bool(blank)
        self._usual = least
        self.setDecimals(0 if whole else 9)
        self.setRange(least, most)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.setMinimumWidth(4 * self.fontMetrics().averageCharWidth() + 24)
        self.suggest(blank)

    def suggest(self, text: str, usual: float | None = None) -> None:
        """Show this while the box is empty; the arrows begin at the usual value."""
        line = self.lineEdit()
        assert line is not None
        line.setPlaceholderText(text)
        if usual is not None:
            self._usual = usual

    def stepBy(self, steps: int) -> None:
        """Go up or down; an empty box begins at the usual value."""
        if self._optional and self.value() == self.minimum():
            self.setValue(self._usual)
        else:
            super().stepBy(steps)

    def textFromValue(self, value: float) -> str:
        """The number with as many digits as it needs."""
        if self._optional and value == self.minimum():
            return ""
        if self._whole:
            return f"{value:.0f}"
        return f"{value:.{_DIGITS}g}".replace(".", self.locale().decimalPoint())

    def valueFromText(self, text: str | None) -> float:
        """The number that was typed, or the least one."""
        value = self._read(text or "")
        return self.minimum() if value is None else value

    def validate(
        self, text: str | None, position: int
    ) -> tuple[QValidator.State, str, int]:
        """Whether this is a number within the range, or may become one."""
        typed = text or ""
        value = self._read(typed)
        fits = value is not None and self.minimum() <= value <= self.maximum()
        state = QValidator.State.Invalid
        if fits or (self._optional and not typed):
            state = QValidator.State.Acceptable
        elif set(typed.strip()) <= _TYPED:
            state = QValidator.State.Intermediate
        return state, typed, position

    def _read(self, text: str) -> float | None:
        try:
            value = float(text.strip().replace(",", "."))
        except ValueError:
            return None
        if not math.isfinite(value) or (self._whole and value != int(value)):
            return None
        return value


class FolderField(Container[Widget]):
    """A line to type a folder in, and a button to choose one."""

    def __init__(self, label: str, tooltip: str) -> None:
        self.line = LineEdit(tooltip=tooltip)
        self.button = PushButton(text="…", tooltip="Choose a folder.")
        self.line.native.setAccessibleName(label)
        self.button.native.setAccessibleName("Choose a folder")
        self.button.native.setFixedWidth(_BUTTON_WIDTH)
        super().__init__(
            widgets=[self.line, self.button], layout="horizontal", labels=False
        )
        self.margins = (0, 0, 0, 0)
        self.button.changed.connect(self._choose)

    @property
    def value(self) -> str:
        """The folder as typed."""
        return str(self.line.value)

    @value.setter
    def value(self, folder: str) -> None:
        self.line.value = folder

    def _choose(self) -> None:
        start = self.value or str(Path.home())
        folder = QFileDialog.getExistingDirectory(self.native, "Images", start)
        if folder:
            self.value = folder


class Plain:
    """A widget of Qt with what a form needs of a widget of magicgui."""

    changed = Signal(object)

    def __init__(
        self, native: Any, read: Callable[[], Any], write: Callable[[Any], None]
    ) -> None:
        self.native, self._read, self._write = native, read, write

    @property
    def value(self) -> Any:
        """The value of the widget."""
        return self._read()

    @value.setter
    def value(self, value: Any) -> None:
        self._write(value)

    @property
    def tooltip(self) -> str:
        """The tooltip of the widget."""
        return str(self.native.toolTip())

    @tooltip.setter
    def tooltip(self, text: str) -> None:
        self.native.setToolTip(text)


def _fold(label: str) -> Plain:
    """An arrow with a label that opens and closes what follows."""
    button = QToolButton()
    button.setText(label)
    button.setCheckable(True)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setArrowType(Qt.ArrowType.RightArrow)

    def turned(opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        button.setArrowType(arrow)
        field.changed.emit(opened)

    field = Plain(button, button.isChecked, button.setChecked)
    button.toggled.connect(turned)
    return field


def _pairs(choices: Choices) -> list[tuple[str, Any]]:
    """Texts and values; a text that is there already gets a number."""
    pairs = choices.items() if isinstance(choices, Mapping) else choices
    made: dict[str, Any] = {}
    for text, value in pairs:
        made[free_text(text, made)] = value
    return list(made.items())


def _items(box: ComboBox) -> list[tuple[str, Any]]:
    native: Any = box.native
    texts = [native.itemText(index) for index in range(native.count())]
    return list(zip(texts, box.choices, strict=True))


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

    Of a double click on a button it takes the second press away.
    """

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Whether a widget shall not get an event."""
        if event is None or not isinstance(watched, QWidget):
            return False
        if isinstance(watched, QPushButton):
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

"""Fields of forms."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, LineEdit
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QFileDialog,
    QPushButton,
    QToolButton,
    QWidget,
)

from napari_vdsr.plugin.settings import Shown
from napari_vdsr.plugin.widgets.elements import set_style, side_by_side
from napari_vdsr.plugin.words import free_text, plain_name

_BUTTON_WIDTH = 34  # pixels
_DIGITS = 6  # significant ones that are shown
_TYPED = set("0123456789.,eE+-")

Choices = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Field:
    """A field that magicgui lacks: a widget of Qt with a value.

    `read` gives the value, and `write` sets it; ``changed`` is emitted with another
    one. `line` is the part that has the focus, the name and the frame.
    """

    changed = Signal(object)

    def __init__(
        self,
        native: QWidget,
        read: Callable[[], Any],
        write: Callable[[Any], object],
        line: QWidget | None = None,
    ) -> None:
        self.native, self._read, self._write = native, read, write
        self.line = line or native

    @property
    def value(self) -> Any:
        """The value of the widget."""
        return self._read()

    @value.setter
    def value(self, value: Any) -> None:
        self._write(value)


def make_field(shown: Shown, default: Any) -> Any:
    """The widget for a field with this default: one of magicgui, or a Field."""
    if shown.fold:
        return _fold(shown.label)
    if isinstance(default, bool):
        return CheckBox(text=shown.label, tooltip=shown.tooltip)
    if isinstance(default, int | float):
        return _number_field(shown, type(default))
    if shown.choices is not None:
        return Choice(shown.choices, shown.tooltip)
    line = LineEdit(tooltip=shown.tooltip)
    line.native.setPlaceholderText(shown.blank)
    return _folder_field(line) if shown.folder else line


def line_of(field: Any) -> Any:
    """The widget of Qt that has the focus, the name and the frame of a field."""
    return getattr(field, "line", field.native)


def _number_field(shown: Shown, kind: type) -> Field:
    box = NumberBox(shown.least, shown.most, whole=kind is int, blank=shown.blank)
    box.setToolTip(shown.tooltip)
    field = Field(box, lambda: kind(box.value()), box.setValue)
    box.valueChanged.connect(lambda value: field.changed.emit(kind(value)))
    return field


def _folder_field(line: LineEdit) -> Field:
    """A line to type a folder in, and a button to choose one."""
    button = QPushButton("…")
    button.setToolTip("Choose a folder.")
    button.setAccessibleName("Choose a folder")
    button.setFixedWidth(_BUTTON_WIDTH)
    row = side_by_side(line.native, button)

    def write(folder: str) -> None:
        line.value = folder

    def choose() -> None:
        start = line.value or str(Path.home())
        write(QFileDialog.getExistingDirectory(row, "Images", start) or line.value)

    field = Field(row, lambda: line.value, write, line.native)
    line.changed.connect(field.changed.emit)
    button.clicked.connect(choose)
    return field


def _fold(label: str) -> Field:
    """An arrow with a label that opens and closes what follows."""
    button = QToolButton()
    button.setText(label)
    button.setCheckable(True)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setArrowType(Qt.ArrowType.RightArrow)
    field = Field(button, button.isChecked, button.setChecked)

    def turned(opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        button.setArrowType(arrow)
        field.changed.emit(opened)

    button.toggled.connect(turned)
    return field


class Choice(ComboBox):
    """A box with choices, each a text that stands for a value.

    It does not widen the panel; its list may be wider, to show long names.
    """

    def __init__(self, choices: Choices = (), tooltip: str = "") -> None:
        super().__init__(tooltip=tooltip)
        native: Any = self.native
        native.setMinimumContentsLength(6)
        native.setSizeAdjustPolicy(
            native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.offer(choices)

    @property
    def value(self) -> Any:
        """The value of the chosen text."""
        return super().value

    @value.setter
    def value(self, value: Any) -> None:
        """Choose a value; one that is not offered is added.

        So whoever checks the settings can say what is wrong.
        """
        if value not in self.choices:
            with self.changed.blocked():
                self.offer([*self._items(), (str(value), value)])
        ComboBox.value.fset(self, value)  # type: ignore[attr-defined]

    def offer(self, choices: Choices, keep: bool = False) -> None:
        """Replace the choices, and keep the value if possible.

        With `keep` the value stays in any case: the user has to choose another.
        """
        before = self.value
        pairs = choices.items() if isinstance(choices, Mapping) else choices
        items: dict[str, Any] = {}
        for text, value in pairs:
            items[free_text(plain_name(text), items)] = value  # two may have one text
        if keep and before is not None and before not in items.values():
            items[free_text(plain_name(str(before)), items)] = before
        if list(items.items()) == self._items():
            return
        with self.changed.blocked():
            self.choices = []  # or magicgui keeps the order of those that stay
            self.choices = list(items.items())
            view = self.native.view()
            view.setMinimumWidth(view.sizeHintForColumn(0) + 16)
            if before in items.values():
                self.value = before
        if self.value != before:
            self.changed.emit(self.value)

    def reset_choices(self, *_: Any) -> None:
        """Keep what was offered; magicgui resets boxes that get another parent."""

    def _items(self) -> list[tuple[str, Any]]:
        texts = [self.native.itemText(index) for index in range(self.native.count())]
        return list(zip(texts, self.choices, strict=True))


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

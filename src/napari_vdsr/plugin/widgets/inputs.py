"""Fields of forms."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QToolButton,
)

from napari_vdsr.plugin.settings import Shown
from napari_vdsr.plugin.widgets.elements import set_style, side_by_side
from napari_vdsr.plugin.words import free_text, plain_name

_BUTTON_WIDTH = 34  # pixels
_DIGITS = 6  # significant ones that are shown
_TYPED = set("0123456789.,eE+-")

Choices = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Field:
    """A widget of Qt with a value; emits ``changed`` with another one.

    `read` gives the value, and `write` sets it.
    """

    changed = Signal(object)

    def __init__(
        self,
        native: Any,
        read: Callable[[], Any],
        write: Callable[[Any], object],
        tooltip: str = "",
    ) -> None:
        self.native, self._read, self._write = native, read, write
        self.line = native  # what has the focus, the name and the frame
        native.setToolTip(tooltip)

    @property
    def value(self) -> Any:
        """The value of the widget."""
        return self._read()

    @value.setter
    def value(self, value: Any) -> None:
        self._write(value)


def make_field(shown: Shown, default: Any) -> Field:
    """The widget for a field with this default."""
    if shown.fold:
        return _fold(shown.label)
    if isinstance(default, bool):
        return check_box(shown.label, shown.tooltip)
    if isinstance(default, int | float):
        return _number_field(shown, type(default))
    if shown.choices is not None:
        return Choice(shown.choices, shown.tooltip)
    if shown.folder:
        return _folder_field(shown.tooltip)
    return _line_field(shown.tooltip, shown.blank)


def check_box(text: str, tooltip: str) -> Field:
    """A box to tick."""
    box = QCheckBox(text)
    field = Field(box, box.isChecked, box.setChecked, tooltip)
    box.toggled.connect(field.changed.emit)
    return field


def radio_buttons(names: Sequence[str], tooltip: str) -> Field:
    """Buttons side by side, of which one is chosen; the value is its name."""
    buttons = {name: QRadioButton(name) for name in names}
    row = side_by_side(*buttons.values())

    def chosen() -> str:
        return next((name for name in names if buttons[name].isChecked()), "")

    field = Field(row, chosen, lambda name: buttons[name].setChecked(True), tooltip)

    def turned(on: bool) -> None:
        if on:
            field.changed.emit(chosen())

    for button in buttons.values():
        button.toggled.connect(turned)
    return field


def _number_field(shown: Shown, kind: type) -> Field:
    box = NumberBox(shown.least, shown.most, whole=kind is int, blank=shown.blank)
    field = Field(box, lambda: kind(box.value()), box.setValue, shown.tooltip)
    box.valueChanged.connect(lambda value: field.changed.emit(kind(value)))
    return field


def _line_field(tooltip: str, blank: str = "") -> Field:
    line = QLineEdit()
    line.setPlaceholderText(blank)
    field = Field(line, line.text, line.setText, tooltip)
    line.textChanged.connect(field.changed.emit)
    return field


def _folder_field(tooltip: str) -> Field:
    """A line to type a folder in, and a button to choose one."""
    field, button = _line_field(tooltip), QPushButton("…")
    button.setToolTip("Choose a folder.")
    button.setAccessibleName("Choose a folder")
    button.setFixedWidth(_BUTTON_WIDTH)
    field.native = side_by_side(field.line, button)

    def choose() -> None:
        start = field.value or str(Path.home())
        folder = QFileDialog.getExistingDirectory(field.native, "Images", start)
        if folder:
            field.value = folder

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


class ChoiceBox(QComboBox):
    """Does not widen the panel; its list may be wider, to show long names."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumContentsLength(6)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )

    def showPopup(self) -> None:
        """Show the list."""
        view = self.view()
        assert view is not None
        view.setMinimumWidth(view.sizeHintForColumn(0) + 16)
        super().showPopup()


class Choice(Field):
    """A box with choices, each a text that stands for a value."""

    def __init__(self, choices: Choices = (), tooltip: str = "") -> None:
        super().__init__(ChoiceBox(), self._chosen, self._choose, tooltip)
        self.choices: list[Any] = []  # the values
        self.offer(choices)
        self.native.currentIndexChanged.connect(self._emit)

    def offer(self, choices: Choices, keep: bool = False) -> None:
        """Replace the choices, and keep the value if possible.

        With `keep` the value stays in any case: the user has to choose another.
        """
        before, box = self.value, self.native
        pairs = choices.items() if isinstance(choices, Mapping) else choices
        items: dict[str, Any] = {}
        for text, value in pairs:
            items[free_text(plain_name(text), items)] = value  # two may have one text
        if keep and before is not None and before not in items.values():
            items[free_text(plain_name(str(before)), items)] = before
        texts = [box.itemText(index) for index in range(box.count())]
        if (texts, self.choices) == (list(items), list(items.values())):
            return
        box.blockSignals(True)
        box.clear()
        self.choices = list(items.values())
        box.addItems(list(items))
        if before in self.choices:
            box.setCurrentIndex(self.choices.index(before))
        box.blockSignals(False)
        if self.value != before:
            self._emit()

    def _emit(self, _: int = 0) -> None:
        self.changed.emit(self.value)

    def _chosen(self) -> Any:
        index = self.native.currentIndex()
        return self.choices[index] if index >= 0 else None

    def _choose(self, value: Any) -> None:
        """Choose a value; one that is not offered is added.

        So whoever checks the settings can say what is wrong.
        """
        if value not in self.choices:
            self.choices.append(value)
            self.native.addItem(str(value))
        self.native.setCurrentIndex(self.choices.index(value))


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

"""A spin box for numbers as people type them."""

import math

from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox

_DIGITS = 6  # significant ones that are shown
_TYPED = set("0123456789.,eE+-")


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

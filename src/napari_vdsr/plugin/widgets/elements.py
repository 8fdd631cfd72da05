"""Labels, buttons, plots and colours as all panels have them."""

import re
from html import escape
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

_BUTTON_HEIGHT = 28  # pixels; without it, it changes with the state of the button

_WORD = 28  # characters that fit a line of the narrowest panel
_BREAK = "\u200b"
_NEW_LINES = str.maketrans({"\u2028": "\n", "\u2029": "\n", _BREAK: None})
_BELOW_AXIS = 36  # pixels of numbers and a title below a plot
_MARGIN = 7  # pixels below the lowest title, which pyqtgraph sets below its axis

# Colour-blind people can distinguish these, too (after Okabe and Ito). They are also
# used for text, so those on a light ground are darker.
_ON_DARK = ("#56b4e9", "#e69f00", "#2fbf91", "#dd92bd", "#f0e442")
_ON_LIGHT = ("#005a8c", "#8a4b00", "#00604a", "#8f2f6b", "#4d4d00")


def wrapping_label(text: str = "", *, rich: bool = False, lines: int = 0) -> QLabel:
    """A label that wraps its words, never widens the panel, and can be copied from.

    Names of layers and files may look like HTML: only `rich` text is taken for it. It
    is never lower than so many `lines`.
    """
    label = QLabel(text)
    formats = Qt.TextFormat
    label.setTextFormat(formats.RichText if rich else formats.PlainText)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.installEventFilter(_Copier(label))
    if lines:
        label.setMinimumHeight(lines * label.fontMetrics().lineSpacing() + 16)
    return label


def breakable(text: str) -> str:
    """Put zero-width spaces into words too long for a line, such as file names."""
    return re.sub(rf"\S{{{_WORD}}}(?=\S)", rf"\g<0>{_BREAK}", text)


def tooltip_of_lines(text: str) -> str:
    """Rich text that keeps the lines of a tooltip, which napari would join.

    "a < b" gives "<qt>a &lt; b</qt>", an empty text an empty one.
    """
    lines = "<br>".join(map(escape, text.splitlines()))
    return f"<qt>{lines}</qt>" if lines else ""


def copy_text(text: str) -> None:
    """Put a text on the clipboard."""
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText(text)


def push_button(text: str, tooltip: str) -> QPushButton:
    """A button whose height does not change."""
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setFixedHeight(_BUTTON_HEIGHT)
    return button


def side_by_side(*widgets: QWidget) -> QWidget:
    """Put widgets into a row; all but labels and boxes to tick share its width."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        line.addWidget(widget, 0 if isinstance(widget, QLabel | QCheckBox) else 1)
    return row


def put_below(owner: QWidget, *parts: QWidget) -> None:
    """Put widgets into another one, below one another and below what it has."""
    column = owner.layout()
    if column is None:
        column = QVBoxLayout(owner)
        column.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        column.addWidget(part)


def make_plot(left: str, bottom: str, height: int) -> Any:
    """Make a plot of this height that cannot be moved, with titles of its axes."""
    # Imported late: it takes a second.
    import pyqtgraph

    plot = pyqtgraph.PlotWidget(enableMenu=False)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    plot.setFixedHeight(height)
    plot.getPlotItem().layout.setContentsMargins(1, 1, 1, _MARGIN)
    for side, title in (("left", left), ("bottom", bottom)):
        axis = plot.getAxis(side)
        axis.setLabel(title)
        axis.enableAutoSIPrefix(False)
    plot.getAxis("bottom").setHeight(_BELOW_AXIS)
    return plot


def clear_plot(plot: Any, theme: str) -> None:
    """Remove all curves, and take the colours of a theme."""
    plot.clear()
    plot.setBackground(theme_colour(theme, "background"))
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(theme_colour(theme, "text"))
        axis.setTextPen(theme_colour(theme, "text"))


def draw_curve(
    plot: Any,
    x: Any,
    y: Any,
    colour: str,
    name: str,
    *,
    width: float = 2,
    dashed: bool = False,
    dots: bool = False,
) -> None:
    """Draw a curve in a plot, with gaps where values are not finite."""
    import pyqtgraph

    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    plot.plot(
        x,
        y,
        name=name,
        pen=pyqtgraph.mkPen(colour, width=width, style=style),
        connect="finite",
        symbol="o" if dots else None,
        symbolSize=4,
        symbolPen=None,
        symbolBrush=colour,
    )


class _Copier(QObject):
    """Copies the selected text without the zero-width spaces of `breakable`.

    With them, the name of a file would look right but not be found.
    """

    def __init__(self, label: QLabel) -> None:
        super().__init__(label)
        self._label = label

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Handle the shortcut for copying and the right mouse button."""
        if isinstance(event, QContextMenuEvent):
            self._offer_to_copy(event)
            return True
        if (
            isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Copy)
            and self._label.hasSelectedText()
        ):
            event.accept()  # otherwise shortcuts of the window come first
            if event.type() == QEvent.Type.KeyPress:
                self._copy()
            return True
        return False

    def _offer_to_copy(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self._label)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        action = menu.addAction("Copy")
        assert action is not None
        action.setEnabled(self._label.hasSelectedText())
        action.triggered.connect(self._copy)
        menu.popup(event.globalPos())

    def _copy(self) -> None:
        copy_text(self._label.selectedText().translate(_NEW_LINES))


def is_dark(theme: str) -> bool:
    """Whether a theme has light text on a ground that is darker than middle grey."""
    ground = theme_colour(theme, "background").lstrip("#")
    return sum(bytes.fromhex(ground)) < 3 * 128


def theme_colour(theme: str, name: str) -> str:
    """A colour of a theme such as "text", as "#rrggbb"."""
    red, green, blue = getattr(get_theme(theme), name).as_rgb_tuple()[:3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def line_colour(number: int, theme: str) -> str:
    """Colour of the curve and name of that number."""
    colours = _ON_DARK if is_dark(theme) else _ON_LIGHT
    return colours[number % len(colours)]


def message_colour(level: str, theme: str) -> str:
    """Colour for the level "error" or "warning"; empty for the usual one."""
    # The theme's red is meant for surfaces: as text it is hard to read on black.
    red, yellow = ("#ff7b72", "#e3b617") if is_dark(theme) else ("#a00018", "#6f4e00")
    return {"error": red, "warning": yellow}.get(level, "")


def set_style(widget: QWidget, style: str) -> bool:
    """Give a widget a style sheet; False, and no new layout, when it has this one."""
    if widget.styleSheet() == style:
        return False
    widget.setStyleSheet(style)
    return True


def colour_words(label: QWidget, colour: str) -> bool:
    """Colour a label; an empty colour is the usual one. False when it was so before."""
    return set_style(label, f"color: {colour};" if colour else "")

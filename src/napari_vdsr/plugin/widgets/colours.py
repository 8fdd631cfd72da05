"""Colours that can be read in every theme."""

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget

# Colour-blind people can distinguish these, too (after Okabe and Ito). They are also
# used for text, so those on a light ground are darker.
_ON_DARK = ("#56b4e9", "#e69f00", "#2fbf91", "#dd92bd", "#f0e442")
_ON_LIGHT = ("#005a8c", "#8a4b00", "#00604a", "#8f2f6b", "#4d4d00")


def is_dark_colour(colour: str) -> bool:
    """Whether a colour such as "#262930" is darker than a middle grey."""
    return sum(bytes.fromhex(colour.lstrip("#"))) < 3 * 128


def is_dark(theme: str) -> bool:
    """Whether a theme has light text on a dark ground."""
    return is_dark_colour(theme_colour(theme, "background"))


def theme_colour(theme: str, name: str) -> str:
    """A colour of a theme such as "text", as "#rrggbb"."""
    red, green, blue = getattr(get_theme(theme), name).as_rgb_tuple()[:3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def line_colour(number: int, dark: bool) -> str:
    """Colour of the curve and name of that number, on a dark or a light ground."""
    colours = _ON_DARK if dark else _ON_LIGHT
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


def emphasise(button: QWidget, bar: QWidget, theme: str) -> None:
    """Colour the most important button while it is enabled, and its progress bar."""
    colour = theme_colour(theme, "current")
    style = f"QPushButton:enabled {{ background-color: {colour}; }}"
    if set_style(button, style):
        bar.setStyleSheet(f"QProgressBar::chunk {{ background-color: {colour}; }}")


def colour_plot(plot: Any, background: str, foreground: str) -> None:
    """Draw a plot in these colours of a theme."""
    plot.setBackground(background)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(foreground)
        axis.setTextPen(foreground)

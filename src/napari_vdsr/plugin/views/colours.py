"""Colours that can be read in every theme."""

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget


def message_colour(level: str, theme: str) -> str:
    """Colour for the level "error" or "warning"; empty for the usual one."""
    # The theme's red is meant for surfaces: as text it is hard to read on black.
    dark = sum(get_theme(theme).background.as_rgb_tuple()[:3]) < 3 * 128
    red, yellow = ("#ff7b72", "#e3b617") if dark else ("#b3001b", "#8a6100")
    return {"error": red, "warning": yellow}.get(level, "")


def emphasise(button: QWidget, bar: QWidget, theme: str) -> None:
    """Colour the most important button while it is enabled, and its progress bar."""
    colour = get_theme(theme).current.as_hex()
    style = f"QPushButton:enabled {{ background-color: {colour}; }}"
    if button.styleSheet() != style:
        button.setStyleSheet(style)
        bar.setStyleSheet(f"QProgressBar::chunk {{ background-color: {colour}; }}")

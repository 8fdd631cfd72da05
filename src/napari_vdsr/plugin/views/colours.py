"""Colours that can be read in every theme."""

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget


def message_colour(level: str, theme: str) -> str:
    """Colour of a line that says what is wrong.

    Parameters
    ----------
    level : str
        "error", "warning" or anything else.
    theme : str
        Name of the viewer's theme.

    Returns
    -------
    str
        Empty for the usual colour of text.
    """
    # The theme's own red is for surfaces: as text it is hard to read on black.
    dark = sum(get_theme(theme).background.as_rgb_tuple()[:3]) < 3 * 128
    red, yellow = ("#ff7b72", "#e3b617") if dark else ("#b3001b", "#8a6100")
    return {"error": red, "warning": yellow}.get(level, "")


def emphasise(button: QWidget, bar: QWidget, theme: str) -> None:
    """Let the button that matters most, and its progress, stand out.

    Parameters
    ----------
    button : QWidget
        Coloured while it is enabled.
    bar : QWidget
        Its progress.
    theme : str
        Name of the viewer's theme.
    """
    colour = get_theme(theme).current.as_hex()
    style = f"QPushButton:enabled {{ background-color: {colour}; }}"
    if button.styleSheet() != style:
        button.setStyleSheet(style)
        bar.setStyleSheet(f"QProgressBar::chunk {{ background-color: {colour}; }}")

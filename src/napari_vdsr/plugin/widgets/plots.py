"""Plots that show curves and cannot be moved."""

from typing import Any

_MARGIN = 7  # pixels below the lowest title, which pyqtgraph sets below its axis
_TITLED = 36  # pixels of numbers and a title below a plot


def make_plot(left: str, bottom: str, height: int) -> Any:
    """Make a plot of this height with titles of its axes."""
    # Imported late: it takes a second.
    import pyqtgraph

    plot = pyqtgraph.PlotWidget()
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    plot.setFixedHeight(height)
    item = plot.getPlotItem()
    item.layout.setContentsMargins(1, 1, 1, _MARGIN)
    for side, title in (("left", left), ("bottom", bottom)):
        axis = plot.getAxis(side)
        axis.setLabel(title)
        axis.enableAutoSIPrefix(False)
    plot.getAxis("bottom").setHeight(_TITLED)
    return plot


def colour_plot(plot: Any, background: str, foreground: str) -> None:
    """Draw a plot in these colours of a theme."""
    plot.setBackground(background)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(foreground)
        axis.setTextPen(foreground)

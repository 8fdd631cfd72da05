"""PSNR over the planes of a stack."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_vdsr.plugin.scoring.scores import Score
from napari_vdsr.plugin.widgets.colours import is_dark_colour, line_colour

_HEIGHT = 150


class CurveView(QWidget):
    """One line for each score; bicubic enlargement is dashed in the same colour."""

    def __init__(self) -> None:
        super().__init__()
        self._plot: Any = None
        self.setFixedHeight(_HEIGHT)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    @property
    def lines(self) -> list[tuple[str, Any]]:
        """Name and values of every line."""
        if self._plot is None:
            return []
        items = self._plot.listDataItems()
        return [(item.name(), item.getData()[1]) for item in items]

    def show_scores(
        self, scores: Sequence[Score], background: str, foreground: str
    ) -> None:
        """Draw the curves of stacks, in colours of the theme."""
        # Imported late: it takes a second.
        import pyqtgraph

        if self._plot is None:
            self._plot = pyqtgraph.PlotWidget()
            self._plot.setMenuEnabled(False)
            self._plot.hideButtons()
            self._plot.setMouseEnabled(x=False, y=False)
            self._column.addWidget(self._plot)
        plot = self._plot
        plot.clear()
        plot.setBackground(background)
        for side, title in (("left", "PSNR dB"), ("bottom", "plane")):
            axis = plot.getAxis(side)
            axis.setPen(foreground)
            axis.setTextPen(foreground)
            axis.setLabel(title)
        axis.enableAutoSIPrefix(False)
        plot.getAxis("left").enableAutoSIPrefix(False)
        for number, score in enumerate(scores):
            colour = line_colour(number, is_dark_colour(background))
            self._draw(score, pyqtgraph.mkPen(colour, width=2))
            if score.bicubic is not None:
                dashed = pyqtgraph.mkPen(colour, width=1.5, style=Qt.PenStyle.DashLine)
                self._draw(score.bicubic, dashed)

    def _draw(self, score: Score, pen: Any) -> None:
        values = np.array(score.psnr.values)
        if not np.isfinite(values).any():
            return
        self._plot.plot(
            np.arange(len(values)),
            np.where(np.isfinite(values), values, np.nan),
            pen=pen,
            name=score.name,
            connect="finite",
            symbol="o" if len(values) < 30 else None,
            symbolSize=4,
            symbolPen=None,
            symbolBrush=pen.color(),
        )

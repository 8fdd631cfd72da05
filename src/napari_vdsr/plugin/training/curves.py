"""Loss and PSNR of a training, drawn while it runs."""

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_vdsr.plugin.training.words import gain_words
from napari_vdsr.plugin.widgets.colours import colour_plot, is_dark_colour, line_colour
from napari_vdsr.plugin.widgets.elements import make_plot

if TYPE_CHECKING:
    from napari_vdsr.training import History


_FEWEST = 10  # steps that the axis spans
_HEIGHT = 140  # pixels of each plot
_POINTS = 60  # about so many in the smooth curve of the loss
_LOSS = "What is made smaller: the error on the patches of each step."
_GAIN = (
    "PSNR on the images held out, above that of plain enlargement, for each factor. "
    "Below the dashed line, plain enlargement is better."
)


class Curves(QWidget):
    """The loss of the steps, and below it the gain on held-out images."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._loss: Any = None
        self._gain: Any = None
        self._dark = True
        self.loss_title, self.gain_title = _title(_LOSS), _title(_GAIN)
        self.hide()

    def points(self, plot: str) -> dict[str, "tuple[list[float], list[float]]"]:
        """Steps and values of each curve in the plot "loss" or "gain"."""
        drawn = self._loss if plot == "loss" else self._gain
        if drawn is None:
            return {}
        return {
            item.name(): (item.xData.tolist(), item.yData.tolist())
            for item in drawn.listDataItems()
        }

    def draw(
        self, history: "History", kernel: str, background: str, foreground: str
    ) -> None:
        """Draw a training's history, which may grow meanwhile, in colours of the theme.

        `kernel` is the interpolation that enlarges images before the network.
        """
        losses, scores = list(history.losses), list(history.scores)
        if not (losses or scores):
            return
        self._make_plots()
        self._dark = is_dark_colour(background)
        for plot in (self._loss, self._gain):
            colour_plot(plot, background, foreground)
            plot.clear()
        self._draw_losses(losses, foreground)
        self._draw_gains(scores, kernel, foreground)
        self._gain.setVisible(bool(scores))
        self.gain_title.setVisible(bool(scores))
        self.show()

    def _make_plots(self) -> None:
        if self._loss is not None:
            return
        self._loss = make_plot("loss", "step", _HEIGHT)
        self._gain = make_plot("gain, dB", "step", _HEIGHT)
        titles = self.loss_title, self.gain_title
        for plot, title in zip((self._loss, self._gain), titles, strict=True):
            plot.getAxis("left").setWidth(58)
            # One score alone would have an axis of fractions of a step.
            plot.getViewBox().setLimits(xMin=0, minXRange=_FEWEST)
            self._column.addWidget(title)
            self._column.addWidget(plot)

    def _draw_losses(self, losses: list[Any], foreground: str) -> None:
        import pyqtgraph

        if not losses:
            return
        steps = np.array([loss.step for loss in losses], float)
        values = np.array([loss.value for loss in losses], float)
        faint = pyqtgraph.mkColor(foreground)
        faint.setAlpha(90)
        self._loss.plot(steps, values, pen=pyqtgraph.mkPen(faint), name="loss")
        group = -(-len(losses) // _POINTS)
        starts = np.arange(0, len(losses), group)
        sizes = np.diff(np.append(starts, len(losses)))
        self._loss.plot(
            np.add.reduceat(steps, starts) / sizes,
            np.add.reduceat(values, starts) / sizes,
            pen=pyqtgraph.mkPen(line_colour(0, self._dark), width=2),
            name="mean loss",
        )
        self.loss_title.setText(f"Loss: {values[starts[-1] :].mean():.4g}")

    def _draw_gains(self, scores: list[Any], kernel: str, foreground: str) -> None:
        import pyqtgraph

        if not scores:
            return
        steps = [score.step for score in scores]
        dashed = pyqtgraph.mkPen(foreground, width=1, style=Qt.PenStyle.DashLine)
        self._gain.plot(steps, [0.0] * len(steps), pen=dashed, name=kernel)
        words = []
        for number, factor in enumerate(scores[-1].psnr):
            gains = [score.psnr[factor] - score.enlarged[factor] for score in scores]
            colour = line_colour(number, self._dark)
            self._gain.plot(
                steps,
                gains,
                pen=pyqtgraph.mkPen(colour, width=2),
                symbol="o",
                symbolSize=4,
                symbolPen=None,
                symbolBrush=colour,
                name=factor,
            )
            gain = f"{factor.replace('x', '×')}: {gain_words(gains[-1], kernel)}"
            unbroken = gain.replace(" ", "&nbsp;")
            words.append(f'<span style="color:{colour}">{unbroken}</span>')
        self.gain_title.setText(f"Held-out images: {' · '.join(words)}")


def _title(tooltip: str) -> QLabel:
    label = QLabel()
    label.setToolTip(tooltip)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label

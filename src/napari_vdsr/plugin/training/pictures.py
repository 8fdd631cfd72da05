"""Pictures of a training while it runs: curves, and a preview beside the images."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_vdsr.layers.result import METADATA_KEY, Provenance
from napari_vdsr.plugin.training.words import gain_words
from napari_vdsr.plugin.viewer import TRAINING_PREVIEW, add_quietly
from napari_vdsr.plugin.widgets.elements import (
    clear_plot,
    draw_curve,
    line_colour,
    make_plot,
    theme_colour,
)

if TYPE_CHECKING:
    from napari_vdsr.training import History


_BESIDE = 0.03  # of the height, between the images and the preview
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

    def draw(self, history: "History", kernel: str, theme: str) -> None:
        """Draw a training's history, which may grow meanwhile, in colours of the theme.

        `kernel` is the interpolation that enlarges images before the network.
        """
        losses, scores = list(history.losses), list(history.scores)
        if not (losses or scores):
            return
        while self.make_next():
            pass
        for plot in (self._loss, self._gain):
            clear_plot(plot, theme)
        self._draw_losses(losses, theme)
        self._draw_gains(scores, kernel, theme)
        self._gain.setVisible(bool(scores))
        self.gain_title.setVisible(bool(scores))
        self.show()

    def make_next(self) -> bool:
        """Make a plot, which takes long; False when both are there."""
        if self._loss is None:
            self._loss = self._plot_below(self.loss_title, "loss")
        elif self._gain is None:
            self._gain = self._plot_below(self.gain_title, "gain, dB")
        else:
            return False
        return True

    def _plot_below(self, title: QLabel, left: str) -> Any:
        plot = make_plot(left, "step", _HEIGHT)
        plot.getAxis("left").setWidth(58)
        # One score alone would have an axis of fractions of a step.
        plot.getViewBox().setLimits(xMin=0, minXRange=_FEWEST)
        self._column.addWidget(title)
        self._column.addWidget(plot)
        return plot

    def _draw_losses(self, losses: list[Any], theme: str) -> None:
        if not losses:
            return
        steps = np.array([loss.step for loss in losses], float)
        values = np.array([loss.value for loss in losses], float)
        faint = f"{theme_colour(theme, 'text')}5a"
        draw_curve(self._loss, steps, values, faint, "loss", width=1)
        group = -(-len(losses) // _POINTS)
        starts = np.arange(0, len(losses), group)
        sizes = np.diff(np.append(starts, len(losses)))
        x, y = (np.add.reduceat(each, starts) / sizes for each in (steps, values))
        draw_curve(self._loss, x, y, line_colour(0, theme), "mean loss")
        self.loss_title.setText(f"Loss: {values[starts[-1] :].mean():.4g}")

    def _draw_gains(self, scores: list[Any], kernel: str, theme: str) -> None:
        if not scores:
            return
        steps, zero = [score.step for score in scores], [0.0] * len(scores)
        text = theme_colour(theme, "text")
        draw_curve(self._gain, steps, zero, text, kernel, width=1, dashed=True)
        words = []
        for number, factor in enumerate(scores[-1].psnr):
            gains = [score.psnr[factor] - score.enlarged[factor] for score in scores]
            colour = line_colour(number, theme)
            draw_curve(self._gain, steps, gains, colour, factor, dots=True)
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


class PreviewLayer:
    """A layer that follows one training; if the user removes it, it is not added again.

    `name` is that of the model in training.
    """

    def __init__(self, viewer: Any, name: str) -> None:
        self._viewer, self._name = viewer, name
        self._layer: ref[Image] | None = None

    def show(self, picture: "np.ndarray[Any, Any]") -> Iterator[None]:
        """Show the newest picture, (Y, X) or (Y, X, 3) with intensities from 0 to 1.

        In steps between which the viewer may draw.
        """
        if self._layer is None:
            yield from self._add(picture)
            return
        layer = self._layer()
        if layer is not None and layer in self._viewer.layers:
            # In place, so that other panels need not check all layers again.
            layer.data[...] = picture
            layer.refresh()

    def remove(self) -> None:
        """Take what is shown of this training out of the viewer.

        An earlier panel may have added it, before it was closed.
        """
        layers = self._viewer.layers
        for layer in [each for each in layers if _model_of(each) == self._name]:
            layers.remove(layer)

    def _add(self, picture: "np.ndarray[Any, Any]") -> Iterator[None]:
        layers = self._viewer.layers
        old = next((each for each in layers if _model_of(each)), None)
        placed = _beside([x for x in layers if x is not old], picture.shape[0])
        made = Provenance(TRAINING_PREVIEW, details={"model": self._name})
        if old is not None and old.data.shape == picture.shape:
            # Of the training before; removing a layer takes napari long.
            self._layer = ref(old)
            old.name = f"preview of {self._name}"
            old.metadata = {METADATA_KEY: made.written()}
            old.data = picture
            for name, value in placed.items():
                setattr(old, name, value)
            return
        if old is not None:
            layers.remove(old)
            yield
        layer = Image(
            picture,
            rgb=picture.ndim == 3,
            name=f"preview of {self._name}",
            contrast_limits=(0, 1),
            metadata={METADATA_KEY: made.written()},
            **placed,
        )
        yield
        add_quietly(self._viewer, layer)
        self._layer = ref(layer)
        yield
        if placed and self._viewer.dims.ndisplay == 2:
            self._viewer.reset_view()


def _model_of(layer: Any) -> str:
    """Name of the model whose training a layer shows; empty for other layers."""
    made = Provenance.read(layer)
    is_preview = made is not None and made.kind == TRAINING_PREVIEW
    return str(made.details.get("model", "?")) if made and is_preview else ""


def _beside(layers: list[Any], rows: int) -> dict[str, Any]:
    """Scale and place right of all visible layers, as high as they are, if any."""
    visible = [layer for layer in layers if layer.visible and layer.ndim >= 2]
    if not visible:
        return {}
    corners = [layer.extent.world[:, -2:] for layer in visible]
    y0, x0 = np.min([low for low, _ in corners], axis=0)
    y1, x1 = np.max([high for _, high in corners], axis=0)
    height = max(float(y1 - y0), float(x1 - x0) / 4) or 1.0
    scale = height / max(1, rows - 1)
    placed: dict[str, Any] = {
        "scale": (scale, scale),
        "translate": (float(y0), float(x1) + max(2 * scale, _BESIDE * height)),
    }
    units = getattr(visible[-1], "units", None)
    return placed if units is None else placed | {"units": units[-2:]}

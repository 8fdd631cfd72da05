"""The tab that scores a model on a layer: reduce it, enlarge it, compare."""

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import ref

from magicgui.widgets import CheckBox
from napari.layers import Image, Layer

from napari_vdsr.evaluation.evaluate import Comparison
from napari_vdsr.evaluation.methods import BEST_LINEAR, SPLINE
from napari_vdsr.evaluation.protocols import PROTOCOLS
from napari_vdsr.plugin.models import ModelList, announce_change
from napari_vdsr.plugin.scores.layers import (
    check_memory,
    coarser_layer,
    finer_layer,
    take_snapshot,
)
from napari_vdsr.plugin.scores.settings import ModelOptions
from napari_vdsr.plugin.scores.tab import ScoringTab, offer_layers
from napari_vdsr.plugin.scores.words import (
    acquisition_in_words,
    answer_of,
    gain_in_words,
)
from napari_vdsr.plugin.scores.work import ModelJob, scores_of
from napari_vdsr.plugin.settings import WAIT, FieldError
from napari_vdsr.plugin.viewer import add_quietly, likely_truth
from napari_vdsr.plugin.widgets.elements import wrapping_label
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import Choice
from napari_vdsr.plugin.widgets.run_bar import RunBar
from napari_vdsr.plugin.words import free_text, made_for_others

_ABOUT = (
    "An image with fine detail is made smaller and enlarged again by interpolation "
    "and by the model; both are compared with what it was."
)
_FIGURES_ONLY = (SPLINE.name, BEST_LINEAR.name)  # scored, but not added as layers
_PROTOCOL = f"Protocol 'direct': {PROTOCOLS['direct']}.".replace("`", "")


class ModelTab(ScoringTab):
    """Layer, factor and model above; scores below; images in the viewer."""

    def __init__(self, viewer: Any, models: ModelList) -> None:
        self.tile = CheckBox(
            text="side by side",
            tooltip="Show original, reduced, bicubic and predicted image side by side, "
            "in napari's grid mode; other layers are hidden meanwhile.",
        )
        self.tile.native.setEnabled(False)
        work = RunBar(
            "Score",
            "Reduce, enlarge, compare, and add all images as layers.",
            self.tile.native,
        )
        super().__init__(viewer, Form(ModelOptions()), work, wrapping_label(_ABOUT))
        self.truth = Choice(
            tooltip="An image with fine detail. It is made smaller, enlarged again, "
            "and compared with what it was."
        )
        self.form.add_row("Layer", self.truth.native, 0, name="truth")
        self._models = models
        self._tiling = _Tiling(viewer)
        self.truth.changed.connect(self.refresh)
        self.form.changed.connect(self.refresh)
        self.tile.changed.connect(self._tiling.show)

    def reset_choices(self) -> None:
        """Update the lists of layers and models."""
        if self._models.known:
            self.form.offer_models(self._models.cards)
        images = self.images
        offer_layers(self.truth, images, likely_truth(images))
        self.tile.native.setEnabled(self._tiling.ready)

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the button."""
        self.form.explain_model()
        super().show_state()

    def prepare(self) -> ModelJob:
        """What Score would do; FieldError if something is wrong."""
        layer, options = self.truth.value, self.form.settings
        factor = int(options.factor)
        if layer is None:
            raise FieldError("", "Open an image to score a model on it.")
        if not self.form.cards:
            raise FieldError("", WAIT)
        truth = take_snapshot(layer)
        check_memory(truth)
        card = self.form.cards.get(options.model)
        expected = "" if card is None else card.sampling
        finer = 2 if (options.sampling or expected) == "scanner" else 1
        y, x = truth.shape[-2:]
        if min(y, x) // (factor * finer) < 3:
            halved = "halved for a scanner's truth and " if finer > 1 else ""
            raise FieldError(
                "truth",
                f"'{layer.name}' has {y} × {x} pixels: too small to be {halved}reduced "
                f"by {factor}.",
            )
        made_for = made_for_others(card, factor)  # SRCNN is made for one factor
        if card is not None and made_for:
            raise FieldError(
                "factor",
                f"'{card.name}' is made for {made_for} only, not for ×{factor}: choose "
                "another factor, or another model.",
            )
        return ModelJob(truth, options)

    def deliver(self, result: Comparison) -> Iterator[None]:
        """Show the scores, and then one image after the other."""
        work: Any = self._run.job
        truth = work.truth.layer()
        if truth is None:
            return
        self.results.show_scores(
            scores_of(result),
            reference=truth.name,
            labels=[str(label) for label in truth.axis_labels],
            theme=self._viewer.theme,
            answer=answer_of(result),
            remarks=[gain_in_words(result), *acquisition_in_words(result), _PROTOCOL],
        )
        shown = []
        for layer in self._layers_of(truth, result):
            shown.append(layer)
            if layer is not truth:
                yield  # making a layer takes long, and adding it longer
                add_quietly(self._viewer, layer, above=truth)
            yield
        self._tiling.take(shown)
        self.tile.native.setEnabled(True)
        self._tiling.show(self.tile.value)

    def ended(self, work: Any) -> None:
        """Let all panels list the model that may have been fetched."""
        announce_change()

    def put_back(self) -> None:
        """Show no layers side by side any more."""
        self._tiling.show(False)

    def close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        super().close_down()
        self._tiling.forget()

    # Inside

    def _layers_of(self, truth: Image, result: Comparison) -> Iterator[Image]:
        """Make the layers to be shown side by side: truth, reduced and enlarged."""
        pair = result.pair
        factor = round(pair.factors[0])
        if truth not in self._viewer.layers:
            self._viewer.layers.append(truth)
        # So that results find their source by its name.
        names = [layer.name for layer in self._viewer.layers]
        fine, per = truth, factor
        if pair.sampling == "scanner":
            name = free_text(f"{truth.name} 2 × 2 means", names)
            fine, per = coarser_layer(truth, pair.hr, 2, name=name), 2 * factor
        yield fine
        low = coarser_layer(
            truth,
            pair.lr,
            per,
            name=free_text(f"{truth.name} {pair.sampling} ×{factor}", names),
            sampling=pair.sampling,
            electrons=pair.electrons,
        )
        yield low
        for outcome in result.outcomes:
            method, name = outcome.method, f"{low.name} {outcome.method}"
            if method not in _FIGURES_ONLY:
                image = outcome.image
                yield finer_layer(fine, image, low, factor, name=name, method=method)


_FONT = 8  # points, so that long names fit a cell


class _Tiling:
    """Shows some layers in the cells of a grid, and hides the others meanwhile."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: list[ref[Layer]] = []
        self._hidden: list[ref[Layer]] = []
        self._on = False
        self._camera: dict[str, Any] = {}  # of the view without the grid

    @property
    def ready(self) -> bool:
        """Whether there is anything to show side by side."""
        return len(self._present()) > 1

    def take(self, layers: Sequence[Layer]) -> None:
        """Choose what is shown side by side, in reading order."""
        self.show(False)
        self._layers = [ref(layer) for layer in layers]

    def show(self, on: bool) -> None:
        """Show the layers side by side, or restore the view."""
        # Both moved with napari 0.9.
        grid = getattr(self._viewer, "canvas", self._viewer).grid
        camera = getattr(self._viewer, "scene", self._viewer).camera
        shown = self._present()
        if not on:
            if self._on:
                grid.enabled = False
                camera.update(self._camera)
                for layer in _alive(self._hidden):
                    layer.visible = True
                for layer in shown:
                    _label(layer, False)
            self._on, self._hidden = False, []
            return
        for layer in self._viewer.layers:
            if layer.visible and not any(layer is one for one in shown):
                self._hidden.append(ref(layer))
                layer.visible = False
        for layer in shown:
            layer.visible = True
            _label(layer, True)
        self._camera = {"center": camera.center, "zoom": camera.zoom}
        grid.stride = 1
        grid.shape = (-1, -1)
        grid.enabled = self._on = True
        self._viewer.reset_view()

    def forget(self) -> None:
        """Release all layers."""
        self._layers, self._hidden, self._on = [], [], False

    def _present(self) -> list[Layer]:
        return [x for x in _alive(self._layers) if x in self._viewer.layers]


def _alive(kept: list[ref[Layer]]) -> list[Layer]:
    found = [layer() for layer in kept]
    return [layer for layer in found if layer is not None]


def _label(layer: Layer, on: bool) -> None:
    """Show the name of a layer in its cell, or hide it again."""
    overlay = getattr(layer, "name_overlay", None)  # new in napari 0.7
    if overlay is not None:
        overlay.font_size = _FONT if on else type(overlay)().font_size
        overlay.visible = on

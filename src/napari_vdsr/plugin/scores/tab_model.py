"""The tab that scores a model on a layer: reduce it, enlarge it, compare."""

from collections.abc import Iterator
from typing import Any
from weakref import ref

from magicgui.widgets import CheckBox
from napari.layers import Image

from napari_vdsr.evaluation.evaluate import Comparison
from napari_vdsr.evaluation.methods import BestLinear, Spline
from napari_vdsr.evaluation.protocols import PROTOCOLS
from napari_vdsr.plugin.scores.layers import Snapshot, check_memory, take_snapshot
from napari_vdsr.plugin.scores.maps import Tiling, coarser_layer, finer_layer
from napari_vdsr.plugin.scores.model_work import (
    ModelJob,
    acquisition_in_words,
    answer_of,
    gain_in_words,
    scores_of,
)
from napari_vdsr.plugin.scores.parts import WorkView, words_label
from napari_vdsr.plugin.scores.results import ResultsView
from napari_vdsr.plugin.scores.settings import NONE, OWN, ModelOptions
from napari_vdsr.plugin.scores.tab import Tab
from napari_vdsr.plugin.scores.tooltips import TOOLTIPS
from napari_vdsr.plugin.settings import WAIT, FieldError, preferred
from napari_vdsr.plugin.viewer import add_quietly, likely_truth
from napari_vdsr.plugin.widgets.colours import emphasise
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import combo_box, frame
from napari_vdsr.plugin.words import free_text, made_for_others
from napari_vdsr.zoo import Card

_ABOUT = (
    "An image with fine detail is made smaller and enlarged again by interpolation "
    "and by the model; both are compared with what it was."
)
_FIGURES_ONLY = (Spline.name, BestLinear.name)  # scored, but not added as layers
_PROTOCOL = f"Protocol 'direct': {PROTOCOLS['direct']}.".replace("`", "")


class ModelTab(Tab):
    """Layer, factor and model above; scores below; images in the viewer."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.about = words_label()
        self.about.setText(_ABOUT)
        self.truth = combo_box(tooltip=TOOLTIPS["truth"])
        self.tile = CheckBox(text="side by side", tooltip=TOOLTIPS["tile"])
        self.tile.enabled = False
        self.form = Form(ModelOptions())
        self.form.add_row("Layer", self.truth.native, 0)
        self.work = WorkView("Score", "score", self.tile.native)
        self.results = ResultsView()
        for widget in (
            self.about,
            self.results,
            self.form,
            self.work,
            self.results.details,
        ):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self._tiling = Tiling(viewer)
        self._tried: ref[Image] | None = None
        self.truth.changed.connect(self.refresh)
        self.form.changed.connect(self.refresh)
        self.tile.changed.connect(self._tiling.show)
        self.work.button.clicked.connect(self._pressed)

    def reset_choices(self) -> None:
        """Update the lists of layers and models."""
        images = self.images
        self.offer_layers(self.truth, images, likely_truth(images))
        self.tile.enabled = self._tiling.ready
        self.refresh()

    def refresh(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        if self._closed or self.running:
            return
        self.form.explain_model()
        field, text, colour = "", "", ""
        try:
            self._planned()
        except FieldError as error:
            field, text = error.field, str(error)
            colour = self.colour("warning") if field else ""
        frame(self.truth.native, colour if field == "truth" else "")
        self.form.mark(field, colour)
        self.work.say(text, colour)
        self.work.button.setEnabled(not text)
        emphasise(self.work.button, self.work.bar, self._viewer.theme)

    def start(self) -> None:
        """Start the scoring, as the button Score does."""
        if self.running or self._closed:
            return
        try:
            truth = self._planned()
        except FieldError:
            self.refresh()
            return
        self._tried = ref(self.truth.value)
        options: Any = self.form.settings
        work = ModelJob(
            truth,
            int(options.factor),
            options.model,
            preferred().get("device", "auto"),
            None if options.taken == OWN else options.taken,
            None if options.noise == NONE else options.noise,
        )
        self.begin(work, self.work)

    def deliver(self, result: Comparison) -> Iterator[None]:
        """Show the scores, and then one image after the other."""
        truth = self._tried() if self._tried else None
        if truth is None:
            return
        self.results.show_scores(
            scores_of(result),
            reference=truth.name,
            labels=[str(label) for label in truth.axis_labels],
            theme=self._viewer.theme,
            answer=answer_of(result),
            remarks=[
                gain_in_words(result),
                *acquisition_in_words(result),
                _PROTOCOL,
            ],
        )
        yield from self._add_layers(truth, result)

    def close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        super().close_down()
        self._tiling.forget()

    # Inside

    def _planned(self) -> Snapshot:
        layer, options = self.truth.value, self.form.settings
        factor = int(options.factor)
        if layer is None:
            raise FieldError("", "Open an image to score a model on it.")
        if not self.form.cards:
            raise FieldError("", WAIT)
        truth = take_snapshot(layer)
        check_memory(truth)
        y, x = truth.shape[-2:]
        card, taken = self.form.cards.get(options.model), options.taken
        if taken == OWN and card is not None:
            taken = card.sampling
        finer = 2 if taken == "scanner" else 1
        if min(y, x) // (factor * finer) < 3:
            halved = "halved for a scanner's truth and " if finer > 1 else ""
            raise FieldError(
                "truth",
                f"'{layer.name}' has {y} × {x} pixels: too small to be {halved}reduced "
                f"by {factor}.",
            )
        _check_factor(card, factor)
        return truth

    def _pressed(self) -> None:
        if self.running:
            self.cancel()
        else:
            self.start()

    def _add_layers(self, truth: Image, result: Comparison) -> Iterator[None]:
        """Add the truth (if it is gone), the reduced image, and enlargements of it."""
        pair = result.pair
        factor = round(pair.factors[0])
        if truth not in self._viewer.layers:
            self._viewer.layers.append(truth)
        # So that results find their source by its name.
        names = [layer.name for layer in self._viewer.layers]
        made, per = [], factor
        fine = truth
        if pair.sampling == "scanner":
            name = free_text(f"{truth.name} 2 × 2 means", names)
            fine = coarser_layer(truth, pair.hr, 2, name=name)
            made, per = [fine], 2 * factor
        low = coarser_layer(
            truth,
            pair.lr,
            per,
            name=free_text(f"{truth.name} {pair.sampling} ×{factor}", names),
            sampling=pair.sampling,
            electrons=pair.electrons,
        )
        made.append(low)
        for outcome in result.outcomes:
            if outcome.method in _FIGURES_ONLY:
                continue
            made.append(
                finer_layer(
                    fine,
                    outcome.image,
                    low,
                    factor,
                    name=f"{low.name} {outcome.method}",
                    method=outcome.method,
                )
            )
        for layer in made:
            yield
            add_quietly(self._viewer, layer, above=truth)
        self._tiling.take(made if fine is not truth else [truth, *made])
        self.tile.enabled = True
        self._tiling.show(self.tile.value)


def _check_factor(card: Card | None, factor: int) -> None:
    """Raise FieldError for a factor that the model is not made for (SRCNN)."""
    made_for = made_for_others(card, factor)
    if card is not None and made_for:
        msg = (
            f"'{card.name}' is made for {made_for} only, not for ×{factor}: choose "
            "another factor, or another model."
        )
        raise FieldError("factor", msg)

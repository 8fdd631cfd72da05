"""The tab that compares layers with a reference."""

from typing import Any
from weakref import WeakSet, ref

from napari.layers import Image

from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.provenance import Provenance
from napari_vdsr.plugin.scores.following import Follower, same
from napari_vdsr.plugin.scores.layers import (
    Snapshot,
    check_memory,
    check_pair,
    fits_in_memory,
    origin_of,
    take_snapshot,
)
from napari_vdsr.plugin.scores.maps import ErrorMaps
from napari_vdsr.plugin.scores.parts import LayerList, WorkView
from napari_vdsr.plugin.scores.results import ResultsView
from napari_vdsr.plugin.scores.settings import ScoreOptions
from napari_vdsr.plugin.scores.tab import Tab
from napari_vdsr.plugin.scores.tooltips import TOOLTIPS
from napari_vdsr.plugin.scores.words import answer_to
from napari_vdsr.plugin.scores.work import LayerScore, Score, ScoringJob, Subject
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import is_made, likely_truth
from napari_vdsr.plugin.widgets.colours import emphasise
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import combo_box, frame


class CompareTab(Tab):
    """Reference, layers and options above; scores below."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.reference = combo_box(tooltip=TOOLTIPS["reference"])
        self.layers = LayerList()
        self.form = Form(ScoreOptions())
        self.form.add_row("Layers", self.layers, 0)
        self.form.add_row("Reference", self.reference.native, 0)
        self.work = WorkView("Compare", "compare")
        self.results = ResultsView()
        for part in (self.results, self.form, self.work, self.results.details):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self._compared: list[LayerScore] = []
        self._subjects: list[ref[Image]] = []
        self._seen: WeakSet[Image] = WeakSet()  # layers that were offered before
        self._again = False
        self._left_out: list[str] = []
        self._maps = ErrorMaps(viewer)
        self._follower = Follower(self, self._layers_changed)
        self._connect()

    @property
    def options(self) -> ScoreOptions:
        """How layers are compared."""
        return self.form.settings

    @property
    def scores(self) -> list[Score]:
        """The scores of the last comparison."""
        return self.results.scores

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        before, images = self._wanted(), self.images
        self.offer_layers(self.reference, images, likely_truth(images))
        truth = self.reference.value
        others = [layer for layer in images if layer is not truth]
        self.layers.offer(others)
        for layer in others:
            if is_made(layer) and layer not in self._seen:
                self.layers.tick(layer)
        self._seen.update(images)
        if not same(self._wanted(), before):
            self._layers_changed()
        self.refresh()

    def begin_by_itself(self) -> None:
        """Compare results that are in memory without being asked to."""
        wanted = self._wanted()
        quick = all(fits_in_memory(level_data(layer)) for layer in wanted)
        if any(is_made(layer) for layer in wanted[1:]) and quick and not self.scores:
            self.start()

    def refresh(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        if self._closed or self.running:
            return
        self._follower.follow(self._wanted())
        field, text, colour = "", "", ""
        try:
            self._planned()
        except FieldError as error:
            # Nothing is chosen yet: that is not an error.
            started = bool(self.layers.chosen)
            colour = self.colour("warning") if started else ""
            field, text = error.field if started else "", str(error)
        truth = self.reference.value
        self.form.allow("channels", truth is not None and bool(truth.rgb))
        for name in ("reference", "layers"):
            native = getattr(getattr(self, name), "native", self.layers)
            frame(native, colour if name == field else "")
        self.form.mark(field, colour)
        ready = not text
        if ready and self._left_out:
            text, colour = "\n".join(self._left_out), self.colour("warning")
        self.work.say(text, colour)
        self.work.button.setEnabled(ready)
        emphasise(self.work.button, self.work.bar, self._viewer.theme)

    def start(self) -> None:
        """Start the comparison, as the button Compare does."""
        if self.running or self._closed:
            return
        try:
            truth, subjects = self._planned()
        except FieldError:
            self.refresh()
            return
        layers = [self.reference.value, *(subject.layer() for subject in subjects)]
        self._subjects = [ref(layer) for layer in layers]
        self._compared = []
        self._again = False
        self.begin(ScoringJob(truth, subjects, self.options), self.work)

    def deliver(self, result: LayerScore) -> None:
        """Keep the score of one layer until all are there."""
        self._compared.append(result)

    def ended(self, work: Any) -> None:
        """Show all scores, and compare again if something changed meanwhile."""
        if work.outcome == "done":
            self._show(work)
            self._follower.remember(work.marks)
        if self._again:
            self._again = False
            self.start()

    def close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        super().close_down()
        self._follower.stop()

    # Inside

    def _wanted(self) -> list[Image]:
        """The reference and the ticked layers."""
        truth = self.reference.value
        return [] if truth is None else [truth, *self.layers.chosen]

    def _connect(self) -> None:
        self.reference.changed.connect(self._reference_changed)
        self.layers.itemChanged.connect(self._layers_changed)
        self.form.changed.connect(self._layers_changed)
        self.work.button.clicked.connect(self._pressed)

    def _planned(self) -> tuple[Snapshot, list[Subject]]:
        """What Compare would compare; FieldError if something is wrong."""
        self._left_out = []
        if self.reference.value is None:
            raise FieldError("reference", "Open two images to compare them.")
        truth = take_snapshot(self.reference.value)
        if self.options.error_maps:
            check_memory(truth)  # the map is held in memory
        if not self.layers.chosen:
            if not self.layers.count():
                text = "Open another image to compare with the reference."
            else:
                text = "Tick the layers to compare with the reference."
            raise FieldError("layers", text)
        subjects, errors = [], []
        for layer in self.layers.chosen:
            try:
                subjects.append(self._subject(truth, layer))
            except FieldError as error:
                errors.append(error)
        if not subjects:
            raise errors[0]
        self._left_out = [f"Left out: {error}" for error in errors]
        return truth, subjects

    def _subject(self, truth: Snapshot, layer: Image) -> Subject:
        """A layer to compare; FieldError when it does not fit to the reference."""
        image, border = take_snapshot(layer), self.options.border
        overlap = check_pair(truth, image)
        size = min(part.stop - part.start for part in overlap.region[-2:])
        if size <= 2 * border:
            raise FieldError(
                "border",
                f"A border of {border} leaves nothing of the {size} pixels that "
                f"'{layer.name}' shares with the reference: choose {(size - 1) // 2} "
                "at most.",
            )
        return Subject(image, origin_of(layer, self.images), ref(layer))

    def _pressed(self) -> None:
        if self.running:
            self._again = False
            self.cancel()
        else:
            self.start()

    def _reference_changed(self) -> None:
        truth = self.reference.value
        self.layers.offer([layer for layer in self.images if layer is not truth])
        self._layers_changed()

    def _layers_changed(self, *_: Any) -> None:
        # Grey: these scores no longer belong to what is chosen.
        self.results.setEnabled(False)
        self.refresh()
        if self.scores or self.running:
            self._follow()

    def _follow(self) -> None:
        """Compare again if that is wanted, after the work that is going on."""
        if self._closed or not self.options.live:
            return
        if self.running:
            self._again = True
            self._run.cancel()
            return
        self.start()

    def _show(self, work: ScoringJob) -> None:
        self.results.setEnabled(True)
        self.results.show_scores(
            [compared.score for compared in self._compared],
            reference=work.reference.name,
            labels=work.reference.labels,
            theme=self._viewer.theme,
            answer=self._answer(),
        )
        truth, *layers = [layer() for layer in self._subjects]
        for compared, layer in zip(self._compared, layers, strict=True):
            if truth is not None and layer is not None:
                self._maps.show(truth, layer, compared)

    def _answer(self) -> str:
        """The scores in a sentence, each result called by its model."""
        scores = [compared.score for compared in self._compared]
        layers = [layer() for layer in self._subjects[1:]]
        made = [None if layer is None else Provenance.read(layer) for layer in layers]
        models = ["" if each is None else each.model for each in made]
        names = [
            model if model and models.count(model) == 1 else f"'{score.name}'"
            for model, score in zip(models, scores, strict=True)
        ]
        return answer_to(scores, names)

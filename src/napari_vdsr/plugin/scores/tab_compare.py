"""The tab that compares layers with a reference, and again when they change."""

from collections.abc import Callable, Sequence
from itertools import compress
from math import prod
from typing import Any
from weakref import WeakSet, ref

from napari.layers import Image
from qtpy.QtCore import QObject

from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.result import Provenance
from napari_vdsr.plugin.background import Finder
from napari_vdsr.plugin.scores.layers import (
    Snapshot,
    check_memory,
    check_pair,
    difference_layer,
    fingerprint,
    fits_in_memory,
    origin_of,
    take_snapshot,
)
from napari_vdsr.plugin.scores.settings import ScoreOptions
from napari_vdsr.plugin.scores.tab import LayerList, ScoringTab, offer_layers
from napari_vdsr.plugin.scores.words import answer_to
from napari_vdsr.plugin.scores.work import Score, ScoringJob, Subject
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import (
    CHANGES_OF_A_LAYER,
    is_made,
    likely_truth,
    renew_or_add,
)
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import Choice
from napari_vdsr.plugin.widgets.panel import timer_of
from napari_vdsr.plugin.widgets.run_bar import RunBar

_ALL = 0.9  # of the reference: all but its borders
_FULL_COLOUR = 0.1  # of the data range: the difference shown in full colour


class CompareTab(ScoringTab):
    """Reference, layers and options above; scores below."""

    def __init__(self, viewer: Any) -> None:
        work = RunBar("Compare", "Compare the ticked layers with the reference.")
        super().__init__(viewer, Form(ScoreOptions()), work)
        self.reference = Choice(
            tooltip="The truth that layers are compared with, pixel by pixel."
        )
        self.layers = LayerList()
        self.form.add_row("Layers", self.layers, 0, name="layers")
        self.form.add_row("Reference", self.reference.native, 0, name="reference")
        self._seen: WeakSet[Image] = WeakSet()  # layers that were offered before
        self._again = False
        self._maps: dict[tuple[int, int], ref[Image]] = {}  # for pairs of layers
        self._gave_up = False  # the last comparison failed or was cancelled
        self._follower = Follower(self, viewer, self._layers_changed)
        self.reference.changed.connect(self._reference_changed)
        self.layers.itemChanged.connect(self._layers_changed)
        self.form.changed.connect(self._layers_changed)

    @property
    def options(self) -> ScoreOptions:
        """How layers are compared."""
        options: ScoreOptions = self.form.settings
        return options

    @property
    def scores(self) -> list[Score]:
        """The scores of the last comparison."""
        return self.results.scores

    @property
    def started(self) -> bool:
        """Whether anything is chosen; before, nothing is wrong yet."""
        return bool(self.layers.chosen)

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        before, images = self._wanted(), self.images
        offer_layers(self.reference, images, likely_truth(images))
        self._offer_others(images)
        self._seen.update(images)
        if not _same(self._wanted(), before):
            self._layers_changed()

    def begin_by_itself(self) -> None:
        """Compare results that are in memory without being asked to."""
        wanted = self._wanted()
        if self.scores or self._gave_up or not any(map(is_made, wanted[1:])):
            return
        if all(fits_in_memory(level_data(layer)) for layer in wanted):
            self.start()

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the button."""
        self._follower.follow(self._wanted())
        truth = self.reference.value
        self.form.allow("channels", truth is not None and bool(truth.rgb))
        super().show_state()

    def prepare(self) -> ScoringJob:
        """What Compare would do; FieldError if something is wrong."""
        layer, chosen = self.reference.value, self.layers.chosen
        if layer is None:
            raise FieldError("reference", "Open two images to compare them.")
        truth = take_snapshot(layer)
        if self.options.error_maps:
            check_memory(truth)  # the map is held in memory
        if not chosen:
            do = "Tick the layers" if self.layers.count() else "Open another image"
            raise FieldError("layers", f"{do} to compare with the reference.")
        subjects, errors = [], []
        for each in chosen:
            try:
                subjects.append(self._subject(truth, each))
            except FieldError as error:
                errors.append(error)
        if not subjects:
            raise errors[0]
        remarks = [f"Left out: {error}" for error in errors]
        remarks += [
            f"'{each.image.name}' covers {each.share:.0%} of the reference, and is "
            "compared there only.".replace("%", " %")
            for each in subjects
            if each.share < _ALL
        ]
        return ScoringJob(truth, subjects, self.options, "\n".join(remarks))

    def deliver(self, result: list[Score]) -> None:
        """Show the scores of all layers, and their error maps."""
        work: Any = self._run.job
        layers = [subject.image.layer() for subject in work.subjects]
        most = max(subject.share for subject in work.subjects)
        # Figures of a part, which may be an easy one, say nothing about the best.
        fair = [subject.share >= _ALL * most for subject in work.subjects]
        names = _called(result, layers)
        self.results.setEnabled(True)
        self.results.show_scores(
            result,
            reference=work.reference.name,
            labels=work.reference.labels,
            theme=self._viewer.theme,
            answer=answer_to(list(compress(result, fair)), list(compress(names, fair))),
        )
        truth = work.reference.layer()
        for score, layer in zip(result, layers, strict=True):
            if truth is not None and layer is not None:
                self._show_map(truth, layer, score)

    def ended(self, work: Any) -> None:
        """Compare again if something has changed meanwhile."""
        self._gave_up = work.outcome != "done"
        if not self._gave_up:
            compared = work.reference, *(each.image for each in work.subjects)
            marks = zip((each.layer() for each in compared), work.marks, strict=True)
            self._follower.remember({x: mark for x, mark in marks if x is not None})
        if self._again:
            self._again = False
            self.start()

    def cancel(self) -> None:
        """Stop the work as soon as possible, and do not begin again."""
        self._again = False
        super().cancel()

    def close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        super().close_down()
        self._follower.stop()

    # Inside

    def _wanted(self) -> list[Image]:
        """The reference and the ticked layers."""
        truth = self.reference.value
        return [] if truth is None else [truth, *self.layers.chosen]

    def _offer_others(self, images: Sequence[Image]) -> None:
        """Offer all but the reference; new results are ticked."""
        others = [layer for layer in images if layer is not self.reference.value]
        new = [each for each in others if is_made(each) and each not in self._seen]
        self.layers.offer(others, new)

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
        parts = zip(overlap.region, truth.shape, strict=True)
        share = prod((part.stop - part.start) / size for part, size in parts)
        return Subject(image, origin_of(layer, self.images), share)

    def _reference_changed(self) -> None:
        self._offer_others(self.images)
        self._layers_changed()

    def _layers_changed(self, *_: Any) -> None:
        self._gave_up = False
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
        else:
            self.start()

    def _show_map(self, truth: Image, layer: Image, score: Score) -> None:
        """Add the error map of a layer, if it has one, or update the one there is."""
        if score.error_map is None or truth not in self._viewer.layers:
            return
        shown = difference_layer(
            truth,
            score.error_map,
            name=f"{layer.name} − {truth.name}",
            kind="error map",
            limit=_FULL_COLOUR * score.psnr.data_range.value or 1.0,
        )
        key = id(truth), id(layer)
        known = self._maps[key]() if key in self._maps else None
        self._maps[key] = ref(renew_or_add(self._viewer, known, shown))


def _called(scores: Sequence[Score], layers: Sequence[Image | None]) -> list[str]:
    """What an answer calls each result: by its model where that is clear."""
    made = [None if layer is None else Provenance.read(layer) for layer in layers]
    models = ["" if each is None else each.model for each in made]
    return [
        model if model and models.count(model) == 1 else f"'{score.name}'"
        for model, score in zip(models, scores, strict=True)
    ]


Marks = dict[Image, int | None]  # fingerprints of the pixels of layers

_WAIT = 300  # milliseconds in which several changes count as one


class Follower(Finder[Marks]):
    """Calls back shortly after data or geometry of layers change.

    Painting in place is noticed when the layer is shown again. As moving to another
    plane shows it again, too, a thread checks whether the pixels have changed.
    """

    def __init__(
        self, parent: QObject, viewer: Any, callback: Callable[[], object]
    ) -> None:
        super().__init__(parent, callback)
        self._layers: list[Image] = []
        self._marks: Marks = {}
        self._soon = timer_of(parent, _WAIT, callback)
        self._look_soon = timer_of(parent, _WAIT, self._compare)
        self._events = viewer.layers.events  # what layers tell, too
        self._events.connect(self._heard)

    def follow(self, layers: Sequence[Image]) -> None:
        """Watch these layers instead of the ones before."""
        if not _same(self._layers, layers):
            self._layers, self._marks = list(layers), {}

    def remember(self, marks: Marks) -> None:
        """Store the fingerprints of the compared layers, and check for changes."""
        self._marks = marks
        self._compare()

    def take(self, found: Marks) -> bool:
        """Keep the fingerprints; others than before are news."""
        changed = {
            layer: mark
            for layer, mark in found.items()
            if self._marks.get(layer, mark) != mark
        }
        self._marks |= changed
        return bool(changed)

    def stop(self) -> None:
        """Call back no more."""
        super().stop()
        self._events.disconnect(self._heard)
        self._layers, self._marks = [], {}
        self._soon.stop()
        self._look_soon.stop()

    def _heard(self, event: Any) -> None:
        if event.sources[0] not in self._layers:
            return
        if event.type in CHANGES_OF_A_LAYER:
            self._soon.start()
        elif event.type == "set_data":
            self._look_soon.start()

    def _compare(self) -> None:
        """Find out, in a thread, whether pixels were changed in place."""
        if self.busy:
            self._look_soon.start()
        elif self._marks:
            data = {layer: level_data(layer) for layer in self._marks}
            self.start(lambda: {each: fingerprint(data[each]) for each in data})


def _same(some: Sequence[Image], others: Sequence[Image]) -> bool:
    """Whether these are the same layers."""
    return list(map(id, some)) == list(map(id, others))

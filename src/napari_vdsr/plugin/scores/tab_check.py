"""The tab for layers without a reference."""

from typing import Any
from weakref import ref

from napari.layers import Image
from qtpy.QtWidgets import QFrame, QLabel

from napari_vdsr.layers.provenance import Provenance
from napari_vdsr.plugin.scores.checks import (
    Consistency,
    ConsistencyJob,
    Doubt,
    DoubtJob,
    SamplingJob,
    consistency_in_words,
    doubt_in_words,
    sampling_in_words,
)
from napari_vdsr.plugin.scores.layers import (
    Origin,
    check_memory,
    difference_layer,
    origin_of,
    take_snapshot,
)
from napari_vdsr.plugin.scores.tab import Tab, WorkView, labelled, offer_layers
from napari_vdsr.plugin.scores.work import ScoringWork
from napari_vdsr.plugin.settings import FieldError, preferred
from napari_vdsr.plugin.viewer import add_quietly, is_made
from napari_vdsr.plugin.widgets.elements import wrapping_label
from napari_vdsr.plugin.widgets.inputs import combo_box

_ABOUT = (
    "Without a sharper image of the same sample nobody can say how true new detail "
    "is. Three things can be checked nevertheless. None is a PSNR."
)
_NO_RESULT = (
    "There is no result here whose source is open: enlarge a layer with the panel "
    "Super-resolution."
)
_FULL_COLOUR = 0.05  # of the data range: the difference shown in full colour


class CheckTab(Tab):
    """Whether a result agrees with its source; whether enlarging can help at all."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.result = combo_box(
            tooltip="A layer that was made by this plugin. Its source has to be open, "
            "too."
        )
        self.image = combo_box(tooltip="Any image.")
        self.consistency = WorkView(
            "Check consistency",
            "Reduce the result to the size of its source again, and add a map of where "
            "the two differ.",
        )
        self.doubt = WorkView(
            "Where not to believe it",
            "Where the network contradicts itself, or its source: have it enlarge the "
            "source in eight flips and turns, and show how far that spreads, or how "
            "far the result is from the source, as a map: 1 is what the noise of the "
            "source allows. Takes eight times as long as Run.",
        )
        self.sampling = WorkView(
            "Check sampling",
            "Look at how fine the detail is, compared with the pixels.",
        )
        # What was found in the result, and in the image; hidden before.
        self.consistent, self.doubtful, self.verdict = _words(), _words(), _words()
        for label in (self.consistent, self.doubtful, self.verdict):
            label.hide()
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        self.fill(
            _words(_ABOUT),
            _words("<b>Is a result consistent with its source?</b>"),
            labelled("Result", self.result.native),
            self.doubtful,
            self.consistent,
            self.consistency,
            self.doubt,
            line,
            _words("<b>Can enlarging help this image?</b>"),
            labelled("Image", self.image.native),
            self.verdict,
            self.sampling,
        )
        self._checked: ref[Image] | None = None
        self._origin: Origin | None = None  # its source, while it is checked
        self.result.changed.connect(self._result_changed)
        self.image.changed.connect(self._image_changed)
        self.consistency.button.clicked.connect(self._consistency_pressed)
        self.doubt.button.clicked.connect(self._doubt_pressed)
        self.sampling.button.clicked.connect(self._sampling_pressed)

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        images = self.images
        results = [layer for layer in images if origin_of(layer, images) is not None]
        if offer_layers(self.result, results):
            self._result_changed()
        given = next((layer for layer in images if not is_made(layer)), None)
        if offer_layers(self.image, images, given):
            self._image_changed()
        self.refresh()

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        text = "" if self.result.value is not None else _NO_RESULT
        for view in (self.consistency, self.doubt):
            self._show(view, self.result.value, text)
            text = text and " "  # once is enough
        none = "" if self.image.value is not None else "Open an image to check it."
        self._show(self.sampling, self.image.value, none)

    def deliver(self, result: Any) -> None:
        """Show what was found in words, and as a map."""
        if isinstance(result, Consistency):
            _say(self.consistent, *consistency_in_words(result.report))
            self._add_consistency(result)
        elif isinstance(result, Doubt):
            _say(self.doubtful, *doubt_in_words(result))
            self._add_doubt(result)
        else:
            _say(self.verdict, *sampling_in_words(result))

    def ended(self, work: Any) -> None:
        """Release the source."""
        self._origin = None

    # Inside

    def _show(self, view: WorkView, layer: Image | None, text: str) -> None:
        colour = ""
        if layer is not None:
            try:
                check_memory(take_snapshot(layer))
            except FieldError as error:
                text, colour = str(error), self.warning_colour
        view.say(text, colour)
        view.button.setEnabled(not text)

    def _result_changed(self) -> None:
        self.consistent.hide()
        self.doubtful.hide()
        self.refresh()

    def _image_changed(self) -> None:
        self.verdict.hide()
        self.refresh()

    def _consistency_pressed(self) -> None:
        if (origin := self._source()) is not None:
            work = ConsistencyJob(take_snapshot(self.result.value), origin)
            self._begin(work, self.consistency)

    def _doubt_pressed(self) -> None:
        if (origin := self._source()) is not None:
            layer = self.result.value
            made = Provenance.read(layer)
            model = "" if made is None else made.model
            device = preferred().get("device", "auto")
            work = DoubtJob(take_snapshot(layer), origin, model, device)
            self._begin(work, self.doubt)

    def _sampling_pressed(self) -> None:
        if self.running:
            self.cancel()
        else:
            work = SamplingJob(take_snapshot(self.image.value))
            self._begin(work, self.sampling)

    def _source(self) -> Origin | None:
        """The source of the result; None, and a cancel, while something is going on."""
        if self.running:
            self.cancel()
            return None
        self._origin = origin_of(self.result.value, self.images)
        if self._origin is None:
            self.reset_choices()
        else:
            self._checked = ref(self.result.value)
        return self._origin

    def _begin(self, work: ScoringWork, view: WorkView) -> None:
        for each in (self.consistency, self.doubt, self.sampling):
            each.button.setEnabled(each is view)
        self.begin(work, view)

    def _add_consistency(self, found: Consistency) -> None:
        layer = self._checked() if self._checked else None
        if layer is not None and self._origin is not None:
            shown = difference_layer(
                self._origin.source,
                found.difference,
                name=f"{layer.name} consistency",
                kind="consistency",
                limit=_FULL_COLOUR * found.report.data_range.value or 1.0,
                first=found.first,
            )
            self._show_map(shown)

    def _add_doubt(self, found: Doubt) -> None:
        layer = self._checked() if self._checked else None
        if layer is not None:
            shown = difference_layer(
                layer,
                found.map,
                name=f"{layer.name} where not to believe it",
                kind="doubt",
                limit=2,
            )
            shown.colormap = "inferno"
            shown.contrast_limits_range = (0, 10)
            shown.contrast_limits = (0, 2)
            shown.blending = "additive"
            self._show_map(shown)

    def _show_map(self, shown: Image) -> None:
        """Add a map, or replace the pixels of the one of that name."""
        known = [layer for layer in self._viewer.layers if layer.name == shown.name]
        if known and known[0].data.shape == shown.data.shape:
            known[0].data = shown.data
        else:
            add_quietly(self._viewer, shown)


def _words(text: str = "") -> QLabel:
    label = wrapping_label(rich=True)
    label.setText(text)
    return label


def _say(label: QLabel, headline: str, text: str) -> None:
    label.setText(f"<b>{headline}</b><br>{text}")
    label.show()

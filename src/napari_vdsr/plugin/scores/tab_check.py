"""The tab for layers without a reference."""

from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image
from qtpy.QtWidgets import QFrame, QLabel, QWidget

from napari_vdsr.plugin.scores.checks import (
    ConsistencyJob,
    DoubtJob,
    Finding,
    ResultJob,
    SamplingJob,
)
from napari_vdsr.plugin.scores.layers import (
    check_memory,
    difference_layer,
    origin_of,
    take_snapshot,
)
from napari_vdsr.plugin.scores.tab import Tab, offer_layers
from napari_vdsr.plugin.scores.work import ScoringWork
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import add_quietly, is_made
from napari_vdsr.plugin.widgets.elements import side_by_side, wrapping_label
from napari_vdsr.plugin.widgets.inputs import combo_box
from napari_vdsr.plugin.widgets.run_bar import RunBar
from napari_vdsr.plugin.words import Outlook

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ABOUT = (
    "Without a sharper image of the same sample nobody can say how true new detail "
    "is. Three things can be checked nevertheless. None is a PSNR."
)
_MAPS = ("consistency", "where not to believe it")  # behind the name of the result
_NO_RESULT = (
    "There is no result here whose source is open: enlarge a layer with the panel "
    "Super-resolution."
)


class CheckTab(Tab):
    """Whether a result agrees with its source; whether enlarging can help at all."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.result = combo_box(
            tooltip="A layer that was made by this plugin. Its source has to be open, "
            "too."
        )
        self.image = combo_box(tooltip="Any image.")
        self.consistency = RunBar(
            "Check consistency",
            "Reduce the result to the size of its source again, and add a map of where "
            "the two differ.",
        )
        self.doubt = RunBar(
            "Where not to believe it",
            "Where the network contradicts itself, or its source: have it enlarge the "
            "source in eight flips and turns, and show how far that spreads, or how "
            "far the result is from the source, as a map: 1 is what the noise of the "
            "source allows. Takes eight times as long as Run.",
        )
        self.sampling = RunBar(
            "Check sampling",
            "Look at how fine the detail is, compared with the pixels.",
        )
        self.consistent, self.doubtful, self.verdict = _words(), _words(), _words()
        self._found = {
            self.consistency: self.consistent,
            self.doubt: self.doubtful,
            self.sampling: self.verdict,
        }
        self._meant: dict[QLabel, list[tuple[Any, int]]] = {}  # layers and their data
        for label in self._found.values():
            label.hide()
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        self.fill(
            _words(_ABOUT),
            _words("<b>Is a result consistent with its source?</b>"),
            _labelled("Result", self.result.native),
            self.doubtful,
            self.consistent,
            self.consistency,
            self.doubt,
            line,
            _words("<b>Can enlarging help this image?</b>"),
            _labelled("Image", self.image.native),
            self.verdict,
            self.sampling,
        )
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

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        for label in self._found.values():
            box = self.image if label is self.verdict else self.result
            if not self._still_holds(label, box.value):
                label.hide()
        self._show(self.consistency, self.result.value, _NO_RESULT)
        self._show(self.doubt, self.result.value, "")  # once is enough
        self._show(self.sampling, self.image.value, "Open an image to check it.")

    def deliver(self, found: Finding) -> None:
        """Show what was found in words, and as a map."""
        assert self._bar is not None
        label = self._found[self._bar]
        label.setText(f"<b>{found.headline}</b><br>{found.text}")
        label.show()
        if found.map is not None:
            self._show_map(found.map, found)

    # Inside

    def _still_holds(self, label: QLabel, chosen: Image | None) -> bool:
        """Whether what was found is of the chosen layer, and of the pixels it has."""
        meant = self._meant.get(label, [])
        layers = [layer() for layer, _ in meant]
        return layers[:1] == [chosen] and all(
            layer in self._viewer.layers and id(layer.data) == data
            for layer, (_, data) in zip(layers, meant, strict=True)
        )

    def _show(self, bar: RunBar, layer: Image | None, none: str) -> None:
        """Show whether a layer can be checked, or that there is none."""
        outlook = Outlook(none, "waiting")
        if layer is not None:
            outlook = Outlook("")
            try:
                check_memory(take_snapshot(layer))
            except FieldError as error:
                outlook = Outlook.of_error(error)
        bar.show_outlook(outlook, self._viewer.theme)

    def _result_changed(self) -> None:
        self.consistent.hide()
        self.doubtful.hide()
        self.refresh()

    def _image_changed(self) -> None:
        self.verdict.hide()
        self.refresh()

    def _consistency_pressed(self) -> None:
        self._check_result(self.consistency, ConsistencyJob)

    def _doubt_pressed(self) -> None:
        self._check_result(self.doubt, DoubtJob)

    def _sampling_pressed(self) -> None:
        if self.running:
            self.cancel()
        else:
            image = self.image.value
            self._begin(SamplingJob(take_snapshot(image)), self.sampling, image)

    def _check_result(self, bar: RunBar, kind: type[ResultJob]) -> None:
        if self.running:
            self.cancel()
            return
        origin = origin_of(self.result.value, self.images)
        if origin is None:
            self.reset_choices()
            self.refresh()
        else:
            result = self.result.value
            work = kind(take_snapshot(result), origin)
            self._begin(work, bar, result, origin.source)

    def _begin(self, work: ScoringWork, bar: RunBar, *layers: Image) -> None:
        self._meant[self._found[bar]] = [(ref(each), id(each.data)) for each in layers]
        for each in (self.consistency, self.doubt, self.sampling):
            each.button.setEnabled(each is bar)
        self.begin(work, bar)

    def _show_map(self, data: "NDArray[Any]", found: Finding) -> None:
        """Add a map, or replace the pixels of the one of that name."""
        work: Any = self._run.job
        layer = work.result.layer()
        if layer is None:
            return
        doubt = self._bar is self.doubt
        other, words = _MAPS if doubt else _MAPS[::-1]
        shown = difference_layer(
            layer if doubt else work.origin.source,
            data,
            name=f"{layer.name} {words}",
            kind="doubt" if doubt else "consistency",
            limit=found.limit,
            first=found.first,
        )
        if doubt:
            shown.colormap = "inferno"
            shown.contrast_limits_range = (0, 10)
            shown.contrast_limits = (0, found.limit)
            shown.blending = "additive"
        layers = self._viewer.layers
        if f"{layer.name} {other}" in layers:  # one hides or tints the other
            layers[f"{layer.name} {other}"].visible = False
        known = [layer for layer in layers if layer.name == shown.name]
        if known and known[0].data.shape == shown.data.shape:
            known[0].data = shown.data
            known[0].visible = True
        else:
            add_quietly(self._viewer, shown)


def _labelled(text: str, field: QWidget) -> QWidget:
    """Put a label at the left of a field."""
    label = QLabel(text)
    label.setBuddy(field)
    field.setAccessibleName(text)
    return side_by_side(label, field)


def _words(text: str = "") -> QLabel:
    label = wrapping_label(rich=True)
    label.setText(text)
    return label

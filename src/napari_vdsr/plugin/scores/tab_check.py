"""The tab for layers without a reference."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image, Layer
from qtpy.QtWidgets import QFrame, QLabel, QWidget

from napari_vdsr.plugin.scores.checks import (
    ConsistencyJob,
    DoubtJob,
    Finding,
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
from napari_vdsr.plugin.viewer import is_made, renew_or_add
from napari_vdsr.plugin.widgets.elements import side_by_side, wrapping_label
from napari_vdsr.plugin.widgets.inputs import Choice
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


class Check(RunBar):
    """A button that checks the layer of a box, and what was found in words.

    `none` is what it says without a layer.
    """

    def __init__(self, text: str, tooltip: str, box: Choice, none: str) -> None:
        super().__init__(text, tooltip)
        self.box, self.none = box, none
        self.found = wrapping_label(rich=True)
        self.found.hide()
        self._meant: list[tuple[ref[Image], int]] = []  # layers and their data

    def begin(self, *layers: Image) -> None:
        """Note which layers are checked, the one of the box first."""
        self._meant = [(ref(layer), id(layer.data)) for layer in layers]

    def hide_what_is_old(self, layers: Sequence[Layer]) -> None:
        """Hide what was found of another layer than the chosen one, or of other pixels.

        `layers` are those of the viewer.
        """
        meant: list[tuple[Any, int]] = [(each(), data) for each, data in self._meant]
        holds = [layer for layer, _ in meant[:1]] == [self.box.value] and all(
            layer in layers and id(layer.data) == data for layer, data in meant
        )
        if not holds:
            self.found.hide()


class CheckTab(Tab):
    """Whether a result agrees with its source; whether enlarging can help at all."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.result = Choice(
            tooltip="A layer that was made by this plugin. Its source has to be open, "
            "too."
        )
        self.image = Choice(tooltip="Any image.")
        self.consistency = Check(
            "Check consistency",
            "Reduce the result to the size of its source again, and add a map of where "
            "the two differ.",
            self.result,
            _NO_RESULT,
        )
        self.doubt = Check(
            "Where not to believe it",
            "Where the network contradicts itself, or its source: have it enlarge the "
            "source in eight flips and turns, and show how far that spreads, or how "
            "far the result is from the source, as a map: 1 is what the noise of the "
            "source allows. Takes eight times as long as Run.",
            self.result,
            "",  # once is enough
        )
        self.sampling = Check(
            "Check sampling",
            "Look at how fine the detail is, compared with the pixels.",
            self.image,
            "Open an image to check it.",
        )
        self._checks = self.consistency, self.doubt, self.sampling
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        self.fill(
            wrapping_label(_ABOUT),
            wrapping_label("<b>Is a result consistent with its source?</b>", rich=True),
            _labelled("Result", self.result.native),
            self.doubt.found,
            self.consistency.found,
            self.consistency,
            self.doubt,
            line,
            wrapping_label("<b>Can enlarging help this image?</b>", rich=True),
            _labelled("Image", self.image.native),
            self.sampling.found,
            self.sampling,
        )
        for box in (self.result, self.image):
            box.changed.connect(self.refresh)
        for check in self._checks:
            check.button.clicked.connect(partial(self._pressed, check))

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        images = self.images
        results = [layer for layer in images if origin_of(layer, images) is not None]
        offer_layers(self.result, results)
        given = next((layer for layer in images if not is_made(layer)), None)
        offer_layers(self.image, images, given)

    def refresh(self) -> None:
        """Show the state, unless work is going on; hide what no longer holds."""
        for check in self._checks:
            check.hide_what_is_old(self._viewer.layers)
        super().refresh()

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        for check in self._checks:
            check.show_outlook(self._outlook(check), self._viewer.theme)

    def deliver(self, found: Finding) -> None:
        """Show what was found in words, and as a map."""
        check = self._bar
        assert isinstance(check, Check)
        check.found.setText(f"<b>{found.headline}</b><br>{found.text}")
        check.found.show()
        if found.map is not None:
            self._show_map(found.map, found)

    # Inside

    def _outlook(self, check: Check) -> Outlook:
        if check.box.value is None:
            return Outlook(check.none, "waiting")
        try:
            check_memory(take_snapshot(check.box.value))
        except FieldError as error:
            return Outlook.of_error(error)
        return Outlook("")

    def _pressed(self, check: Check, *_: Any) -> None:
        if self.running:
            self.cancel()
            return
        layer = check.box.value
        if check is self.sampling:
            self._begin(SamplingJob(take_snapshot(layer)), check, layer)
            return
        origin = origin_of(layer, self.images)
        if origin is None:
            self.reset_choices()
            self.refresh()
            return
        kind = DoubtJob if check is self.doubt else ConsistencyJob
        self._begin(kind(take_snapshot(layer), origin), check, layer, origin.source)

    def _begin(self, work: ScoringWork, check: Check, *layers: Image) -> None:
        check.begin(*layers)
        for each in self._checks:
            each.button.setEnabled(each is check)
        self.begin(work, check)

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
        known = next((each for each in layers if each.name == shown.name), None)
        renew_or_add(self._viewer, known, shown).visible = True


def _labelled(text: str, field: QWidget) -> QWidget:
    """Put a label at the left of a field."""
    label = QLabel(text)
    label.setBuddy(field)
    field.setAccessibleName(text)
    return side_by_side(label, field)

"""The tab that compares layers with a reference."""

from typing import Any
from weakref import ref

from magicgui.widgets import CheckBox, LineEdit, SpinBox
from napari.layers import Image
from qtpy.QtWidgets import QGridLayout

from napari_vdsr.plugin.scoring.comparing import Compared, Comparing, Subject
from napari_vdsr.plugin.scoring.following import Follower
from napari_vdsr.plugin.scoring.maps import ErrorMaps
from napari_vdsr.plugin.scoring.options import ScoreOptions
from napari_vdsr.plugin.scoring.origin import origin_of
from napari_vdsr.plugin.scoring.scores import Score
from napari_vdsr.plugin.scoring.snapshots import (
    Snapshot,
    check_memory,
    check_pair,
    take_snapshot,
)
from napari_vdsr.plugin.scoring.tab import Tab
from napari_vdsr.plugin.scoring.tooltips import TOOLTIPS
from napari_vdsr.plugin.scoring.view_fields import (
    FieldForm,
    LayerList,
    choice,
    mark,
    offer,
)
from napari_vdsr.plugin.scoring.view_results import ResultsView
from napari_vdsr.plugin.scoring.view_work import WorkView
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import is_made, likely_truth
from napari_vdsr.plugin.widgets.colours import emphasise


class CompareTab(Tab):
    """Reference, layers and options above; scores below."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.reference = choice("reference")
        self.layers = LayerList()
        self.data_range = LineEdit(tooltip=TOOLTIPS["data_range"])
        self.data_range.native.setPlaceholderText("auto: follows the data")
        self.channels = choice("channels", [("luminance", True), ("R, G, B", False)])
        self.border = SpinBox(min=0, max=10_000, value=0, tooltip=TOOLTIPS["border"])
        self.fit = CheckBox(text="after a fit", value=True, tooltip=TOOLTIPS["fit"])
        self.error_map = CheckBox(text="error map", tooltip=TOOLTIPS["error_map"])
        self.live = CheckBox(text="live", value=True, tooltip=TOOLTIPS["live"])
        self.form = FieldForm(
            [
                ("Reference", self.reference),
                ("Layers", self.layers),
                ("Data range", self.data_range),
                ("Colours", self.channels),
                ("Border", self.border),
            ]
        )
        self.work = WorkView("Compare", "compare")
        self.results = ResultsView()
        ticks = QGridLayout()
        for column, box in enumerate((self.fit, self.error_map, self.live)):
            ticks.addWidget(box.native, 0, column)
        self.column.addWidget(self.form)
        self.column.addLayout(ticks)
        self.column.addWidget(self.work)
        self.column.addWidget(self.results)
        self.column.addStretch(1)
        self._compared: list[Compared] = []
        self._subjects: list[ref[Image]] = []
        self._again = False
        self._maps = ErrorMaps(viewer)
        self._follower = Follower(self, self._layers_changed)
        self._connect()

    @property
    def options(self) -> ScoreOptions:
        """How layers are compared."""
        return ScoreOptions(
            data_range=self.data_range.value,
            luminance=bool(self.channels.value),
            border=self.border.value,
            fit=self.fit.value,
            error_maps=self.error_map.value,
        )

    @property
    def scores(self) -> list[Score]:
        """The scores of the last comparison."""
        return self.results.scores

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        before, images = self._wanted(), self.images
        choices = [(layer.name, layer) for layer in images]
        offer(self.reference, choices, likely_truth(images))
        truth = self.reference.value
        others = [layer for layer in images if layer is not truth]
        self.layers.offer(others)
        results = [layer for layer in others if is_made(layer)]
        if results and not before:
            self.layers.tick(results[0])
        if self._wanted() != before:
            self._layers_changed()
        self.refresh()

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
        self.channels.enabled = truth is not None and bool(truth.rgb)
        for name in ("reference", "layers", "data_range", "border"):
            mark(getattr(self, name), colour if name == field else "")
        self.work.say(text, colour)
        self.work.button.setEnabled(not text)
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
        self._subjects = [ref(layer) for layer in self._wanted()]
        self._compared = []
        self._again = False
        self.begin(Comparing(truth, subjects, self.options), self.work)

    def deliver(self, result: Compared) -> None:
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
        for field in (
            self.data_range,
            self.channels,
            self.border,
            self.fit,
            self.error_map,
        ):
            field.changed.connect(self._layers_changed)
        self.work.button.clicked.connect(self._pressed)

    def _planned(self) -> tuple[Snapshot, list[Subject]]:
        """What Compare would compare; FieldError if something is wrong."""
        if self.reference.value is None:
            raise FieldError("reference", "Open two images to compare them.")
        truth = take_snapshot(self.reference.value)
        if self.error_map.value:
            check_memory(truth)  # the map is held in memory
        _ = self.options.peak  # raises when it is wrong
        if not self.layers.chosen:
            if not self.layers.count():
                msg = "Open another image to compare with the reference."
            else:
                msg = "Tick the layers to compare with the reference."
            raise FieldError("layers", msg)
        subjects = []
        for layer in self.layers.chosen:
            image = take_snapshot(layer)
            overlap = check_pair(truth, image)
            size = min(part.stop - part.start for part in overlap.region[-2:])
            if size <= 2 * self.border.value:
                msg = (
                    f"A border of {self.border.value} leaves nothing of the {size} "
                    f"pixels that '{layer.name}' shares with the reference: choose "
                    f"{(size - 1) // 2} at most."
                )
                raise FieldError("border", msg)
            subjects.append(Subject(image, origin_of(layer, self.images)))
        return truth, subjects

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
        if self._closed or not self.live.value:
            return
        if self.running:
            self._again = True
            if self._run is not None:
                self._run.cancel()
            return
        self.start()

    def _show(self, work: Comparing) -> None:
        self.results.setEnabled(True)
        self.results.show_scores(
            [compared.score for compared in self._compared],
            reference=work.reference.name,
            labels=work.reference.labels,
            theme=self._viewer.theme,
        )
        truth, *layers = [layer() for layer in self._subjects]
        for compared, layer in zip(self._compared, layers, strict=True):
            if truth is not None and layer is not None:
                self._maps.show(truth, layer, compared)

"""The tab for layers without a reference."""

from typing import Any
from weakref import ref

from napari.layers import Image
from qtpy.QtWidgets import QFrame, QLabel

from napari_vdsr.plugin.scoring.maps import add_quietly
from napari_vdsr.plugin.scoring.origin import Origin, origin_of
from napari_vdsr.plugin.scoring.placing import difference_layer
from napari_vdsr.plugin.scoring.snapshots import check_memory, take_snapshot
from napari_vdsr.plugin.scoring.tab import Tab
from napari_vdsr.plugin.scoring.unreferenced import (
    Agreement,
    CheckingConsistency,
    CheckingSampling,
    agreement_in_words,
    sampling_in_words,
)
from napari_vdsr.plugin.scoring.view_fields import FieldForm, choice, offer
from napari_vdsr.plugin.scoring.view_work import WorkView, words_label
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import is_made

_ABOUT = (
    "Without a sharper image of the same sample nobody can say how true new detail "
    "is. Two things can be checked nevertheless. Neither is a PSNR."
)
_FULL_COLOUR = 0.05  # of the data range: the difference shown in full colour


class CheckTab(Tab):
    """Whether a result agrees with its source; whether enlarging can help at all."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.result = choice("result")
        self.image = choice("image")
        self.consistency = WorkView("Check agreement", "consistency")
        self.sampling = WorkView("Check sampling", "sampling")
        self.agreement = words_label()
        self.verdict = words_label()
        about = words_label()
        about.setText(_ABOUT)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        for widget in (
            about,
            _title("Does a result agree with its source?"),
            FieldForm([("Result", self.result)]),
            self.consistency,
            self.agreement,
            line,
            _title("Can enlarging help this image?"),
            FieldForm([("Image", self.image)]),
            self.sampling,
            self.verdict,
        ):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self._checked: ref[Image] | None = None
        self._origin: Origin | None = None
        self.agreement.hide()
        self.verdict.hide()
        self.result.changed.connect(self._result_changed)
        self.image.changed.connect(self._image_changed)
        self.consistency.button.clicked.connect(self._consistency_pressed)
        self.sampling.button.clicked.connect(self._sampling_pressed)

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        images = self.images
        results = [layer for layer in images if origin_of(layer, images) is not None]
        offer(self.result, [(layer.name, layer) for layer in results])
        given = next((layer for layer in images if not is_made(layer)), None)
        offer(self.image, [(layer.name, layer) for layer in images], given)
        self.refresh()

    def refresh(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        if self._closed or self.running:
            return
        text = ""
        if self.result.value is None:
            text = (
                "There is no result here whose source is open: enlarge a layer with "
                "the panel Super-resolution."
            )
        self._show(self.consistency, self.result.value, text)
        none = "" if self.image.value is not None else "Open an image to check it."
        self._show(self.sampling, self.image.value, none)

    def deliver(self, result: Any) -> None:
        """Show an Agreement or an ImageReport in words."""
        if isinstance(result, Agreement):
            _say(self.agreement, *agreement_in_words(result.report))
            self._add_map(result)
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
                text, colour = str(error), self.colour("warning")
        view.say(text, colour)
        view.button.setEnabled(not text)

    def _result_changed(self) -> None:
        self.agreement.hide()
        self.refresh()

    def _image_changed(self) -> None:
        self.verdict.hide()
        self.refresh()

    def _consistency_pressed(self) -> None:
        if self.running:
            self.cancel()
            return
        layer = self.result.value
        self._origin = origin_of(layer, self.images)
        if self._origin is None:
            self.reset_choices()
            return
        self._checked = ref(layer)
        self.sampling.button.setEnabled(False)
        work = CheckingConsistency(take_snapshot(layer), self._origin)
        self.begin(work, self.consistency)

    def _sampling_pressed(self) -> None:
        if self.running:
            self.cancel()
            return
        self.consistency.button.setEnabled(False)
        self.begin(CheckingSampling(take_snapshot(self.image.value)), self.sampling)

    def _add_map(self, found: Agreement) -> None:
        layer = self._checked() if self._checked else None
        if layer is None or self._origin is None:
            return
        name = f"{layer.name} consistency"
        known = [x for x in self._viewer.layers if x.name == name]
        if known and known[0].data.shape == found.difference.shape:
            known[0].data = found.difference
            return
        shown = difference_layer(
            self._origin.source,
            found.difference,
            name=name,
            kind="consistency",
            limit=_FULL_COLOUR * found.report.data_range.value or 1.0,
            first=found.first,
        )
        add_quietly(self._viewer, shown)


def _title(text: str) -> QLabel:
    label = words_label()
    label.setText(f"<b>{text}</b>")
    return label


def _say(label: QLabel, headline: str, text: str) -> None:
    label.setText(f"<b>{headline}</b><br>{text}")
    label.show()

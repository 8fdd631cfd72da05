"""The widgets of the panel: fields, buttons, and the dialog that asks where to save."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from magicgui.widgets import CheckBox, RadioButtons
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QGroupBox,
    QLineEdit,
    QMessageBox,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_vdsr.files.atomic import file_name
from napari_vdsr.plugin.enlarge.plan import Task
from napari_vdsr.plugin.enlarge.results import AFTER, BEFORE, SPLIT
from napari_vdsr.plugin.enlarge.settings import FILE, Settings
from napari_vdsr.plugin.enlarge.work import check_whole, in_the_way, targets_of
from napari_vdsr.plugin.settings import FieldError, shown_fields
from napari_vdsr.plugin.viewer import Sources, selection_in_words
from napari_vdsr.plugin.widgets.elements import (
    breakable,
    push_button,
    put_below,
    side_by_side,
    tooltip_of_lines,
    wrapping_label,
)
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import Choice
from napari_vdsr.plugin.widgets.run_bar import RunBar
from napari_vdsr.plugin.words import Outlook
from napari_vdsr.zoo import Card
from napari_vdsr.zoo.model import is_file_name

# The fields, from the layer down to the layers beside the result

SELECTED = "selected layers"

_LAYER = (
    "The image to enlarge. 'Selected' follows the layer list: select several layers "
    "there to enlarge all of them with these settings; those that cannot be enlarged "
    "are left out and named. Of stacks, every plane is enlarged by itself, in Y and X "
    "only. Lazy and multiscale images give a lazy result: what is in view is computed "
    "as you look."
)
_SHAPES = "The Shapes layer whose shapes mark the parts to enlarge."
_NO_GPU = (
    "No graphics card was found that torch can use. If there is one, "
    "https://pytorch.org/get-started/locally tells how to install torch for it."
)
_MODEL_FILES = "Models (*.safetensors *.pth *.pt *.mat *.ckpt *.tar *.bin *.onnx)"


class EnlargeForm(Form[Settings]):
    """The settings, with the layer above them and the Shapes layer below the area."""

    def __init__(self, settings: Settings) -> None:
        self._model = settings.model  # the last one that was no request for a file
        self.layer = Choice(tooltip=_LAYER)
        self.shapes = Choice(tooltip=_SHAPES)
        super().__init__(settings)
        self.add_row("Layer", self.layer.native, 0, name="layer")
        self._shapes_row = self.add_row("Shapes", self.shapes.native, 3)
        self.changed.connect(self._show_more)
        self._show_more()

    def offer_layers(self, sources: Sources) -> None:
        """Replace the lists of layers; the first entry stands for the selection."""
        images = [(layer.name, layer) for layer in sources.images]
        self.layer.offer([(selection_in_words(sources.selected), SELECTED), *images])
        shapes = [(layer.name, layer) for layer in sources.shapes]
        self.shapes.offer(shapes)

    def offer_models(self, cards: Iterable[Card], *more: tuple[str, str]) -> None:
        """Replace the list of models, in this order; the last entry asks for a file."""
        if is_file_name(self._model):
            more = (*more, (Path(self._model).name, self._model))
        super().offer_models(cards, *more, ("model file …", FILE))

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Replace the list of devices, the best one first."""
        super().offer_devices(devices)
        tooltip = shown_fields(self._settings)["device"].tooltip
        alone = list(devices) == ["cpu"]
        self.explain("device", f"{tooltip}\n\n{_NO_GPU}" if alone else "")

    def _show_more(self) -> None:
        settings = self.settings
        self._shapes_row.show(settings.area == "rectangles")
        if self["model"].value == FILE:
            self._ask_for_model()
            return
        self._model = settings.model
        self.explain_model()

    def explain_model(self) -> None:
        """Tell in the tooltip what is known about the chosen model, or its file."""
        super().explain_model()
        if is_file_name(self._model):
            self.explain("model", tooltip_of_lines(self._model))

    def _ask_for_model(self) -> None:
        """Let the user choose a file of weights; otherwise the model stays."""
        # At once: the panel lives on while the dialog is open.
        self.settings = self.settings.changed({"model": self._model})
        folder = str(Path(self._model).parent) if is_file_name(self._model) else ""
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Model file", folder, _MODEL_FILES
        )
        if chosen:
            self.settings = self.settings.changed({"model": chosen})
            self.offer_models(self.cards.values())


# The messages, the buttons and the comparison

_RUN = "Enlarge and add the result as a new layer exactly over the source."
_CANCEL = "Stop after the tile in work; nothing half-done is added."
_PREVIEW = "Enlarge a small part in the middle of the view, to see what Run will give."
_SAVE = (
    "Enlarge into a file instead of a layer, part by part, so that the result may be "
    "larger than memory: OME-Zarr with a pyramid, or OME-TIFF. A stopped OME-Zarr is "
    "resumed when it is saved under the same name again."
)
_COMPARE = (
    "Show the source (before), the result (after) of the last run or preview, or the "
    "source left and the result right of a line."
)
_LINE = "Where the line lies: left of it is the source, right of it the result."
_LINK = "Changing the contrast of source or result changes both."
_SCRIPT = (
    "Copy Python that makes the same result as Run to the clipboard, without the "
    "layers beside it."
)
_RELEASE = "Forget the loaded model and give its memory back to the graphics card."
_RESET = "Set everything back to the defaults of napari's preferences."


class Controls(RunBar):
    """Buttons, two messages, the progress bar and the comparison."""

    def __init__(self) -> None:
        self.image = wrapping_label(lines=3)  # the description of the image
        self.preview = push_button("Preview", _PREVIEW)
        self.save = push_button("Save to…", _SAVE)
        others = self.preview, self.save
        super().__init__("Run", _RUN, *others, above=[self.image], lines=2)
        self.compare = RadioButtons(
            choices=[BEFORE, SPLIT, AFTER],
            orientation="horizontal",
            tooltip=_COMPARE,
        )
        self.compare.value = AFTER
        self.line = QSlider(Qt.Orientation.Horizontal)
        self.line.setRange(0, 100)
        self.line.setValue(50)
        self.line.setToolTip(_LINE)
        self.link = CheckBox(text="link contrast", tooltip=_LINK)
        self.script = push_button("Copy script", _SCRIPT)
        self.release = push_button("Free GPU", _RELEASE)
        self.reset = push_button("Reset", _RESET)
        self.release.hide()  # until there is a graphics card
        row = side_by_side(self.script, self.release, self.reset)
        put_below(self, self._comparison(), row)

    def show_running(self, text: str = "Cancel", tooltip: str = _CANCEL) -> None:
        """Show that a run is going on and may be cancelled."""
        super().show_running(text, tooltip)
        self.preview.setEnabled(False)
        self.save.setEnabled(False)

    def show_outlook(self, outlook: Outlook, theme: str) -> None:
        """Show what Run would make, or why it cannot."""
        super().show_outlook(outlook, theme)
        self.preview.setEnabled(outlook.possible)
        self.save.setEnabled(outlook.possible)

    def show_image(self, description: Outlook) -> None:
        """Show the description of the image."""
        self.image.setText(breakable(description.text))
        self.image.setToolTip(tooltip_of_lines(description.details))

    def allow_comparison(self, on: bool) -> None:
        """Whether there is anything to compare."""
        if not on:
            self.compare.value = AFTER
        self.compare.native.setEnabled(on)
        self.show_line()

    def show_line(self) -> None:
        """Let the line be moved while the view is split."""
        on = self.compare.native.isEnabled() and self.compare.value == SPLIT
        self.line.setEnabled(on)

    def _comparison(self) -> QGroupBox:
        """The outlined comparison."""
        self.compare.native.setStyleSheet("QGroupBox { border: 0; margin: 0; }")
        self.compare.native.layout().setContentsMargins(0, 0, 0, 0)
        self.compare.native.setAccessibleName("Compare with the source")
        self.line.setAccessibleName("Line between before and after")
        box = QGroupBox("Compare with the source")
        column = QVBoxLayout(box)
        for part in (self.compare.native, self.line, self.link.native):
            column.addWidget(part)
        return box


# Where to save

_TITLE = "Save the enlarged layer"
_KINDS = {"OME-Zarr (*.zarr)": ".zarr", "OME-TIFF (*.ome.tif)": ".ome.tif"}

Target = tuple[Path, bool]


def ask_for_target(parent: QWidget, tasks: Sequence[Task]) -> Target | None:
    """Let the user choose a file for one result, or a folder for several.

    Gives it and whether existing files may be replaced; None when the user cancels.
    Raises FieldError when a task is not a full layer.
    """
    check_whole(tasks)
    if len(tasks) == 1:
        dialog = _SaveDialog(parent, tasks)
        dialog.exec()
        dialog.deleteLater()
        return dialog.target
    title = f"Folder for {len(tasks)} enlarged layers (OME-Zarr)"
    chosen = QFileDialog.getExistingDirectory(parent, title)
    if not chosen:
        return None
    return _allowed(parent, Path(chosen), targets_of(tasks, Path(chosen)))


def _usual_name(task: Task) -> str:
    """A name for the file of a result, which is not that of its source."""
    y, x = (f"{factor:.3g}" for factor in task.plan.plane_factors)
    source = file_name(task.layer.name).removesuffix(".ome")
    return f"{source}-x{y if y == x else f'{y}x{x}'}"


class _SaveDialog(QFileDialog):
    """Asks for a file; images that are folders can be chosen, too.

    Qt's own dialogs, and those of the system, would enter such a folder.
    """

    def __init__(self, parent: QWidget, tasks: Sequence[Task]) -> None:
        super().__init__(parent, _TITLE)
        self._tasks = tasks
        self.target: Target | None = None  # the final choice
        self.setOption(QFileDialog.Option.DontUseNativeDialog)
        self.setOption(QFileDialog.Option.DontConfirmOverwrite)
        self.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.setNameFilters(list(_KINDS))
        self.selectFile(f"{_usual_name(tasks[0])}.zarr")
        self.filterSelected.connect(self._change_ending)

    def accept(self) -> None:
        """Accept the name that was typed, or say what is wrong with it."""
        path = Path(self.selectedFiles()[0])
        if path.is_dir() and path.suffix.lower() != ".zarr":
            super().accept()  # this enters the folder
            return
        try:
            targets = targets_of(self._tasks, path, _KINDS[self.selectedNameFilter()])
        except FieldError as error:
            QMessageBox.warning(self, _TITLE, str(error))
            return
        self.target = _allowed(self, targets[0], targets)
        if self.target is not None:
            self.done(QFileDialog.DialogCode.Accepted)

    def _change_ending(self, kind: str) -> None:
        # Qt inserts only the part of the ending after its last dot.
        line = self.findChild(QLineEdit)
        assert line is not None
        stem = re.sub(r"(\.ome)?\.(zarr|tiff?)$", "", line.text(), flags=re.IGNORECASE)
        line.setText(f"{stem}{_KINDS[kind]}")


def _allowed(parent: QWidget, chosen: Path, targets: Sequence[Path]) -> Target | None:
    """What was chosen, or None if something is there that must not be replaced."""
    question = in_the_way(targets)
    if not question:
        return chosen, False
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    answer = QMessageBox.question(parent, _TITLE, question, yes | no, no)
    return (chosen, True) if answer == yes else None

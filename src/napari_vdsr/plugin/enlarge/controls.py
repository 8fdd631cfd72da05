"""Buttons, the messages above them, the progress bar and the comparison."""

from magicgui.widgets import CheckBox, ProgressBar, RadioButtons
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGroupBox, QSlider, QVBoxLayout, QWidget

from napari_vdsr.plugin.enlarge.compare import AFTER, BEFORE, SPLIT
from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.widgets.colours import colour_words
from napari_vdsr.plugin.widgets.labels import breakable, tooltip_of_lines, words_below
from napari_vdsr.plugin.widgets.working import (
    BAR_STEPS,
    keep_slim,
    push_button,
    side_by_side,
)
from napari_vdsr.plugin.words import Outlook, words_of

_RUN = "Enlarge and add the result as a new layer exactly over the source."
_CANCEL = "Stop after the tile in work; nothing is added."
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


class Controls(QWidget):
    """Buttons, two messages, the progress bar and the comparison."""

    def __init__(self) -> None:
        super().__init__()
        self.message = words_below()  # what Run will make, progress, or what is wrong
        self.image = words_below()  # the description of the image
        # Reserve the usual lines, so that buttons do not move under the mouse.
        for label, lines in ((self.message.native, 2), (self.image.native, 3)):
            label.setMinimumHeight(lines * label.fontMetrics().lineSpacing() + 16)
        self.run = push_button("Run", _RUN)
        self.preview = push_button("Preview", _PREVIEW)
        self.save = push_button("Save to…", _SAVE)
        self.bar = ProgressBar(min=0, max=BAR_STEPS, visible=False)
        self.bar.native.setAccessibleName("Progress")
        keep_slim(self.bar.native, 8)
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
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (
            self.message.native,
            self.image.native,
            side_by_side(self.run, self.preview, self.save),
            self.bar.native,
            self._comparison(),
            side_by_side(self.script, self.release, self.reset),
        ):
            column.addWidget(part)
        self.release.visible = False  # until there is a graphics card
        self.show_idle()

    def show_idle(self) -> None:
        """Show that no run is going on."""
        self.run.text = "Run"
        self.run.tooltip = _RUN
        self.bar.visible = False

    def show_running(self) -> None:
        """Show that a run is going on and may be cancelled."""
        self.run.text = "Cancel"
        self.run.tooltip = _CANCEL
        self.run.enabled = True
        self.preview.enabled = False
        self.save.enabled = False
        self.bar.value = 0
        self.bar.visible = True

    def show_tick(self, tick: Tick) -> None:
        """Show how far the run has come."""
        self.bar.value = round(tick.fraction * BAR_STEPS)
        self.say(words_of(tick), "")

    def show_outlook(self, outlook: Outlook, colour: str, ready: bool) -> None:
        """Show what Run would make, or why it cannot; `ready` enables the buttons."""
        self.say(outlook.text, colour, outlook.details)
        self.run.enabled = ready
        self.preview.enabled = ready
        self.save.enabled = ready

    def show_image(self, words: tuple[str, str]) -> None:
        """Show the description of the image: a line, and the tooltip."""
        line, details = words
        self.image.value = breakable(line)
        self.image.tooltip = tooltip_of_lines(details)

    def say(self, text: str, colour: str, details: str = "") -> None:
        """Show a message with a tooltip; an empty colour is the usual one."""
        self.message.value = breakable(text)
        self.message.tooltip = tooltip_of_lines(details)
        colour_words(self.message.native, colour)

    def allow_comparison(self, on: bool) -> None:
        """Whether there is anything to compare."""
        if not on:
            self.compare.value = AFTER
        self.compare.enabled = on
        self.show_line()

    def show_line(self) -> None:
        """Let the line be moved while the view is split."""
        on = bool(self.compare.enabled and self.compare.value == SPLIT)
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

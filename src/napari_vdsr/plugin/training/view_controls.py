"""Buttons of the training panel, its message and progress bar."""

from collections.abc import Sequence

from magicgui.widgets import (
    ComboBox,
    Container,
    ProgressBar,
    PushButton,
    Widget,
)

from napari_vdsr.plugin.training.tooltips import TOOLTIPS
from napari_vdsr.plugin.training.unfinished import Unfinished
from napari_vdsr.plugin.views.fields import choice, offer, row
from napari_vdsr.plugin.views.labels import breakable, words_below
from napari_vdsr.plugin.views.working import BAR_STEPS, BUTTON_HEIGHT, keep_slim


class TrainingControls(Container[Widget]):
    """Buttons, a message, and the progress bar; Start also pauses and resumes."""

    def __init__(self) -> None:
        self.message = words_below()
        # Reserve two lines, so that buttons do not move under the mouse.
        self.message.native.setMinimumHeight(
            2 * self.message.native.fontMetrics().lineSpacing() + 6
        )
        self.start = PushButton(text="Start", tooltip=TOOLTIPS["start"])
        self.stop = PushButton(text="Stop", tooltip=TOOLTIPS["stop"])
        self.cancel = PushButton(text="Cancel", tooltip=TOOLTIPS["cancel"])
        self.bar = ProgressBar(min=0, max=BAR_STEPS, visible=False)
        keep_slim(self.bar.native, 8)
        super().__init__(
            widgets=[
                self.message,
                row("", self.start, self.stop, self.cancel),
                self.bar,
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        for button in (self.start, self.stop, self.cancel):
            button.native.setFixedHeight(BUTTON_HEIGHT)
        self.show_idle()

    def show_idle(self) -> None:
        """Show that nothing is being trained."""
        self._main("Start", "start")
        self.stop.enabled = self.cancel.enabled = False
        self.bar.visible = False

    def show_running(self) -> None:
        """Show that a training is running."""
        self._main("Pause", "pause")
        self.start.enabled = self.stop.enabled = self.cancel.enabled = True
        self.bar.visible = True

    def show_paused(self) -> None:
        """Show that a training can be resumed."""
        self._main("Resume", "resume")
        self.start.enabled = self.stop.enabled = self.cancel.enabled = True

    def show_waiting(self) -> None:
        """Show that a button was pressed and the current step is not done yet."""
        self.start.enabled = self.stop.enabled = self.cancel.enabled = False

    def show_fraction(self, fraction: float) -> None:
        """Show how far the training is, from 0 to 1."""
        self.bar.value = round(fraction * BAR_STEPS)

    def say(self, text: str, colour: str = "") -> None:
        """Show a message; an empty colour is the usual one."""
        self.message.value = breakable(text)
        style = f"color: {colour};" if colour else ""
        if self.message.native.styleSheet() != style:
            self.message.native.setStyleSheet(style)

    def _main(self, text: str, tooltip: str) -> None:
        self.start.text = text
        self.start.tooltip = TOOLTIPS[tooltip]


class UnfinishedBox(Container[Widget]):
    """Unfinished trainings to resume or discard; hidden when there are none."""

    def __init__(self) -> None:
        self._title = words_below()
        self.chosen: ComboBox = choice("unfinished", TOOLTIPS["unfinished"])
        self.go_on = PushButton(text="Resume", tooltip=TOOLTIPS["go_on"])
        self.discard = PushButton(text="Discard", tooltip=TOOLTIPS["discard"])
        super().__init__(
            widgets=[
                self._title,
                self.chosen,
                row("", self.go_on, self.discard),
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        for button in (self.go_on, self.discard):
            button.native.setFixedHeight(BUTTON_HEIGHT)

    def offer(self, trainings: Sequence[Unfinished]) -> None:
        """Replace the list."""
        offer(self.chosen, {f"{t.name} · step {t.step}": t.name for t in trainings})
        one = "This training was" if len(trainings) == 1 else "These trainings were"
        self._title.value = f"{one} not finished:"
        self.visible = bool(trainings)

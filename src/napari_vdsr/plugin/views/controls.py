"""Buttons, the message above them and the progress bar."""

from magicgui.widgets import (
    CheckBox,
    Container,
    ProgressBar,
    PushButton,
    RadioButtons,
    Widget,
)

from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.model.estimate import Outlook, format_duration
from napari_vdsr.plugin.views.fields import row
from napari_vdsr.plugin.views.labels import breakable, tooltip_of_lines, words_below
from napari_vdsr.plugin.views.tooltips import TOOLTIPS
from napari_vdsr.plugin.views.working import BAR_STEPS, BUTTON_HEIGHT, keep_slim

BEFORE, AFTER = "before", "after"


class Controls(Container[Widget]):
    """Buttons, two messages, and the progress bar."""

    def __init__(self) -> None:
        self.message = words_below()  # what Run will make, progress, or what is wrong
        self.image = words_below()  # the description of the image
        # Reserve the usual lines, so that buttons do not move under the mouse.
        for label, lines in ((self.message.native, 2), (self.image.native, 3)):
            label.setMinimumHeight(lines * label.fontMetrics().lineSpacing() + 16)
        self.run = PushButton(text="Run", tooltip=TOOLTIPS["run"])
        self.preview = PushButton(text="Preview", tooltip=TOOLTIPS["preview"])
        self.save = PushButton(text="Save to…", tooltip=TOOLTIPS["save"])
        self.bar = ProgressBar(min=0, max=BAR_STEPS, visible=False)
        keep_slim(self.bar.native, 8)
        self.compare = RadioButtons(
            choices=[BEFORE, AFTER],
            orientation="horizontal",
            tooltip=TOOLTIPS["compare"],
        )
        self.link = CheckBox(text="link contrast", tooltip=TOOLTIPS["link"])
        self.compare.value = AFTER
        self.compare.native.setStyleSheet("QGroupBox { border: 0; margin: 0; }")
        self.compare.native.layout().setContentsMargins(0, 0, 0, 0)
        self.script = PushButton(text="Copy script", tooltip=TOOLTIPS["script"])
        self.release = PushButton(text="Free GPU", tooltip=TOOLTIPS["release"])
        self.reset = PushButton(text="Reset", tooltip=TOOLTIPS["reset"])
        super().__init__(
            widgets=[
                self.message,
                self.image,
                row("", self.run, self.preview, self.save),
                self.bar,
                row("", self.compare, self.link),
                row("", self.script, self.release, self.reset),
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        rows = (self.run, self.preview, self.save), (self.script, self.release)
        for button in (*rows[0], *rows[1], self.reset):
            button.native.setFixedHeight(BUTTON_HEIGHT)
        self.show_idle()

    def show_idle(self) -> None:
        """Show that no run is going on."""
        self.run.text = "Run"
        self.run.tooltip = TOOLTIPS["run"]
        self.bar.visible = False

    def show_running(self) -> None:
        """Show that a run is going on and may be cancelled."""
        self.run.text = "Cancel"
        self.run.tooltip = TOOLTIPS["cancel"]
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
        style = f"color: {colour};" if colour else ""
        if self.message.native.styleSheet() != style:
            self.message.native.setStyleSheet(style)


def words_of(tick: Tick) -> str:
    """How far a run has come: "Upscaling · 25 % · 30 s left"."""
    if tick.remaining is None:
        return f"{tick.phase} …"
    left = format_duration(tick.remaining)
    return f"{tick.phase} · {tick.fraction:.0%} · {left} left".replace("%", " %")

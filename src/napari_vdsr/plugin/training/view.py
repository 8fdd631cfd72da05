"""The training panel's widgets, put together."""

from magicgui.widgets import PushButton
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QMessageBox, QVBoxLayout, QWidget

from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.model.estimate import Outlook
from napari_vdsr.plugin.training.session import Session
from napari_vdsr.plugin.training.tooltips import TOOLTIPS
from napari_vdsr.plugin.training.view_controls import TrainingControls, UnfinishedBox
from napari_vdsr.plugin.training.view_curves import Curves
from napari_vdsr.plugin.training.view_form import TrainingForm
from napari_vdsr.plugin.training.words import (
    memory_in_use,
    progress_words,
    remark_words,
)
from napari_vdsr.plugin.views.colours import emphasise, message_colour
from napari_vdsr.plugin.views.controls import words_of
from napari_vdsr.plugin.views.fields import row
from napari_vdsr.plugin.views.labels import breakable, tooltip_of_lines, words_below
from napari_vdsr.plugin.views.scrolling import scrolled
from napari_vdsr.plugin.views.working import BUTTON_HEIGHT


class TrainingView(QWidget):
    """The training panel without its behaviour."""

    def __init__(self) -> None:
        super().__init__()
        self.unfinished = UnfinishedBox()
        self.form = TrainingForm()
        self.controls = TrainingControls()
        self.remarks = words_below()
        self.remarks.visible = False
        self.curves = Curves()
        self.script = PushButton(text="Copy script", tooltip=TOOLTIPS["script"])
        self.reset = PushButton(text="Reset", tooltip=TOOLTIPS["reset"])
        for button in (self.script, self.reset):
            button.native.setFixedHeight(BUTTON_HEIGHT)
        self._last_row = row("", self.script, self.reset)
        inner = QWidget()
        column = QVBoxLayout(inner)
        for part in (self.unfinished, self.form, self.controls, self.remarks):
            column.addWidget(part.native)
        column.addWidget(self.curves)
        column.addWidget(self._last_row.native)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(inner))

    def lock(self, locked: bool) -> None:
        """Lock or unlock what a training depends on."""
        for part in (self.form, self.unfinished, self.reset):
            part.enabled = not locked

    def show_outlook(self, outlook: Outlook, news: str, theme: str) -> None:
        """Show what Start would do, or why it cannot.

        The news of the last training stands above it.
        """
        colour = message_colour(outlook.level, theme)
        text = outlook.text
        if news and outlook.level == "info":
            text = f"{news}\n{text}"
        self.form.mark(outlook.field, colour)
        self.controls.say(text, colour)
        self.controls.start.enabled = outlook.level in ("info", "warning")

    def show_beginning(self, tick: Tick) -> None:
        """Show what is done before the first step."""
        self.controls.say(words_of(tick))
        self.controls.show_fraction(tick.fraction)

    def show_progress(self, session: Session, theme: str) -> None:
        """Show how far a training is, and how well it goes."""
        report = session.report
        if report is not None:
            memory = memory_in_use(session.device)
            self.controls.say(progress_words(report, session.device, memory))
            self.controls.show_fraction(report.step / report.steps)
        self.remarks.value = breakable(remark_words(session.remarks))
        self.remarks.tooltip = tooltip_of_lines("\n".join(session.remarks))
        self.remarks.visible = bool(session.remarks)
        self._draw(session, theme)

    def recolour(self, theme: str, session: Session | None) -> None:
        """Follow the viewer's theme; `session` is the one whose curves are shown."""
        emphasise(self.controls.start.native, self.controls.bar.native, theme)
        style = f"color: {message_colour('warning', theme)};"
        if self.remarks.native.styleSheet() != style:
            self.remarks.native.setStyleSheet(style)
            if session is not None:
                self._draw(session, theme)

    def is_sure(self) -> bool:
        """Ask whether the training is really to be discarded."""
        answer = QMessageBox.question(
            self, "VDSR training", "Forget what was learnt in this training?"
        )
        return answer == QMessageBox.StandardButton.Yes

    def _draw(self, session: Session, theme: str) -> None:
        if session.history is not None:
            colours = get_theme(theme)
            self.curves.draw(
                session.history,
                session.config.kernel,
                colours.background.as_hex(),
                colours.text.as_hex(),
            )

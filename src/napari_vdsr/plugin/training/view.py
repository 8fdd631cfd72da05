"""The training panel's widgets, put together."""

from collections.abc import Sequence

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_vdsr.plugin.settings import blame
from napari_vdsr.plugin.training.pictures import Curves
from napari_vdsr.plugin.training.session import Session
from napari_vdsr.plugin.training.settings import (
    ALL,
    FOLDER,
    SELECTED,
    SHARES,
    TrainingSettings,
)
from napari_vdsr.plugin.training.unfinished import Unfinished
from napari_vdsr.plugin.training.words import (
    meant_by,
    meant_in_words,
    memory_in_use,
    progress_words,
    remark_words,
    shares_of_one,
)
from napari_vdsr.plugin.widgets.elements import (
    breakable,
    colour_words,
    message_colour,
    push_button,
    put_below,
    side_by_side,
    tooltip_of_lines,
    wrapping_label,
)
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import Choice
from napari_vdsr.plugin.widgets.run_bar import RunBar

_START = "Train. The state is kept on disk now and then, so that nothing is lost."
_PAUSE = "Pause after the step in work; Resume continues as if nothing had happened."
_FINISH = "End after the step in work and make a model of what was learnt until then."
_DISCARD = "End after the step in work and throw away what was learnt."
_USE = "Open the panel Super-resolution with this model."


class TrainingView(QWidget):
    """The training panel without its behaviour.

    During a training the curves take the place of the form.
    """

    def __init__(self, defaults: TrainingSettings) -> None:
        super().__init__()
        self.unfinished = UnfinishedBox()
        self.form = Form(defaults)
        self.controls = TrainingControls()
        self.advice, self.remarks = wrapping_label(), wrapping_label()
        self.advice.hide()
        self.remarks.hide()
        self.curves = Curves()
        self.script = push_button(
            "Copy script", "Copy Python that does the same as Start to the clipboard."
        )
        self.reset = push_button("Reset", "Set everything back to the defaults.")
        put_below(
            self,
            self.unfinished,
            self.form,
            self.controls.title,
            self.controls,
            self.advice,
            self.remarks,
            self.curves,
            side_by_side(self.script, self.reset),
        )

    def offer_images(self, selected: str, names: Sequence[str]) -> None:
        """Replace the list of image layers; `selected` describes the selected ones."""
        choices = {selected: SELECTED, ALL: ALL, "a folder …": FOLDER}
        self.form["images"].offer(choices | {name: name for name in names})

    def show_what_is_meant(
        self, settings: TrainingSettings, name: str, images: int
    ) -> None:
        """Show in empty fields what they stand for; `name` is that of the model.

        FieldError for a recipe that is not known, as other versions may have saved.
        """
        from napari_vdsr.training import recipe

        form = self.form
        with blame("recipe"):
            config = recipe(settings.recipe)
        form.suggest("name", name)
        form.suggest("factors", ", ".join(f"{factor:g}" for factor in config.factors))
        for field, value in meant_by(config).items():
            form.suggest(field, f"{value:g}", value)
        for field, words in meant_in_words(config).items():
            form.suggest(field, words)
        single = settings.images != FOLDER and images == 1
        form["held"].offer(shares_of_one(settings.held) if single else SHARES)
        form.explain_model()

    def lock(self, locked: bool) -> None:
        """Hide what must not be changed during a training, or show it again."""
        self.form.setVisible(not locked)
        self.advise("")
        self.unfinished.lock(locked)
        self.reset.setEnabled(not locked)

    def advise(self, text: str) -> None:
        """Say what to choose instead, or nothing."""
        self.advice.setText(breakable(text))
        self.advice.setVisible(bool(text))

    def show_progress(self, session: Session, theme: str) -> None:
        """Show how far a training is, and how well it goes."""
        report = session.report
        if report is not None:
            memory = memory_in_use(session.device)
            left = session.remaining or 0.0
            words = progress_words(
                report, left, session.device, memory, session.waiting
            )
            self.controls.say(words)
            self.controls.show_fraction(report.step / report.steps)
        self.remarks.setText(breakable(remark_words(session.remarks)))
        self.remarks.setToolTip(tooltip_of_lines("\n".join(session.remarks)))
        self.remarks.setVisible(bool(session.remarks))
        self._draw(session, theme)

    def recolour(self, theme: str, session: Session | None) -> None:
        """Follow the viewer's theme; `session` is the one whose curves are shown."""
        self.controls.emphasise(theme)
        warning = message_colour("warning", theme)
        colour_words(self.advice, warning)
        anew = colour_words(self.remarks, warning)
        if anew and session is not None:
            self._draw(session, theme)

    def is_sure(self) -> bool:
        """Ask whether the training is really to be discarded."""
        answer = QMessageBox.question(
            self, "VDSR training", "Throw away what was learnt in this training?"
        )
        return answer == QMessageBox.StandardButton.Yes

    def _draw(self, session: Session, theme: str) -> None:
        if session.history is not None:
            self.curves.draw(session.history, session.config.kernel, theme)


class TrainingControls(RunBar):
    """Buttons, a message, and the progress bar; Start also pauses and resumes."""

    def __init__(self) -> None:
        self.title = wrapping_label()  # what is being trained
        self.stop = push_button("Finish now", _FINISH)
        self.cancel = push_button("Discard", _DISCARD)
        self.use = push_button("Use this model", _USE)
        others = self.stop, self.cancel
        super().__init__("Start", _START, *others, above=[self.use], lines=2)
        self.use.hide()

    def show_idle(self) -> None:
        """Show that nothing is being trained."""
        super().show_idle()
        for part in (self.title, self.stop, self.cancel):
            part.hide()

    def show_training(self, title: str) -> None:
        """Show that a training is running."""
        self.show_running("Pause", _PAUSE)
        self.title.setText(breakable(title))
        for part in (self.title, self.stop, self.cancel):
            part.show()
        self.use.hide()
        self._enable(True)

    def show_paused(self) -> None:
        """Show that a training can be resumed."""
        self.name_button("Resume", "Continue.")
        self._enable(True)

    def show_waiting(self, text: str) -> None:
        """Show that a button was pressed and the current step is not done yet."""
        self.say(text)
        self._enable(False)

    def _enable(self, on: bool) -> None:
        for each in (self.button, self.stop, self.cancel):
            each.setEnabled(on)


class UnfinishedBox(QWidget):
    """Unfinished trainings to resume or discard; hidden when there are none."""

    def __init__(self) -> None:
        super().__init__()
        self._title = wrapping_label()
        self.chosen = Choice(
            tooltip="Trainings that were begun and neither finished nor discarded."
        )
        self.chosen.native.setAccessibleName("Unfinished training")
        self.resume = push_button(
            "Resume",
            "Continue this training. The same images are needed; layers must be open "
            "under the same names.",
        )
        self.discard = push_button(
            "Discard", "Throw away this training and what was learnt in it."
        )
        buttons = side_by_side(self.resume, self.discard)
        put_below(self, self._title, self.chosen.native, buttons)
        self._locked = False
        self._show()

    def offer(self, trainings: Sequence[Unfinished]) -> None:
        """Replace the list."""
        self.chosen.offer({f"{t.name} · step {t.step}": t.name for t in trainings})
        one = "This training was" if len(trainings) == 1 else "These trainings were"
        self._title.setText(f"{one} not finished:")
        self._show()

    def lock(self, locked: bool) -> None:
        """Hide it during a training, or show it again if there is anything."""
        self._locked = locked
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self.chosen.choices) and not self._locked)

"""The panel "VDSR training"."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from napari.layers import Layer
from napari.utils.notifications import show_error, show_info, show_warning

from napari_vdsr.errors import FileError
from napari_vdsr.plugin.background import Run
from napari_vdsr.plugin.commands import open_with_model
from napari_vdsr.plugin.describing import Describer
from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.machine import Devices
from napari_vdsr.plugin.models import announce_change
from napari_vdsr.plugin.settings import WAIT, FieldError
from napari_vdsr.plugin.training import planning, unfinished, words
from napari_vdsr.plugin.training.machine import Paces
from napari_vdsr.plugin.training.pictures import PreviewLayer
from napari_vdsr.plugin.training.planning import Plan, free_name, plan_training
from napari_vdsr.plugin.training.session import Session
from napari_vdsr.plugin.training.settings import (
    ALL,
    FOLDER,
    SELECTED,
    TrainingSettings,
)
from napari_vdsr.plugin.training.view import TrainingView
from napari_vdsr.plugin.viewer import Sources, selection_in_words
from napari_vdsr.plugin.widgets.elements import copy_text, message_colour
from napari_vdsr.plugin.widgets.panel import Panel
from napari_vdsr.plugin.words import Outlook

_DRAWN_EVERY = 1.0  # seconds between two drawings of the curves
_WAITING = {
    "pause": "Pausing after the step in work …",
    "stop": "Finishing after the step in work …",
    "cancel": "Discarding after the step in work …",
}
_WORTH_ASKING = 30.0  # seconds of training that Discard throws away without a question


class Training(Panel[TrainingSettings]):
    """Trains networks on layers of a viewer, or on a folder of images.

    Connects the fields and buttons with the viewer's layers and the training.
    """

    kind = TrainingSettings
    file_name = "training"
    preferences = ("device",)

    def build(self) -> None:
        """Make the form and what stands below it."""
        self.view = TrainingView(self._defaults)
        self.fill(self.view)
        self.form, self.controls = self.view.form, self.view.controls
        self.unfinished = self.view.unfinished
        self._sources = Sources(self._viewer)
        self._session: Session | None = None
        self._last: Session | None = None
        self._run = Run(
            self,
            self._viewer,
            on_tick=self._ticked,
            on_result=self._show_preview,
            on_end=self._ended,
        )
        self._preview: PreviewLayer | None = None
        self._drawn = 0.0
        self._failure: Outlook | None = None
        self.settings = self._saved
        needed = "napari_vdsr.training"  # for what recipes say
        self._devices = self.kept(Devices(self, self._devices_known, needed))
        self._paces = self.kept(Paces(self, self.refresh_soon))
        self._describer = self.kept(Describer(self, self.refresh_soon))
        self._connect()

    @property
    def running(self) -> bool:
        """Whether steps are being done."""
        return self._run.running

    @property
    def paused(self) -> bool:
        """Whether a training waits for Resume."""
        return self._session is not None and not self.running

    def offer_choices(self) -> None:
        """Update the lists of layers, models and unfinished trainings."""
        if self._session is None:  # otherwise the form shows what is being trained
            self._offer_images(self._sources.selected)
        if self.models.known:
            self.form.offer_models(self.models.cards)
        if self._devices.usable:  # or torch would be imported here, for seconds
            self.unfinished.offer(unfinished.find_unfinished())

    # What the buttons do

    def start(self) -> None:
        """Start a training, as the button does; nothing when a field is wrong."""
        self.catch_up()
        plan = self._ready_plan()
        if plan is not None:
            self._begin(plan)

    def pause(self) -> None:
        """Pause after the current step."""
        self._ask_for("pause")

    def resume(self, wish: str = "") -> None:
        """Resume after a pause; "stop" or "cancel" to do only that."""
        if self.paused and self._session is not None:
            self._session.renew(wish)
            self._work()
            if wish:
                self.controls.show_waiting(_WAITING[wish])

    def finish(self) -> None:
        """End the training and save its model as it is now."""
        if self.paused and self._session and not self._session.has_learnt:
            self.controls.say("Nothing is learnt yet: press Resume first, or Discard.")
            return
        self._ask_for("stop")

    def cancel(self) -> None:
        """Discard the training; ask first if it took long."""
        session = self._session
        # Of a resumed one, the seconds are not known at first.
        long = session and (session.plan.resume or session.seconds >= _WORTH_ASKING)
        if not long or self.view.is_sure():
            self._ask_for("cancel")

    def take_up(self) -> None:
        """Resume the chosen unfinished training."""
        chosen = self._chosen_unfinished()
        if chosen is None or self._session is not None:
            return
        try:
            layers = [self._layer_named(name) for name in chosen.layers]
            plan = self._planned_with(chosen.settings, layers, resume=True)
        except FieldError as error:  # it is not in the way of Start
            colour = message_colour("error", self._viewer.theme)
            self.form.mark(error.field, colour)
            self.controls.say(str(error), colour)
            return
        self._begin(plan)
        self._offer_images(layers)
        self.settings = chosen.settings
        self.view.show_what_is_meant(chosen.settings, chosen.name, len(layers))

    def discard(self) -> None:
        """Discard the chosen unfinished training."""
        chosen = self._chosen_unfinished()
        if chosen and self.view.is_sure() and self._chosen_unfinished():
            unfinished.forget(chosen.name)
            PreviewLayer(self._viewer, chosen.name).remove()
            self.reset_choices()
            self.catch_up()

    def use_model(self) -> None:
        """Open the panel Super-resolution with the model that was trained last."""
        if self._last is not None:
            open_with_model(self._viewer, self._last.model_name)

    def copy_script(self) -> None:
        """Put Python that does the same as Start on the clipboard."""
        try:
            plan = self._session.plan if self._session is not None else self._planned()
        except FieldError as error:
            show_warning(str(error))
            return
        copy_text(words.as_script(plan))
        show_info("The script is on the clipboard.")

    # Inside

    def _connect(self) -> None:
        self.controls.button.clicked.connect(self._start_pressed)
        self.controls.stop.clicked.connect(self.finish)
        self.controls.cancel.clicked.connect(self.cancel)
        self.unfinished.resume.clicked.connect(self.take_up)
        self.unfinished.discard.clicked.connect(self.discard)
        self.view.script.clicked.connect(self.copy_script)
        self.view.reset.clicked.connect(self.reset)
        self.controls.use.clicked.connect(self.use_model)
        self.form["begin"].changed.connect(self._begin_changed)
        self.form["sampling"].changed.connect(self._sampling_changed)
        self.form.changed.connect(self._form_changed)

    @property
    def _layers(self) -> list[Any]:
        chosen = self.form["images"].value
        if chosen == ALL:
            return self._sources.images[::-1]
        return self._sources.named(None if chosen == SELECTED else chosen)

    def _offer_images(self, selected: Sequence[Layer]) -> None:
        names = [layer.name for layer in self._sources.images]
        self.view.offer_images(selection_in_words(selected), names)

    def _begin_changed(self, _: str) -> None:
        self.settings = planning.begun_with(self.settings, self.form.cards)

    def _sampling_changed(self, _: str) -> None:
        self.settings = planning.suited_to(self.settings, self.form.cards)

    def _layer_named(self, name: str) -> Any:
        found = self._sources.named(name)
        if found:
            return found[0]
        raise FieldError(
            "images", f"This training learns from '{name}': open that layer again."
        )

    def _chosen_unfinished(self) -> "unfinished.Unfinished | None":
        """The chosen one; None, and says so, if it is not there any more."""
        name = self.unfinished.chosen.value
        every = unfinished.find_unfinished()
        chosen = next((each for each in every if each.name == name), None)
        if chosen is None:
            said = f"The training '{name}' goes on elsewhere, or is not there now."
            self.controls.news = Outlook(said)
            self.reset_choices()
        return chosen

    def reset_choices(self, *_: Any) -> None:
        """Update the lists soon; what failed may work with other layers."""
        self._failure = None
        super().reset_choices()

    def _form_changed(self) -> None:
        if self._unnamed != self._saved:
            self.controls.news, self._failure = Outlook(""), None
        self.refresh_soon()

    @property
    def _unnamed(self) -> TrainingSettings:
        """What is kept for the next opening; a name is for one model only."""
        return self.settings.changed({"name": ""})

    def _devices_known(self) -> None:
        self.form.offer_devices(self._devices.names)
        self.reset_choices()  # of the unfinished trainings, too

    def _planned(self) -> Plan:
        """What Start would do; FieldError with the field that is wrong."""
        self._devices.check()  # recipes need torch, which it imports
        settings, layers = self.settings, self._layers
        free = free_name(taken=[card.name for card in self.models.cards])
        self.view.show_what_is_meant(settings, free, len(layers))
        if settings.images != FOLDER and not layers:
            self._sources.refuse_helpers("images")
        named = settings.changed({"name": settings.name.strip() or free})
        return self._planned_with(named, layers)

    def _planned_with(
        self, settings: TrainingSettings, layers: Sequence[Any], resume: bool = False
    ) -> Plan:
        if not self._ready:
            raise FieldError("", WAIT)
        card = self.models.find(settings.model)
        device = self._devices.resolved(settings.device)
        return plan_training(settings, layers, card, device, resume=resume)

    def _ready_plan(self) -> Plan | None:
        """What Start would do; None while something is trained, or a field is wrong."""
        if self.closed or self._session is not None:
            return None
        try:
            return self._planned()
        except FieldError as error:
            self._show(Outlook.of_error(error))
            return None

    def refresh(self) -> None:
        """Keep the settings, and say above Start what it would do."""
        self.view.recolour(self._viewer.theme, self._last)
        if self._session is not None:
            return
        self.remember(self._unnamed)
        plan, advice = self._ready_plan(), ""
        if plan is not None:
            outlook = words.foresee(plan, self._paces.seconds(plan))
            if self.controls.news.text:
                outlook = replace(outlook, text=f"Next: {outlook.text}")
            self._show(self._failure or outlook)
            self.controls.button.setEnabled(True)
            found = self._describer.look_at_all(plan.images.layers)
            advice = words.advice_on(found, plan)
        self.view.advise(advice)

    def _show(self, outlook: Outlook) -> None:
        theme = self._viewer.theme
        self.form.mark(outlook.field, message_colour(outlook.level, theme))
        self.controls.show_outlook(outlook, theme)

    # A training

    def _begin(self, plan: Plan) -> None:
        names = [layer.name for layer in plan.images.layers]
        try:
            unfinished.begin(plan.settings, names)
        except FileError as error:
            self._show(Outlook(str(error), "error", "name"))
            return
        self._failure = None
        self._session = self._last = Session(plan)
        self._preview = PreviewLayer(self._viewer, plan.settings.name)
        self.view.lock(True)
        self.form.mark("", "")
        self._work()

    def _work(self) -> None:
        assert self._session is not None
        if self._run.start(self._session):
            self.controls.show_training(words.title_of(self._session.plan))
        else:  # the panel was closed meanwhile
            self._session.leave("paused")

    def _ask_for(self, wish: str) -> None:
        if self.running and self._session is not None:
            self._session.ask_for(wish)
            self.controls.show_waiting(_WAITING[wish])
        elif wish != "pause":
            self.resume(wish)

    def _ticked(self, tick: Tick) -> None:
        session = self._session
        assert session is not None
        if session.history is not None and self.view.curves.make_next():
            return  # one a tick, before there is anything to be drawn
        if session.report is None:
            self.controls.show_tick(tick)
            if session.waiting:
                self.controls.say(f"{session.waiting} …")
        elif session.wish == "" and time.monotonic() - self._drawn >= _DRAWN_EVERY:
            self._drawn = time.monotonic()
            self.view.show_progress(session, self._viewer.theme)

    def _show_preview(self, picture: Any) -> Iterator[None]:
        assert self._preview is not None
        return self._preview.show(picture)

    def _ended(self, session: Session) -> None:
        self.view.show_progress(session, self._viewer.theme)
        if session.message and session.outcome != "failed":
            show_error(session.message)
        if session.outcome == "paused":
            report = session.report
            step = "" if report is None else f" after step {report.step}"
            self.controls.say(f"Paused{step}.")
            self.controls.show_paused()
            return
        self._session = None
        self.view.lock(False)
        self.controls.show_idle()
        if session.outcome == "done" or session.plan.resume:
            self.form["name"].value = ""
        if session.outcome == "cancelled" and self._preview is not None:
            self._preview.remove()
        if session.outcome == "done":
            if session.history is not None:
                steps, seconds = session.history.steps, session.seconds
                self._paces.learn(session.plan, steps, seconds)
            self.controls.use.show()
            self.scroll_to(self.controls.use)
        announce_change()  # a model may have been fetched, too
        self.reset_choices()
        self.controls.news = Outlook(words.news_of(session))
        if session.outcome == "failed" and session.message:
            self._failure = Outlook(session.message, "error", session.field)
        self.catch_up()

    def _start_pressed(self) -> None:
        if self.running:
            self.pause()
        elif self.paused:
            self.resume()
        else:
            self.start()

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        if self._session is not None:
            self._session.abandon()
        self._run.close()

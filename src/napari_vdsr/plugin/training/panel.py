"""The panel "VDSR training"."""

import time
from collections.abc import Sequence
from typing import Any

from napari.layers import Image, Layer
from napari.utils.notifications import show_error, show_info, show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_vdsr.errors import FileError
from napari_vdsr.plugin import model_list
from napari_vdsr.plugin.commands import open_with_model
from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.model.estimate import Outlook
from napari_vdsr.plugin.model.settings import FieldError
from napari_vdsr.plugin.model.state import load_settings, save_settings
from napari_vdsr.plugin.preferences import apply_cache_folder, preferred_settings
from napari_vdsr.plugin.run import Run
from napari_vdsr.plugin.sources import Sources, selection_in_words
from napari_vdsr.plugin.training import unfinished
from napari_vdsr.plugin.training.machine import Machine
from napari_vdsr.plugin.training.planning import Plan, free_name, plan_training
from napari_vdsr.plugin.training.preview_layer import PreviewLayer, is_preview
from napari_vdsr.plugin.training.script import as_script
from napari_vdsr.plugin.training.session import Session
from napari_vdsr.plugin.training.settings import (
    ALL,
    SCRATCH,
    SELECTED,
    TrainingSettings,
)
from napari_vdsr.plugin.training.view import TrainingView
from napari_vdsr.plugin.training.words import (
    news_of,
    products_done,
    title_of,
)
from napari_vdsr.plugin.views.closing import ClosingWatcher
from napari_vdsr.plugin.watching import ViewerWatcher
from napari_vdsr.zoo import models

_PANEL = "training"
_WAIT = 60  # milliseconds in which several changes count as one
_DRAWN_EVERY = 1.0  # seconds between two drawings of the curves
_WAITING = {
    "pause": "Pausing after the step in work …",
    "stop": "Finishing after the step in work …",
    "cancel": "Discarding after the step in work …",
}
_WORTH_ASKING = 30.0  # seconds of training that Discard throws away without a question


class Training(TrainingView):
    """Trains networks on layers of a viewer, or on a folder of images.

    Connects the fields and buttons with the viewer's layers and the training.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        device = preferred_settings().device
        self._defaults = TrainingSettings().changed({"device": device})
        super().__init__(self._defaults)
        # napari passes a proxy; layers taken from it would be proxies, too.
        self._viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._sources = Sources(self._viewer)
        self._session: Session | None = None
        self._last: Session | None = None
        self._run = Run(
            self,
            on_tick=self._ticked,
            on_result=self._show_preview,
            on_end=self._ended,
        )
        self._preview: PreviewLayer | None = None
        self._drawn = 0.0
        self._news = ""
        self._failure: Outlook | None = None
        self._closed = False
        apply_cache_folder()
        self._saved = load_settings(self._defaults, _PANEL)
        self.offer_models(models())
        self.form.settings = self._saved
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT)
        self._soon.timeout.connect(self._refresh)
        self.unfinished.resume.enabled = False  # until the machine is known
        self._machine = Machine(self, self._probed)
        self._watcher = ClosingWatcher(self, self._close_down)
        self._connect()
        model_list.follow(self)
        self.reset_choices()
        self._refresh()

    @property
    def running(self) -> bool:
        """Whether steps are being done."""
        return self._run.running

    @property
    def paused(self) -> bool:
        """Whether a training waits for Resume."""
        return self._session is not None and not self.running

    def reset_choices(self, *_: Any) -> None:
        """Update the lists of layers, models and unfinished trainings."""
        if self._closed:
            return
        if self._session is None:  # otherwise the form shows what is being trained
            self._offer_images(self._sources.selected)
        self.offer_models(models())
        self.unfinished.offer(unfinished.find_unfinished())
        self._refresh_soon()

    # What the buttons do

    def start(self) -> None:
        """Start a training, as the button does; nothing when a field is wrong."""
        plan = None if self._session is not None else self._refresh()
        if plan is not None:
            self._begin(plan)

    def pause(self) -> None:
        """Pause after the current step."""
        self._ask_for("pause")

    def resume(self) -> None:
        """Resume after a pause."""
        self._go_on()

    def stop(self) -> None:
        """End the training and save its model as it is now."""
        self._ask_for("stop")

    def cancel(self) -> None:
        """Discard the training; ask first if it took long."""
        seconds = 0.0 if self._session is None else self._session.seconds
        if seconds < _WORTH_ASKING or self.is_sure():
            self._ask_for("cancel")

    def take_up(self) -> None:
        """Resume the chosen unfinished training."""
        chosen = self._chosen_unfinished()
        if chosen is None or self._session is not None:
            return
        try:
            self._machine.check()
            layers = [self._layer_named(name) for name in chosen.layers]
            plan = plan_training(chosen.settings, layers, self._machine, resume=True)
        except FieldError as error:
            self._show(Outlook(str(error), "error", error.field))
            return
        self._begin(plan)
        self._offer_images(layers)
        self.form.settings = chosen.settings
        self.show_what_is_meant(chosen.settings, chosen.name, len(layers))

    def discard(self) -> None:
        """Discard the chosen unfinished training."""
        chosen = self._chosen_unfinished()
        if chosen is not None and self.is_sure():
            unfinished.forget(chosen.name)
            self.reset_choices()

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
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(as_script(plan.images, plan.config, plan.settings))
        show_info("The script is on the clipboard.")

    # Inside

    def _connect(self) -> None:
        self.controls.start.changed.connect(self._start_pressed)
        self.controls.stop.changed.connect(self.stop)
        self.controls.cancel.changed.connect(self.cancel)
        self.unfinished.resume.changed.connect(self.take_up)
        self.unfinished.discard.changed.connect(self.discard)
        self.script.changed.connect(self.copy_script)
        self.reset.changed.connect(self._reset_pressed)
        self.controls.use.changed.connect(self.use_model)
        self.form["begin"].changed.connect(self._begin_changed)
        self.form.changed.connect(self._form_changed)
        self._viewer_watcher = ViewerWatcher(
            self._viewer,
            on_layers=self._layers_changed,
            on_change=self._refresh_soon,
            on_view=lambda *_: None,
        )

    @property
    def _images(self) -> list[Image]:
        return [layer for layer in self._sources.images if not is_preview(layer)]

    @property
    def _layers(self) -> list[Any]:
        chosen = self.form["images"].value
        if chosen == ALL:
            return self._images[::-1]
        layers = self._sources.named(None if chosen == SELECTED else chosen)
        return [layer for layer in layers if not is_preview(layer)]

    def _offer_images(self, selected: Sequence[Layer]) -> None:
        names = [layer.name for layer in self._images]
        self.offer_images(selection_in_words(selected), names)

    def _begin_changed(self, begin: str) -> None:
        self.form["recipe"].value = "quick" if begin == SCRATCH else "adapt"

    def _layer_named(self, name: str) -> Any:
        found = self._sources.named(name)
        if found:
            return found[0]
        msg = f"This training learns from '{name}': open that layer again."
        raise FieldError("images", msg)

    def _chosen_unfinished(self) -> "unfinished.Unfinished | None":
        name = self.unfinished.chosen.value
        every = unfinished.find_unfinished()
        return next((each for each in every if each.name == name), None)

    def _refresh_soon(self, *_: Any) -> None:
        if not self._closed:
            self._soon.start()

    def _layers_changed(self, *_: Any) -> None:
        self._failure = None
        self.reset_choices()

    def _form_changed(self) -> None:
        if self._unnamed != self._saved:
            self._news, self._failure = "", None
        self._refresh_soon()

    @property
    def _unnamed(self) -> TrainingSettings:
        """What is kept for the next opening; a name is for one model only."""
        return self.form.settings.changed({"name": ""})

    def _probed(self) -> None:
        if self._machine.devices:
            self.offer_devices(self._machine.devices)
        self.unfinished.resume.enabled = True
        self._refresh()

    def _planned(self) -> Plan:
        self._machine.check()
        settings, layers = self.form.settings, self._layers
        free = free_name()
        self.show_what_is_meant(settings, free, len(layers))
        named = settings.changed({"name": settings.name.strip() or free})
        return plan_training(named, layers, self._machine)

    def _refresh(self) -> Plan | None:
        """Save the settings, update the line above Start; gives what Start would do."""
        if self._closed:
            return None
        self.recolour(self._viewer.theme, self._last)
        if self._session is not None:
            return None
        settings = self._unnamed
        if settings != self._saved:
            save_settings(settings, self._defaults, _PANEL)
            self._saved = settings
        try:
            plan = self._planned()
        except FieldError as error:
            waiting = not self._machine.ready
            level = "waiting" if waiting else "error"
            self._show(Outlook(str(error), level, error.field))
            return None
        self._show(self._failure or plan.outlook(self._machine))
        self.controls.start.enabled = True
        return plan

    def _show(self, outlook: Outlook) -> None:
        self.show_outlook(outlook, self._news, self._viewer.theme)

    # A training

    def _begin(self, plan: Plan) -> None:
        names = [layer.name for layer in plan.images.layers]
        try:
            unfinished.begin(plan.settings, names)
        except FileError as error:
            self._show(Outlook(str(error), "error", "name"))
            return
        self._news, self._failure = "", None
        self._session = self._last = Session(plan)
        self._preview = PreviewLayer(self._viewer, plan.settings.name)
        self.lock(True)
        self.form.mark("", "")
        self._work()

    def _work(self) -> None:
        assert self._session is not None
        if self._run.start(self._session):
            self.controls.show_running(title_of(self._session.plan))

    def _go_on(self, wish: str = "") -> None:
        if self.paused and self._session is not None:
            self._session.renew(wish)
            self._work()
            if wish:
                self.controls.show_waiting(_WAITING[wish])

    def _ask_for(self, wish: str) -> None:
        if self.running and self._session is not None:
            self._session.ask_for(wish)
            self.controls.show_waiting(_WAITING[wish])
        elif wish != "pause":
            self._go_on(wish)

    def _ticked(self, tick: Tick) -> None:
        session = self._session
        assert session is not None
        if session.report is None:
            self.show_beginning(tick)
        elif session.wish == "" and time.monotonic() - self._drawn >= _DRAWN_EVERY:
            self._drawn = time.monotonic()
            self.show_progress(session, self._viewer.theme)

    def _show_preview(self, picture: Any) -> None:
        assert self._preview is not None
        self._preview.show(picture)

    def _ended(self, session: Session) -> None:
        self.show_progress(session, self._viewer.theme)
        if session.message and session.outcome != "failed":
            show_error(session.message)
        if session.outcome == "paused":
            report = session.report
            step = "" if report is None else f" after step {report.step}"
            self.controls.say(f"Paused{step}.")
            self.controls.show_paused()
            return
        self._session = None
        self.lock(False)
        self.controls.show_idle()
        if session.outcome == "done" or session.plan.resume:
            self.form["name"].value = ""
        if session.outcome == "cancelled" and self._preview is not None:
            self._preview.remove()
        if session.outcome == "done":
            self._machine.learn(session.device, products_done(session), session.seconds)
            self.controls.use.visible = True
            model_list.announce_change()
        self.reset_choices()
        self._news = news_of(session)
        if session.outcome == "failed" and session.message:
            self._failure = Outlook(session.message, "error", session.field)
        self._refresh()

    def _start_pressed(self) -> None:
        if self.running:
            self.pause()
        elif self.paused:
            self.resume()
        else:
            self.start()

    def _reset_pressed(self) -> None:
        self.form.settings = self._defaults

    def _close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        self._closed = True
        model_list.forget(self)
        self._machine.stop()
        self._viewer_watcher.stop()
        if self._session is not None:
            self._session.abandon()
        self._run.close()

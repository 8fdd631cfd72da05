"""The panel "Super-resolution"."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning

from napari_vdsr.memory import free_memory
from napari_vdsr.plugin.background import Run
from napari_vdsr.plugin.describing import Describer, is_lazy_result
from napari_vdsr.plugin.enlarge.plan import Batch, plan_batch, plan_preview
from napari_vdsr.plugin.enlarge.probes import Prober
from napari_vdsr.plugin.enlarge.results import AFTER, SPLIT, Results
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.enlarge.view import (
    SELECTED,
    Controls,
    EnlargeForm,
    ask_for_target,
)
from napari_vdsr.plugin.enlarge.words import (
    as_script,
    how_it_ended,
    image_in_words,
    look_ahead,
)
from napari_vdsr.plugin.enlarge.work import Execution, Result, Saving, targets_of
from napari_vdsr.plugin.jobs import release_memory
from napari_vdsr.plugin.machine import Devices
from napari_vdsr.plugin.models import announce_change
from napari_vdsr.plugin.settings import WAIT, FieldError
from napari_vdsr.plugin.viewer import Sources
from napari_vdsr.plugin.widgets.elements import copy_text, message_colour
from napari_vdsr.plugin.widgets.panel import Panel
from napari_vdsr.plugin.words import Outlook, shorten_name
from napari_vdsr.zoo.model import is_file_name


class SuperResolution(Panel[Settings]):
    """Enlarges layers of a viewer.

    Connects the form and the controls with the viewer's layers, the estimates and the
    run.
    """

    kind = Settings
    form: EnlargeForm
    file_name = "super-resolution"
    preferences = ("model", "device", "precision")

    def build(self) -> None:
        """Make the form and the controls."""
        self.form = EnlargeForm(self._saved)
        self.controls = Controls()
        self.fill(self.form, self.controls)
        self._sources = Sources(self._viewer)
        self._run = Run(
            self,
            self._viewer,
            on_tick=self.controls.show_tick,
            on_result=self._show_result,
            on_end=self._ended,
        )
        self._results = Results(self._viewer)
        self._comparison = self._results.comparison
        self._batch: Batch | None = None
        self._planned_for: Any = None
        self._devices = self.kept(Devices(self, self._devices_known))
        self._prober = self.kept(Prober(self, self.refresh_soon))
        self._describer = self.kept(Describer(self, self.refresh_soon))
        self.settings = self._saved
        self._connect()

    # What the panel is set to

    @property
    def settings(self) -> Settings:
        """All that Run depends on, apart from the layers."""
        return self.form.settings.changed({"link_contrast": self.controls.link.value})

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.controls.link.value = settings.link_contrast
        self.form.settings = settings

    @property
    def _wanted(self) -> Settings:
        """The settings without black and white where the model need not know them."""
        settings = self.settings
        if self._prober.needs_range(settings.model):
            return settings
        return settings.without_range()

    @property
    def running(self) -> bool:
        """Whether a run is going on."""
        return self._run.running

    def offer_choices(self) -> None:
        """Update the lists of layers and models."""
        self.form.offer_layers(self._sources)
        if self.models.known:
            self.form.offer_models(self.models.cards)

    # What the buttons do

    def start(self) -> None:
        """Start a run, unless one is going on or a field is wrong."""
        self._with_batch(self._start)

    def upscale_active(self, factor: str) -> None:
        """Enlarge all of the active layer by "2", "3" or "4".

        The other settings stay as they are.
        """

        def do() -> None:
            self._update_lists()
            self.form.layer.value = SELECTED
            self.settings = self.settings.changed({"area": "whole", "factor": factor})
            self.start()

        self.once_ready(do)

    def start_preview(self) -> None:
        """Enlarge a part in the middle of the view."""

        def do(_: Batch) -> None:
            batch = plan_preview(self._layers, self._wanted, self._viewer.dims)
            self._start(batch, preview=True)

        self._with_batch(do)

    def save_to(self, chosen: Path, *, overwrite: bool = False) -> None:
        """Enlarge into a file for one result, or into a folder for several."""

        def do(batch: Batch) -> None:
            targets = targets_of(batch.tasks, chosen)
            self._begin(Saving(batch, self._wanted, targets, overwrite))

        self._with_batch(do)

    def cancel(self) -> None:
        """Stop the run after the current tile."""
        if self.running:
            self._run.cancel()
            self.controls.show_stopping()

    def copy_script(self) -> None:
        """Put Python that makes the same results as Run on the clipboard."""
        settings = self._wanted
        try:
            copy_text(as_script(self._plan().tasks, settings))
        except FieldError as error:
            show_warning(str(error))
            return
        alone = settings.bicubic or settings.consistency
        without = ", without the layers beside the result" if alone else ""
        show_info(f"The script is on the clipboard{without}.")

    # Inside

    def _connect(self) -> None:
        controls = self.controls
        controls.button.clicked.connect(self._run_pressed)
        controls.preview.clicked.connect(self.start_preview)
        controls.save.clicked.connect(self._save_pressed)
        controls.script.clicked.connect(self.copy_script)
        controls.release.clicked.connect(self._release_pressed)
        controls.reset.clicked.connect(self.reset)
        controls.compare.changed.connect(self._compare_changed)
        controls.line.valueChanged.connect(self._line_moved)
        controls.link.changed.connect(self._link_changed)
        self.form.changed.connect(self._form_changed)
        for box in (self.form.layer, self.form.shapes):
            box.changed.connect(self._form_changed)

    @property
    def _layers(self) -> list[Any]:
        chosen = self.form.layer.value
        return [chosen] if isinstance(chosen, Image) else self._sources.selected

    def _plan(self) -> Batch:
        """What Run would do; planned again only if something has changed."""
        if not self._ready:
            raise FieldError("", WAIT)
        settings, layers, shapes = self._wanted, self._layers, self.form.shapes.value
        wanted = settings, layers, shapes
        if not layers:
            self._sources.refuse_helpers("layer")
        in_view = settings.area == "view"  # the canvas does not say when it changes
        if in_view or self._batch is None or wanted != self._planned_for:
            self._batch = plan_batch(layers, settings, self._viewer.dims, shapes)
            self._planned_for = wanted
        model = settings.model
        if self.models.find(model) is None and not is_file_name(model):
            raise FieldError(
                "model", f"There is no model '{model}' any more: choose another."
            )
        if self._devices.known:
            self._devices.resolved(settings.device)
        self._prober.check(self._batch.tasks, settings)
        return self._batch

    def _with_batch(self, do: Callable[[Batch], object]) -> None:
        """Do something with what Run would do; say so if a field is wrong.

        Nothing happens while a run is going on.
        """
        if self.closed or self.running:
            return
        self._update_lists()
        try:
            batch = self._plan()
        except FieldError as error:
            self._show_error(error)
            return
        try:
            do(batch)
        except FieldError as error:  # only what was pressed cannot be done
            self._show(Outlook(str(error), "warning", error.field))

    def changed(self, *_: Any) -> None:
        """A layer or the theme has changed."""
        self._batch = None
        self.refresh_soon()

    def view_changed(self, *_: Any) -> None:
        """The camera or the sliders have moved."""
        if self.settings.area == "view":
            self.changed()

    def _form_changed(self, *_: Any) -> None:
        self.controls.news = Outlook("")
        self.refresh_soon()

    def refresh(self) -> None:
        """Keep the settings, and say above Run what it would do, or what is wrong."""
        if self.running:
            return
        self.remember(self.settings)
        settings = self._wanted
        card = self.models.find(settings.model)
        if self._ready and self._devices.usable:
            self._prober.want(settings, card)
        self.controls.show_image(self._on_image())
        for name in ("black", "white"):
            self.form.allow(name, self._prober.needs_range(settings.model))
        try:
            batch = self._plan()
        except FieldError as error:
            self._show_error(error)
            return
        seconds = self._prober.seconds(settings, batch.pixels)
        extras = settings.bicubic or settings.consistency
        self._show(look_ahead(batch, seconds, free_memory(), extras, card))

    def _on_image(self) -> Outlook:
        """What the first image says of itself, as far as it is known."""
        layers = self._layers
        image = next((layer for layer in layers if isinstance(layer, Image)), None)
        if image is None:
            return Outlook("")
        if is_lazy_result(image):
            words = Outlook("Enlarged already, as it is viewed: choose its source")
        else:
            words = image_in_words(self._describer.look_at(image))
        if len(layers) == 1:
            return words
        return replace(words, text=f"'{shorten_name(image.name)}': {words.text}")

    def _show_error(self, error: FieldError) -> None:
        self._show(Outlook.of_error(error))

    def _show(self, outlook: Outlook) -> None:
        theme = self._viewer.theme
        self.form.mark(outlook.field, message_colour(outlook.level, theme))
        self.controls.show_outlook(outlook, theme)
        self.controls.allow_comparison(bool(self._comparison.pairs))

    def _devices_known(self) -> None:
        devices = self._devices.names
        self.form.offer_devices(devices)
        self.controls.release.setVisible(devices != ["cpu"])
        self.refresh_soon()

    # Pressed

    def _run_pressed(self) -> None:
        if self.running:
            self.cancel()
        else:
            self.start()

    def _save_pressed(self) -> None:
        def do(batch: Batch) -> None:
            target = ask_for_target(self, batch.tasks)
            if target is not None:
                chosen, overwrite = target
                self.save_to(chosen, overwrite=overwrite)

        self._with_batch(do)

    def _release_pressed(self) -> None:
        release_memory()
        show_info("The model and its device memory have been released.")

    def _compare_changed(self, shown: str) -> None:
        self._comparison.show(shown, self.controls.line.value() / 100)
        self.controls.show_line()

    def _line_moved(self, place: float) -> None:
        if self.controls.compare.value == SPLIT:
            self._comparison.show(SPLIT, place / 100)

    def _link_changed(self, linked: bool) -> None:
        self._comparison.link(linked)
        self.refresh_soon()

    # A run

    def _start(self, batch: Batch, preview: bool = False) -> None:
        settings = self._wanted
        if preview:
            none = {"bicubic": False, "consistency": False, "spread": False}
            settings = settings.changed(none)
        expected = self._prober.seconds(settings, batch.pixels)
        if self._begin(Execution(batch, settings, expected)):
            self._results.start(preview)

    def _begin(self, execution: Execution) -> bool:
        if not self._run.start(execution):
            return False
        self.form.setEnabled(False)
        self.controls.show_running()
        return True

    def _show_result(self, result: Result) -> Iterator[None]:
        yield from self._results.show(result, self.controls.link.value)
        self.controls.compare.value = AFTER

    def _ended(self, execution: Execution) -> None:
        self.controls.news = how_it_ended(execution)
        if execution.outcome == "done" and not isinstance(execution, Saving):
            pixels = execution.batch.pixels
            self._prober.learn(execution.settings, pixels, execution.seconds)
        if execution.message:
            show_error(execution.message)
        self.form.setEnabled(True)
        self.controls.show_idle()
        announce_change()  # a model may have been fetched
        self.reset_choices()
        self.catch_up()

    def put_back(self) -> None:
        """Show the results again that "before" hides, and none split."""
        self._comparison.show(AFTER)

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        self._run.close()
        self._batch = self._planned_for = None

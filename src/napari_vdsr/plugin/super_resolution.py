"""The panel "Super-resolution"."""

from pathlib import Path
from typing import Any
from weakref import ref

from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import QApplication

from napari_vdsr.memory import free_memory
from napari_vdsr.plugin.checks import check_machine
from napari_vdsr.plugin.comparison import Comparison
from napari_vdsr.plugin.delivery import StaleSourceError, add_result
from napari_vdsr.plugin.describer import Describer
from napari_vdsr.plugin.model.ending import how_it_ended
from napari_vdsr.plugin.model.estimate import Outlook, look_ahead
from napari_vdsr.plugin.model.execution import Execution, Result
from napari_vdsr.plugin.model.jobs import Batch
from napari_vdsr.plugin.model.saving import Saving, targets_of
from napari_vdsr.plugin.model.script import as_script
from napari_vdsr.plugin.model.settings import FieldError, Settings
from napari_vdsr.plugin.model.upscalers import release_memory
from napari_vdsr.plugin.preferences import preferred_settings
from napari_vdsr.plugin.prober import Prober
from napari_vdsr.plugin.run import Run
from napari_vdsr.plugin.sources import Sources
from napari_vdsr.plugin.views.colours import emphasise, message_colour
from napari_vdsr.plugin.views.controls import AFTER, Controls
from napari_vdsr.plugin.views.form import SELECTED, Form
from napari_vdsr.plugin.views.target import ask_for_target
from napari_vdsr.plugin.widgets.panel import Panel


class SuperResolution(Panel[Settings]):
    """Enlarges layers of a viewer.

    Connects the form and the controls with the viewer's layers, the estimates and the
    run.
    """

    file_name = "super-resolution"

    def default_settings(self) -> Settings:
        """What napari's preferences say."""
        return preferred_settings()

    def build(self) -> None:
        """Make the form and the controls."""
        self.form = Form()
        self.controls = Controls()
        self.fill(self.form.native, self.controls.native)
        self._sources = Sources(self._viewer)
        self._comparison = Comparison(self._viewer)
        self._run = Run(
            self,
            on_tick=self.controls.show_tick,
            on_result=self._add,
            on_end=self._ended,
        )
        self._previewing = False
        self._preview_layer: Any = lambda: None
        self._news = Outlook("")
        self._batch: Batch | None = None
        self._planned_for: Any = None
        self._prober = Prober(self, self._probed)
        self._describer = Describer(self, self.refresh_soon)
        self.settings = self._saved
        self._connect()

    # What the panel is set to

    @property
    def settings(self) -> Settings:
        """All that Run depends on, apart from the layers."""
        link = self.controls.link.value
        return self.form.settings(Settings(link_contrast=link))

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.controls.link.value = settings.link_contrast
        self.form.show_settings(settings)

    @property
    def running(self) -> bool:
        """Whether a run is going on."""
        return self._run.running

    def offer_choices(self) -> None:
        """Update the lists of layers and models."""
        images = [layer.name for layer in self._sources.images]
        self.form.offer_layers(self._sources.selection_in_words, images)
        self.form.offer_shapes([layer.name for layer in self._sources.shapes])
        if self.models.known:
            self.form.offer_models(self.models.cards)

    # What the buttons do

    def start(self) -> None:
        """Start a run, unless one is going on or a field is wrong."""
        batch = self._ready_batch()
        if batch is not None and self._start(batch):
            self._comparison.start()

    def upscale_active(self, factor: str) -> None:
        """Enlarge all of the active layer by "2", "3" or "4".

        The other settings stay as they are.
        """
        self.catch_up()
        self.form.layer.value = SELECTED
        self.form.area.value = "whole"
        self.form.factor.value = factor
        self.start()

    def start_preview(self) -> None:
        """Enlarge a part in the middle of the view."""
        if self._ready_batch() is None:
            return
        try:
            batch = self._sources.preview(self._layers, self.settings)
        except FieldError as error:
            self._show_error(error)
            return
        self._start(batch, preview=True)

    def save_to(self, chosen: Path, *, overwrite: bool = False) -> None:
        """Enlarge into a file for one result, or into a folder for several."""
        batch = self._ready_batch()
        if batch is None:
            return
        try:
            targets = targets_of(batch.jobs, chosen)
        except FieldError as error:
            self._show_error(error)
            return
        self._begin(Saving(batch, self.settings, targets, overwrite))

    def cancel(self) -> None:
        """Stop the run after the current tile."""
        if self.running:
            self._run.cancel()
            self.controls.run.enabled = False
            self.controls.run.text = "Stopping …"

    def copy_script(self) -> None:
        """Put Python that makes the same results as Run on the clipboard."""
        settings = self.settings
        try:
            text = as_script(self._plan().jobs, settings)
        except FieldError as error:
            show_warning(str(error))
            return
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        alone = settings.bicubic or settings.consistency
        without = ", without the layers beside the result" if alone else ""
        show_info(f"The script is on the clipboard{without}.")

    # Inside

    def _connect(self) -> None:
        controls = self.controls
        controls.run.changed.connect(self._run_pressed)
        controls.preview.changed.connect(self.start_preview)
        controls.save.changed.connect(self._save_pressed)
        controls.script.changed.connect(self.copy_script)
        controls.release.changed.connect(self._release_pressed)
        controls.reset.changed.connect(self._reset_pressed)
        controls.compare.changed.connect(self._compare_changed)
        controls.link.changed.connect(self._link_changed)
        self.form.changed.connect(self._form_changed)

    @property
    def _layers(self) -> list[Any]:
        name = self.form.layer.value
        return self._sources.named(None if name == SELECTED else name)

    def _plan(self) -> Batch:
        """What Run would do; planned again only if something has changed."""
        settings, layers = self.settings, self._layers
        wanted = settings, layers, self.form.shapes.value
        in_view = settings.area == "view"  # the canvas does not say when it changes
        if in_view or self._batch is None or wanted != self._planned_for:
            self._batch = self._sources.batch(layers, wanted[-1], settings)
            self._planned_for = wanted
        check_machine(self._batch.jobs, settings, self._prober, self.models)
        return self._batch

    def _ready_batch(self) -> Batch | None:
        """What Run would do; None while it does something, or when a field is wrong."""
        if self._closed or self.running:
            return None
        self._update_lists()
        try:
            return self._plan()
        except FieldError as error:
            self._show_error(error)
            return None

    def changed(self, *_: Any) -> None:
        """A layer or the theme has changed."""
        self._batch = None
        self.refresh_soon()

    def view_changed(self, *_: Any) -> None:
        """The camera or the sliders have moved."""
        if self.form.area.value == "view":
            self.changed()

    def _form_changed(self) -> None:
        self._news = Outlook("")
        self.refresh_soon()

    def refresh(self) -> None:
        """Keep the settings, and say above Run what it would do, or what is wrong."""
        if self.running:
            return
        settings = self.settings
        self.remember(settings)
        if self.models.known:
            self._prober.want(settings, self.models.find(settings.model))
        self.controls.show_image(self._describer.words_on(self._layers))
        self.form.show_range(self._prober.needs_range(settings.model))
        try:
            batch = self._plan()
        except FieldError as error:
            self._show_error(error)
            return
        seconds = self._prober.seconds(settings, batch.pixels)
        free = free_memory()
        extras = settings.bicubic or settings.consistency
        self._show(look_ahead(batch, seconds, free, extras))

    def _show_error(self, error: FieldError) -> None:
        self._show(Outlook(str(error), "error", error.field))

    def _show(self, outlook: Outlook) -> None:
        colour = message_colour(outlook.level, self._viewer.theme)
        if outlook.level != "error":
            outlook = outlook.below(self._news)
        self.form.mark(outlook.field, colour)
        controls = self.controls
        emphasise(controls.run.native, controls.bar.native, self._viewer.theme)
        controls.show_outlook(outlook, colour, ready=outlook.level != "error")
        controls.compare.enabled = bool(self._comparison.pairs)
        if not controls.compare.enabled:
            controls.compare.value = AFTER

    def _probed(self) -> None:
        self.form.offer_devices(self._prober.devices)
        self.refresh_soon()

    # Pressed

    def _run_pressed(self) -> None:
        if self.running:
            self.cancel()
        else:
            self.start()

    def _save_pressed(self) -> None:
        batch = self._ready_batch()
        if batch is None:
            return
        try:
            target = ask_for_target(self, batch.jobs)
        except FieldError as error:
            self._show_error(error)
            return
        if target is not None:
            chosen, overwrite = target
            self.save_to(chosen, overwrite=overwrite)

    def _release_pressed(self) -> None:
        release_memory()
        show_info("The model and its device memory have been released.")

    def _reset_pressed(self) -> None:
        self.settings = preferred_settings()

    def _compare_changed(self, shown: str) -> None:
        self._comparison.show(after=shown == AFTER)

    def _link_changed(self, linked: bool) -> None:
        self._comparison.link(linked)
        self.refresh_soon()

    # A run

    def _start(self, batch: Batch, preview: bool = False) -> bool:
        settings = self.settings
        expected = self._prober.seconds(settings, batch.pixels)
        if not self._begin(Execution(batch, settings, expected)):
            return False
        self._previewing = preview
        self.controls.compare.value = AFTER
        return True

    def _begin(self, execution: Execution) -> bool:
        if not self._run.start(execution):
            return False
        self._news = Outlook("")
        self.form.enabled = False
        self.controls.show_running()
        return True

    def _add(self, result: Result) -> None:
        selection = set(self._viewer.layers.selection)
        try:
            layer = add_result(self._viewer, result)
        except StaleSourceError as error:
            show_warning(str(error))
            return
        source = result.job.layer
        self._remove_preview()
        if self._previewing:
            layer.name = f"preview of {source.name}"
            self._preview_layer = ref(layer)
        else:
            link = self.controls.link.value
            self._comparison.add(source, layer, result.job.plan.whole, link)
        # The sources stay selected, so that Run enlarges them again.
        self._viewer.layers.selection = selection & set(self._viewer.layers)

    def _remove_preview(self) -> None:
        layer = self._preview_layer()
        if isinstance(layer, Image) and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _ended(self, execution: Execution) -> None:
        self._news = how_it_ended(execution)
        if execution.outcome == "done" and not isinstance(execution, Saving):
            pixels = execution.batch.pixels
            self._prober.learn(execution.settings, pixels, execution.seconds)
        if execution.message:
            show_error(execution.message)
        self.form.enabled = True
        self.controls.show_idle()
        self.models.look()  # one may have been fetched
        self.reset_choices()
        self.catch_up()

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        self._prober.stop()
        self._describer.stop()
        self._run.close()
        self._batch = self._planned_for = None

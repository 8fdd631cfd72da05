"""The panel "PSNR"."""

from dataclasses import asdict

from qtpy.QtWidgets import QTabWidget, QVBoxLayout

from napari_vdsr.plugin.scores.settings import ModelOptions, PsnrSettings, ScoreOptions
from napari_vdsr.plugin.scores.tab import Tab
from napari_vdsr.plugin.scores.tab_check import CheckTab
from napari_vdsr.plugin.scores.tab_compare import CompareTab
from napari_vdsr.plugin.scores.tab_model import ModelTab
from napari_vdsr.plugin.widgets.panel import Panel, scrolled


class Psnr(Panel[PsnrSettings]):
    """Scores of layers: against a reference, of a model, and without a reference."""

    kind = PsnrSettings
    file_name = "psnr"
    preferences = ("model",)

    @property
    def settings(self) -> PsnrSettings:
        """What the fields of all tabs show."""
        options, model = self.compare.form.settings, self.model.form.settings
        return PsnrSettings(**asdict(options), **asdict(model))

    @settings.setter
    def settings(self, settings: PsnrSettings) -> None:
        values = asdict(settings)
        self.compare.form.settings = ScoreOptions().changed(values)
        self.model.form.settings = ModelOptions().changed(values)

    def build(self) -> None:
        """Make the tabs."""
        self.compare = CompareTab(self._viewer)
        self.model = ModelTab(self._viewer)
        self.check = CheckTab(self._viewer)
        self._tabs: list[Tab] = [self.compare, self.model, self.check]
        self.book = QTabWidget()
        titles = ("Compare", "Score a model", "No reference?")
        for tab, title in zip(self._tabs, titles, strict=True):
            self.book.addTab(scrolled(tab), title)
        self.book.setTabToolTip(1, "Score a model on a layer of yours")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.book)
        self.settings = self._saved

    def offer_choices(self) -> None:
        """Update the lists of layers and models."""
        if self.models.known:
            self.model.form.offer_models(self.models.cards)
        for tab in self._tabs:
            tab.reset_choices()

    def refresh(self) -> None:
        """Keep the settings, and compare what is there to be compared."""
        self.remember(self.settings)
        for tab in self._tabs:
            tab.refresh()
        for tab in (self.compare, self.model):
            tab.results.recolour(self._viewer.theme)
        self.compare.begin_by_itself()

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        for tab in self._tabs:
            tab.close_down()

"""The panel "PSNR"."""

from typing import Any

from qtpy.QtWidgets import QTabWidget, QVBoxLayout

from napari_vdsr.plugin.scores.settings import ScoreOptions
from napari_vdsr.plugin.scores.tab import Tab
from napari_vdsr.plugin.scores.tab_check import CheckTab
from napari_vdsr.plugin.scores.tab_compare import CompareTab
from napari_vdsr.plugin.scores.tab_model import ModelTab
from napari_vdsr.plugin.widgets.panel import Panel
from napari_vdsr.plugin.widgets.scrolling import scrolled


class Psnr(Panel[ScoreOptions]):
    """Scores of layers: against a reference, of a model, and without a reference."""

    file_name = "psnr"

    def default_settings(self) -> ScoreOptions:
        """The usual options of a comparison."""
        return ScoreOptions()

    def build(self) -> None:
        """Make the tabs."""
        self.compare = CompareTab(self._viewer, self._saved)
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

    def offer_choices(self) -> None:
        """Update the lists of layers and models."""
        if self.models.known:
            self.model.offer_models(self.models.cards)
        for tab in self._tabs:
            tab.reset_choices()

    def refresh(self) -> None:
        """Keep the settings, and compare what is there to be compared."""
        self.remember(self.compare.options)
        for tab in self._tabs:
            tab.refresh()
        for tab in (self.compare, self.model):
            tab.results.recolour(self._viewer.theme)
        self.compare.begin_by_itself()

    def changed(self, *_: Any) -> None:
        """A layer or the theme has changed."""
        self.refresh_soon()

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        for tab in self._tabs:
            tab.close_down()

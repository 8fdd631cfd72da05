"""The panel "PSNR"."""

from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_vdsr.plugin import model_list
from napari_vdsr.plugin.preferences import apply_cache_folder
from napari_vdsr.plugin.scoring.tab import Tab
from napari_vdsr.plugin.scoring.tab_check import CheckTab
from napari_vdsr.plugin.scoring.tab_compare import CompareTab
from napari_vdsr.plugin.scoring.tab_model import ModelTab
from napari_vdsr.plugin.widgets.panel import ClosingWatcher
from napari_vdsr.plugin.widgets.scrolling import scrolled


class Psnr(QWidget):
    """Scores of layers: against a reference, of a model, and without a reference."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        # napari passes a proxy; layers taken from it would be proxies, too.
        self._viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        apply_cache_folder()
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
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.book)
        self._connect()
        self._watcher = ClosingWatcher(self, self._close_down)
        model_list.follow(self)
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """Update the lists of layers and models."""
        for layer in self._viewer.layers:
            layer.events.name.connect(self._renew)
        self._renew()

    def _renew(self, *_: Any) -> None:
        for tab in self._tabs:
            tab.reset_choices()

    def _recolour(self, *_: Any) -> None:
        for tab in self._tabs:
            tab.refresh()
        for tab in (self.compare, self.model):
            tab.results.recolour(self._viewer.theme)

    def _connect(self) -> None:
        events = self._viewer.layers.events
        self._emitters = [
            (events.inserted, self.reset_choices),
            (events.removed, self.reset_choices),
            (events.reordered, self.reset_choices),
            (self._viewer.events.theme, self._recolour),
        ]
        for emitter, callback in self._emitters:
            emitter.connect(callback)

    def _close_down(self) -> None:
        """Disconnect from everything: the panel or the viewer is being closed."""
        model_list.forget(self)
        for emitter, callback in self._emitters:
            emitter.disconnect(callback)
        for layer in self._viewer.layers:
            layer.events.name.disconnect(self._renew)
        for tab in self._tabs:
            tab.close_down()

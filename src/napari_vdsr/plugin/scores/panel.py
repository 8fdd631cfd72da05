"""The panel "PSNR"."""

from dataclasses import asdict
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_vdsr.plugin.scores.settings import PsnrSettings
from napari_vdsr.plugin.scores.tab import ScoringTab, Tab
from napari_vdsr.plugin.scores.tab_compare import CompareTab
from napari_vdsr.plugin.widgets.access import make_accessible
from napari_vdsr.plugin.widgets.panel import Panel, scrolled

if TYPE_CHECKING:
    from napari_vdsr.plugin.scores.tab_check import CheckTab
    from napari_vdsr.plugin.scores.tab_model import ModelTab

# By the name of the attribute.
_TITLES = {"compare": "Compare", "model": "Score a model", "check": "No reference?"}

AnyTab = TypeVar("AnyTab", bound=Tab)


class Psnr(Panel[PsnrSettings]):
    """Scores of layers: against a reference, of a model, and without a reference.

    The second and third tab are made when they are first shown or asked for: making
    all at once would block the window.
    """

    kind = PsnrSettings
    file_name = "psnr"
    preferences = ("model",)
    _settings: PsnrSettings

    @cached_property
    def compare(self) -> CompareTab:
        """The tab that compares layers with a reference."""
        return self._placed("compare", CompareTab(self._viewer))

    @cached_property
    def model(self) -> "ModelTab":
        """The tab that scores a model on a layer."""
        from napari_vdsr.plugin.scores.tab_model import ModelTab

        return self._placed("model", ModelTab(self._viewer, self.models))

    @cached_property
    def check(self) -> "CheckTab":
        """The tab for layers without a reference."""
        from napari_vdsr.plugin.scores.tab_check import CheckTab

        return self._placed("check", CheckTab(self._viewer))

    @property
    def settings(self) -> PsnrSettings:
        """What the fields of all tabs show, or will show."""
        for tab in self._tabs:
            if isinstance(tab, ScoringTab):
                shown = asdict(tab.form.settings)
                self._settings = self._settings.changed(shown)
        return self._settings

    @settings.setter
    def settings(self, settings: PsnrSettings) -> None:
        self._settings = settings
        for tab in self._tabs:
            self._fill_in(tab)

    def build(self) -> None:
        """Make the pages, and the first tab."""
        self._settings = self._saved
        self._tabs: list[Tab] = []  # those that have been made
        self.book = QTabWidget()
        for title in _TITLES.values():
            self.book.addTab(scrolled(QWidget()), title)
        self.book.setTabToolTip(1, "Score a model on a layer of yours")
        self.book.currentChanged.connect(self._page_shown)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.book)
        self._make_tab(0)

    def offer_choices(self) -> None:
        """Update the lists of layers and models."""
        for tab in self._tabs:
            tab.reset_choices()

    def refresh(self) -> None:
        """Keep the settings, and compare what is there to be compared."""
        self.remember(self.settings)
        for tab in self._tabs:
            tab.refresh()
        self.compare.begin_by_itself()

    def put_back(self) -> None:
        """Show no layers side by side any more."""
        for tab in self._tabs:
            tab.put_back()

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        for tab in self._tabs:
            tab.close_down()

    # Inside

    def _page_shown(self, index: int) -> None:
        if self.closed:
            return
        try:
            self._make_tab(index)
        except Exception as error:
            # Later, as the book would go during its own signal.
            QTimer.singleShot(0, partial(self._show_failure, error))

    def _make_tab(self, index: int) -> None:
        """Make the tab of a page unless it is there."""
        getattr(self, list(_TITLES)[index])

    def _placed(self, name: str, tab: AnyTab) -> AnyTab:
        """Put a tab that has just been made on its page."""
        page: Any = self.book.widget(list(_TITLES).index(name))
        self._fill_in(tab)
        page.setWidget(tab)
        if self._tabs:  # with the first, the panel itself does this
            tab.reset_choices()
            tab.refresh()
            make_accessible(self)
        self._tabs.append(tab)
        return tab

    def _fill_in(self, tab: Tab) -> None:
        if isinstance(tab, ScoringTab):
            form = tab.form
            form.settings = form.settings.changed(asdict(self._settings))

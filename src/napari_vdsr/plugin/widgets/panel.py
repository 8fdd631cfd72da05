"""What the panels have in common."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QDockWidget,
    QFrame,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_vdsr.plugin.background import Finder
from napari_vdsr.plugin.models import ModelList
from napari_vdsr.plugin.settings import (
    Remembered,
    preferred,
    save_settings,
    saved_values,
)
from napari_vdsr.plugin.viewer import watch
from napari_vdsr.plugin.widgets.access import make_accessible
from napari_vdsr.plugin.widgets.elements import (
    set_style,
    theme_colour,
    wrapping_label,
)
from napari_vdsr.plugin.widgets.form import Form

Kept = TypeVar("Kept", bound=Remembered)
AnyFinder = TypeVar("AnyFinder", bound=Finder[Any])

# 300 pixels are few, and napari's own boxes keep 44 of them free.
_BOXES = "QComboBox { padding: 3px 0px 3px 5px; } QComboBox::drop-down { width: 20px; }"
_FOCUSED = (
    "QComboBox QAbstractSpinBox QLineEdit QAbstractButton QSlider QListWidget "
    "QTabBar::tab"
).split()
_WIDTH = 316  # pixels of a panel when it opens: 300, and a scroll bar
_WAIT = 60  # milliseconds in which several changes count as one
_FAILED = (
    "This panel could not be opened, because of a fault of napari-vdsr or of what is "
    "installed here:\n\n{error}\n\n'napari-vdsr info' in a terminal says what a report "
    "needs."
)


class Panel(QWidget, Generic[Kept]):
    """A dock widget that hears of a viewer's changes and lets go of all when it closes.

    Subclasses write `build`, `offer_choices`, `refresh` and `stop`, and `settings`
    where one form does not show them all. When the making of a panel fails, it shows
    the error in the place of its widgets.
    """

    kind: type[Kept]  # of the settings
    file_name = ""  # of the settings that are kept for the next opening
    preferences: Sequence[str] = ()  # of napari for this plugin that the panel follows
    form: Form[Kept]  # where there is one for all settings

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        # napari passes a proxy; layers taken from it would be proxies, too.
        self._viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.closed = False
        self._lists_are_old = True
        self._ready = False  # whether models and preferences are known
        self._fitted = False  # whether it has its share of the window's height
        self._when_ready: list[Callable[[], object]] = []
        self._soon = timer_of(self, _WAIT, self.catch_up)
        try:
            self._finders: list[Finder[Any]] = []
            self.models = self.kept(ModelList(self, self.reset_choices))
            self._kept = saved_values(self.file_name)
            self._defaults = self.kind()
            self._saved = self._defaults.changed(self._kept)
            self.build()
            make_accessible(self)
            self._stop_watching = watch(
                self._viewer,
                on_layers=self.reset_choices,
                on_change=self.changed,
                on_view=self.view_changed,
            )
            self._closing = ClosingWatcher(self, self.close_down, self.put_back)
            self._update_lists()
            self._soon.start()
        except Exception as error:
            self._show_failure(error)

    # What a subclass writes

    @property
    def settings(self) -> Kept:
        """What the fields show."""
        return self.form.settings

    @settings.setter
    def settings(self, settings: Kept) -> None:
        self.form.settings = settings

    def build(self) -> None:
        """Make the widgets, set them to `_saved` and connect them."""
        raise NotImplementedError

    def offer_choices(self) -> None:
        """Update the lists of layers and models."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Say what would be done, or what is wrong."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        raise NotImplementedError

    def put_back(self) -> None:
        """Undo what only the panel could undo: it leaves the viewer, which stays."""

    # What it calls

    def fill(self, *parts: QWidget) -> None:
        """Put widgets below one another, and let them scroll."""
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(5, 5, 5, 5)  # 300 pixels are few
        for part in parts:
            column.addWidget(part)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._area = scrolled(inner)
        layout.addWidget(self._area)

    def scroll_to(self, part: QWidget) -> None:
        """Bring a part of a high panel into view as soon as all have their places."""
        timer_of(self, 3 * _WAIT, lambda: self._area.ensureWidgetVisible(part)).start()

    def default_settings(self) -> Kept:
        """The settings of the first opening, and of Reset."""
        chosen = preferred() if self._ready else {}
        followed = {name: chosen.get(name) for name in self.preferences}
        return self.kind().changed(followed)

    def reset(self) -> None:
        """Set everything back to the defaults."""
        self.settings = self.default_settings()

    def kept(self, finder: AnyFinder) -> AnyFinder:
        """A finder that the panel waits for when it is to be idle, and stops."""
        self._finders.append(finder)
        return finder

    def once_ready(self, action: Callable[[], object]) -> None:
        """Do something as soon as models and preferences are known."""
        self._when_ready.append(action)
        self.refresh_soon()

    def reset_choices(self, *_: Any) -> None:
        """Update the lists of layers and models soon, and what depends on them.

        napari calls this, too, whenever its layers change.
        """
        self._lists_are_old = True
        self.refresh_soon()

    def changed(self, *_: Any) -> None:
        """A layer or the theme has changed."""
        self.refresh_soon()

    def view_changed(self, *_: Any) -> None:
        """The camera or the sliders have moved."""

    def refresh_soon(self, *_: Any) -> None:
        """Refresh once for all changes within a moment."""
        if not self.closed:
            self._soon.start()

    def catch_up(self) -> None:
        """Do now what was to be done soon."""
        if self.closed:
            return
        self._soon.stop()
        self._fitted = self._fitted or share_height(self)
        self._style_fields()
        self._update_lists()
        self.refresh()
        while self._ready and self._when_ready:
            self._when_ready.pop(0)()

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done soon, and nothing is being found out."""
        return not (self._soon.isActive() or any(each.busy for each in self._finders))

    def remember(self, settings: Kept) -> None:
        """Keep settings for the next opening."""
        if settings != self._saved:
            save_settings(settings, self._defaults, self.file_name)
            self._saved = settings

    def close_down(self) -> None:
        """Stop everything, and hear of nothing more."""
        if self.closed:
            return
        self.closed = True
        self._when_ready.clear()
        self._soon.stop()
        for finder in self._finders:
            finder.stop()
        self._stop_watching()
        self.stop()

    # Inside

    def showEvent(self, event: QShowEvent | None) -> None:
        """Take a place among the docks, as soon as it is in one."""
        super().showEvent(event)
        if event is not None and not event.spontaneous():
            self._fitted = False
        self.refresh_soon()

    def _style_fields(self) -> None:
        """Outline the field that has the keyboard; give choices more of their box."""
        colour = theme_colour(self._viewer.theme, "text")
        focused = ", ".join(f"{kind}:focus" for kind in _FOCUSED)
        set_style(self, f"{focused} {{ border: 1px solid {colour}; }} {_BOXES}")

    def _follow_preferences(self) -> None:
        """Show what they say of all that the user has not changed."""
        self._ready = True
        changes = self.settings.changes_from(self._saved)
        self._defaults = self.default_settings()
        self._saved = self._defaults.changed(self._kept)
        self.settings = self._saved.changed(changes)

    def _update_lists(self) -> None:
        if self.models.known and not self._ready:
            self._follow_preferences()
        if self._lists_are_old:
            self._lists_are_old = False
            self.offer_choices()

    def _show_failure(self, error: Exception) -> None:
        """Show an error in place of the widgets; Python would end with it otherwise."""
        with contextlib.suppress(Exception):  # parts of it may be missing
            self.close_down()
        self.closed = True
        for timer in self.findChildren(QTimer):  # of what `build` had begun
            timer.stop()
        old = self.layout()
        if old is not None:
            QWidget().setLayout(old)  # takes the widgets with it
        words = _FAILED.format(error=f"{type(error).__name__}: {error}")
        QVBoxLayout(self).addWidget(wrapping_label(words))
        notification_manager.receive_error(type(error), error, error.__traceback__)


def timer_of(
    owner: QObject, milliseconds: int, callback: Callable[[], object]
) -> QTimer:
    """A timer that calls back once, so long after it was last started."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(callback)
    return timer


def dock_of(panel: QWidget) -> QDockWidget | None:
    """The dock that a panel is in; None for a panel that is not docked."""
    parent = panel.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent


def share_height(panel: QWidget) -> bool:
    """Make the docks on a panel's side equally high; say whether it is docked.

    napari gives most of the height to the newest one, and hides the buttons of others.
    """
    dock = dock_of(panel)
    window = dock and dock.parent()
    if dock is None or not isinstance(window, QMainWindow):
        return False
    side = window.dockWidgetArea(dock)
    docks = [
        each
        for each in window.children()
        if isinstance(each, QDockWidget)
        and window.dockWidgetArea(each) == side
        and not each.isHidden()
    ]
    if len(docks) > 1 and not dock.isFloating():
        window.resizeDocks(docks, [1] * len(docks), Qt.Orientation.Vertical)
    return True


def scrolled(widget: QWidget) -> QScrollArea:
    """Put a widget where it can be higher than the window, but never wider."""
    area = _Scrolled()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


class _Scrolled(QScrollArea):
    """A scroll area that cannot be narrower than its contents, and opens wider."""

    def sizeHint(self) -> QSize:
        """A width in which no word is cut, with a scroll bar, too."""
        hint = super().sizeHint()
        hint.setWidth(max(hint.width(), _WIDTH))
        return hint

    def minimumSizeHint(self) -> QSize:
        """The width of the widget and of the scroll bar beside it."""
        hint, widget, bar = (
            super().minimumSizeHint(),
            self.widget(),
            self.verticalScrollBar(),
        )
        if widget is not None and bar is not None:
            needed = widget.minimumSizeHint().width() + bar.sizeHint().width()
            hint.setWidth(needed)
        return hint


class ClosingWatcher(QObject):
    """Calls back once when a widget is taken out of its window or destroyed.

    napari takes a panel out of its dock when the dock is closed, and destroys the panel
    with the window; neither sends a close event to the panel. `taken_out` is called
    before in the first case, in which the viewer stays.
    """

    def __init__(
        self,
        widget: QWidget,
        callback: Callable[[], None],
        taken_out: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(widget)
        self._callback: Callable[[], None] | None = callback
        self._taken_out = taken_out
        self._docked = widget.parent() is not None
        widget.installEventFilter(self)
        widget.destroyed.connect(self._report)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Notice when the widget moves to another parent, or to none."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if watched is not None and watched.parent() is not None:
                self._docked = True
            elif self._docked and self._callback is not None:
                self._taken_out()
                self._report()
        return False

    def _report(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

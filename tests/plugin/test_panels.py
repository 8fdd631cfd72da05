"""What all panels have in common."""

import subprocess
import sys
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QTabWidget,
    QToolButton,
    QWidget,
)

from napari_vdsr.plugin.commands import open_with_model, upscale_x2
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.widgets.panel import dock_of


def test_a_panel_that_cannot_be_made_shows_the_error(
    viewer: Any, notices: list[str], monkeypatch: pytest.MonkeyPatch, cells: Any
) -> None:
    """Python ended with it (code 134)."""

    def fail(*_: Any) -> None:
        msg = "no <b>models</b> here"
        raise RuntimeError(msg)

    monkeypatch.setattr("napari_vdsr.plugin.enlarge.panel.Describer", fail)
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="Super-resolution")
    (label,) = panel.findChildren(QLabel)
    assert "RuntimeError: no <b>models</b> here" in label.text()
    assert any("models" in notice for notice in notices)
    viewer.add_image(cells)  # it does not listen
    assert not panel._soon.isActive()
    upscale_x2(viewer)  # in the menu: it went on with the panel that there was not
    open_with_model(viewer, "tiny")


IMPORTS = """
import sys

def found(*names):
    return [name for name in names if name in sys.modules]

import napari_vdsr.plugin.scores.panel
rooms = "plugin.scores.tab_model plugin.scores.tab_check plugin.scores.checks "
rooms += "evaluation.evaluate evaluation.methods"
print(found(*(f"napari_vdsr.{name}" for name in rooms.split())))
import napari_vdsr.plugin.training.panel
import napari_vdsr.plugin.enlarge.panel
print(found("torch", "pyqtgraph"))
"""


def test_what_opening_a_panel_does_not_need_is_not_imported() -> None:
    """Slow start (cellpose-napari#4): imports were more than half of it."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["[]", "[]"]


def test_panels_share_the_height_of_the_window(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    """The button Run was out of sight as soon as a second panel was opened."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    panels = [kind(viewer) for kind in (SuperResolution, Psnr, Training)]
    for panel in panels:
        viewer.window.add_dock_widget(panel, name=type(panel).__name__)
        qtbot.waitUntil(lambda panel=panel: panel.idle)

    def equal() -> bool:
        heights = [dock_of(panel).height() for panel in panels]
        return max(heights) - min(heights) < 10 and sum(heights) < 800

    qtbot.waitUntil(equal)


@pytest.fixture(params=[Training, Psnr])
def panel(request: pytest.FixtureRequest, viewer: Any, qtbot: Any) -> QWidget:
    made: QWidget = request.param(viewer)
    viewer.window.add_dock_widget(made, name="panel")
    qtbot.waitUntil(lambda: made.models.known)  # type: ignore[attr-defined]
    for book in made.findChildren(QTabWidget):
        for index in range(book.count()):
            book.setCurrentIndex(index)  # a page is made when it is first shown
    return made


def fields(panel: QWidget, *kinds: type[QWidget]) -> list[QWidget]:
    """All fields of these kinds, without those that are a part of others."""
    found = [each for kind in kinds for each in panel.findChildren(kind)]
    inside = (QComboBox, QAbstractSpinBox, QListWidget, QLabel)
    return [
        each
        for each in found
        if not isinstance(each.parentWidget(), inside)
        and not each.objectName().startswith(("qt_", "ScrollLeft", "ScrollRight"))
    ]


def test_every_field_has_an_accessible_name(panel: QWidget) -> None:
    kinds = QComboBox, QAbstractSpinBox, QLineEdit, QListWidget
    nameless = [each for each in fields(panel, *kinds) if not each.accessibleName()]
    assert nameless == []
    buttons: Any = fields(panel, QCheckBox, QPushButton, QToolButton)
    assert all(each.text() or each.accessibleName() for each in buttons)


def test_the_wheel_is_left_to_the_panel(panel: QWidget) -> None:
    chosen = fields(panel, QComboBox, QAbstractSpinBox)
    assert chosen
    eager = [
        each for each in chosen if each.focusPolicy() != Qt.FocusPolicy.StrongFocus
    ]
    assert eager == []


def test_every_widget_has_a_parent(panel: QWidget) -> None:
    assert all(each.parentWidget() is not None for each in panel.findChildren(QWidget))

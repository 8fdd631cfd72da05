"""A viewer with the panel in it, and a network small enough to press Run often."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import napari
import numpy as np
import pytest
import torch
from light_viewer import LightViewer
from napari._app_model._app import NapariApplication
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.qt_viewer import QtViewer
from napari.plugins import _initialize_plugins
from napari.settings import get_settings
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from training_helpers import TINY as TINY_TRAINING

import napari_vdsr
from napari_vdsr.network.stack import VDSR
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.jobs import release_memory
from napari_vdsr.plugin.settings import save_settings
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.training.settings import TrainingSettings
from napari_vdsr.plugin.widgets.panel import Panel
from napari_vdsr.zoo import Model

MANIFEST = Path(napari_vdsr.__file__).parent / "napari.yaml"
TINY = Settings(model="tiny", device="cpu", tile="128")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the panel's memory and the models of whoever runs the tests out of it."""
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(
        "platformdirs.user_config_path", lambda name: tmp_path / "config" / name
    )
    (tmp_path / "models").mkdir()
    torch.manual_seed(0)
    network = VDSR(depth=3, features=8)
    Model(network, "tiny").save(tmp_path / "models" / "tiny.safetensors")
    biased = VDSR(depth=2, features=4, bias=True, first_padding="zeros")
    Model(biased, "biased").save(tmp_path / "models" / "biased.safetensors")
    yield
    release_memory()


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Wait for a minute at most, not for 5 seconds: a loaded machine is slow."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=60_000)
    return qtbot


@pytest.fixture
def notices() -> Iterator[list[str]]:
    """Collect what napari shows to the user."""
    shown: list[str] = []

    def note(event: Any) -> None:
        shown.append(str(event.message))

    notification_manager.notification_ready.connect(note)
    yield shown
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture
def plugin(npe2pm: PluginManager) -> PluginManager:
    """Register the plugin as napari would find it."""
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    return npe2pm


@pytest.fixture(scope="session")
def kept_viewer(qapp: QApplication) -> Iterator[tuple[Any, NapariApplication]]:
    """Give a viewer for most of the tests, and its menus: one takes half a second."""
    app = NapariApplication("kept")
    with menus_of(app):
        viewer = napari.Viewer(show=False, show_welcome_screen=False)
    # napari's own fixture takes what is there for a viewer that was left open.
    QtViewer._instances.discard(viewer.window._qt_viewer)
    yield viewer, app
    viewer.close()
    NapariApplication.destroy("kept")


@pytest.fixture(scope="session")
def usual_settings() -> Callable[[], None]:
    """Give what resets napari's settings if any was changed: it takes a while."""
    changes: list[Any] = [None]  # unknown before the first time
    settings = get_settings()
    settings.events.changed.connect(changes.append)

    def reset() -> None:
        if changes:
            settings.reset()
            changes.clear()

    return reset


def menus_of(app: NapariApplication) -> Any:
    """While this lasts, napari takes actions and menus of this application."""
    _initialize_plugins.cache_clear()
    init_qactions.cache_clear()
    return patch.object(NapariApplication, "get_app_model", return_value=app)


@pytest.fixture
def light_viewer(
    qtbot: Any, usual_settings: Callable[[], None]
) -> Iterator[LightViewer]:
    usual_settings()
    viewer = LightViewer()
    yield viewer
    let_go_of_panels(viewer)
    viewer.window.deleteLater()
    delete_now()


@pytest.fixture
def nothing_drawn() -> None:
    """Say that a test needs no more of a viewer than its layers and a dock.

    One of a file of such tests that does need the window asks for `kept_viewer`.
    """


@pytest.fixture
def viewer(request: pytest.FixtureRequest, qtbot: Any) -> Iterator[Any]:
    """An empty viewer; a new one for tests that make others, close or show it."""
    names = {*request.fixturenames}
    if {"make_napari_viewer", "npe2pm"} & names:
        yield request.getfixturevalue("make_napari_viewer")()
        return
    if "nothing_drawn" in names and "kept_viewer" not in names:
        yield request.getfixturevalue("light_viewer")
        return
    viewer, app = request.getfixturevalue("kept_viewer")
    usual_settings = request.getfixturevalue("usual_settings")
    usual_settings()
    with menus_of(app):
        yield viewer
        let_go_of_panels(viewer)
        viewer.layers.clear()
        viewer.dims.ndisplay = 2
        usual_settings()
        viewer.theme = get_settings().appearance.theme
        delete_now()


def let_go_of_panels(viewer: Any) -> None:
    viewer.window.remove_dock_widget("all")
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, Panel):
            widget.close_down()
            widget.deleteLater()


def delete_now() -> None:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def open_panel(viewer: Any, qtbot: Any) -> Callable[..., SuperResolution]:
    """Open the panel, set as asked, and wait until it knows the machine."""

    def open_it(where: Any = viewer, **settings: Any) -> SuperResolution:
        save_settings(TINY.changed(settings), Settings())
        panel = SuperResolution(where)
        where.window.add_dock_widget(panel, name="Super-resolution")
        wait_for_the_probe(panel, qtbot)
        return panel

    return open_it


@pytest.fixture
def open_training(viewer: Any, qtbot: Any) -> Callable[..., Training]:
    """Open the training panel, set as asked, and wait until it knows the machine."""

    def open_it(**settings: Any) -> Training:
        wanted = TrainingSettings().changed(TINY_TRAINING | settings)
        save_settings(wanted, TrainingSettings(), "training")
        panel = Training(viewer)
        viewer.window.add_dock_widget(panel, name="VDSR training")
        qtbot.waitUntil(lambda: panel._devices.known and is_settled(panel))
        return panel

    return open_it


def wait_for_the_probe(panel: SuperResolution, qtbot: Any) -> None:
    qtbot.waitUntil(
        lambda: (
            is_settled(panel)
            and panel._devices.known
            and not panel._prober.busy
            and not panel._soon.isActive()
        )
    )


@pytest.fixture
def settle(qtbot: Any) -> Callable[[SuperResolution | Training], str]:
    """Let the panel take note of changes; gives the line above its buttons."""

    def wait(panel: SuperResolution | Training) -> str:
        qtbot.waitUntil(lambda: is_settled(panel))
        return panel.controls.message.text()

    return wait


@pytest.fixture
def run(qtbot: Any, settle: Any) -> Callable[[SuperResolution], None]:
    """Press Run and wait for the end."""

    def press(panel: SuperResolution) -> None:
        settle(panel)
        panel.controls.button.click()
        assert panel.running, panel.controls.message.text()
        qtbot.waitUntil(lambda: not panel.running)

    return press


@pytest.fixture
def cells() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(np.uint16)


def is_settled(panel: Any) -> bool:
    models = getattr(panel, "models", None)
    return not (panel._soon.isActive() or (models is not None and models.busy))

"""What napari reads, and what its menus do."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

import napari_vdsr
from napari_vdsr.plugin.commands import open_with_model
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.settings import apply_cache_folder, preferred, save_settings

MANIFEST = Path(napari_vdsr.__file__).parent / "napari.yaml"


def test_the_copy_beside_the_readme_is_the_same() -> None:
    top = Path(__file__).resolve().parents[2] / "napari.yaml"
    assert top.read_bytes() == MANIFEST.read_bytes()


def test_everything_that_it_names_can_be_imported() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()


def test_commands_are_offered_for_image_layers_only() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    commands = {c.id: c for c in manifest.contributions.commands or []}
    for factor in (2, 3, 4):
        command = commands[f"napari-vdsr.upscale_x{factor}"]
        assert command.enablement == "active_layer_type == 'image'"
        assert command.title == f"Upscale active layer ×{factor}"


def test_settings_of_whoever_runs_the_tests_are_left_alone() -> None:
    """The fixtures reset them."""
    from napari.settings import get_settings

    assert str(get_settings().config_path) == os.environ["NAPARI_CONFIG"]
    assert "napari-vdsr-tests-" in os.environ["NAPARI_CONFIG"]


@pytest.mark.parametrize("opened_before", [False, True])
def test_a_menu_command_enlarges_the_active_layer(
    plugin: PluginManager, viewer: Any, qtbot: Any, cells: Any, opened_before: bool
) -> None:
    """A panel that was opened by the menu stayed, and a second one was opened."""
    from napari._app_model import get_app_model

    save_settings(Settings(model="tiny", device="cpu"), Settings())
    viewer.add_image(cells, name="below")
    viewer.add_image(cells, name="cells")
    commands = get_app_model().commands
    if opened_before:
        open_by_the_menu(plugin, viewer)
    commands.execute_command("napari-vdsr.upscale_x3").result()
    (panel,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    qtbot.waitUntil(lambda: not panel.running)
    assert [layer.name for layer in viewer.layers] == [
        "below",
        "cells",
        "cells ×3 tiny",
    ]
    qtbot.waitUntil(lambda: panel.idle)
    assert list(viewer.window.dock_widgets) == [panel_name(plugin)]


def panel_name(plugin: PluginManager) -> str:
    """What napari's menu calls the panel, as the title of its dock, too."""
    from napari.plugins import menu_item_template

    manifest = plugin.get_manifest("napari-vdsr")
    names = [each.display_name for each in manifest.contributions.widgets]
    assert "Super-resolution" in names
    return menu_item_template.format(manifest.display_name, "Super-resolution")


def open_by_the_menu(plugin: PluginManager, viewer: Any) -> SuperResolution:
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name=panel_name(plugin))
    return panel


def test_use_this_model_takes_the_panel_that_is_open(
    plugin: PluginManager, viewer: Any, qtbot: Any
) -> None:
    panel = open_by_the_menu(plugin, viewer)
    qtbot.waitUntil(lambda: panel.idle and panel.models.known)
    open_with_model(viewer, "vdsr5")
    assert panel.settings.model == "vdsr5"
    assert list(viewer.window.dock_widgets.values()) == [panel]


def test_a_model_cannot_be_changed_during_a_run_and_that_is_said(
    viewer: Any, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button did nothing."""
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="Super-resolution")
    before = panel.settings
    monkeypatch.setattr(SuperResolution, "running", True)
    open_with_model(viewer, "vdsr5")
    assert panel.settings == before
    assert "A run is going on" in notices[-1]
    monkeypatch.undo()


def test_preferences_are_what_the_panel_starts_from(
    plugin_settings: Any, plugin: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Device hard-coded (napari-nninteractive#8)."""
    from napari.settings import get_plugin_settings

    assert Settings().changed(preferred()) == Settings()
    chosen = get_plugin_settings("napari-vdsr").defaults
    chosen.device = "cpu"
    chosen.precision = "bfloat16"
    chosen.cache = "/somewhere"
    assert Settings().changed(preferred()) == Settings(
        device="cpu", precision="bfloat16"
    )
    monkeypatch.delenv("NAPARI_VDSR_CACHE")
    apply_cache_folder()
    assert os.environ.pop("NAPARI_VDSR_CACHE") == "/somewhere"


def test_a_panel_shows_the_preferences_when_it_has_read_them(
    plugin_settings: Any, plugin: PluginManager, viewer: Any, qtbot: Any, cells: Any
) -> None:
    """Reading them blocked the window; what the user changed meanwhile stays."""
    from napari.settings import get_plugin_settings

    chosen = get_plugin_settings("napari-vdsr").defaults
    chosen.device, chosen.precision = "cpu", "bfloat16"
    save_settings(Settings(tile="256"), Settings())
    viewer.add_image(cells)
    panel = SuperResolution(viewer)
    assert panel.settings == Settings(tile="256")
    panel.start()
    assert not panel.running
    assert panel.controls.message.text() == "Getting ready …"
    panel.form["factor"].value = "3"
    qtbot.waitUntil(lambda: panel.idle)
    shown = Settings(tile="256", device="cpu", precision="bfloat16", factor="3")
    assert panel.settings == shown
    panel.controls.reset.click()
    assert panel.settings == Settings(device="cpu", precision="bfloat16")
    panel.close_down()


def test_without_preferences_the_defaults_are_the_packages_own() -> None:
    assert Settings().changed(preferred()) == Settings()


def test_the_sample_is_an_image_exactly_over_its_original() -> None:
    from napari.layers import Image

    from napari_vdsr.plugin.contributions import coins

    original, reduced = (Image(data, **options) for data, options, _ in coins())
    assert np.asarray(original.data.shape).tolist() == [
        2 * size for size in reduced.data.shape
    ]
    for layer in (original, reduced):
        assert layer.data_to_world((-0.5, -0.5)) == (-0.5, -0.5)

"""The training panel in a real viewer, its own buttons pressed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from training_helpers import (
    OpenTraining,
    discs,
    message,
    names,
    wait_for_end,
    wait_for_steps,
)

import napari_vdsr
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.training import planning, unfinished
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.training.planning import Facts, suited_to
from napari_vdsr.plugin.training.session import Preview
from napari_vdsr.plugin.training.settings import TrainingSettings
from napari_vdsr.plugin.training.words import memory_needed
from napari_vdsr.plugin.widgets.panel import dock_of
from napari_vdsr.training import BlindNoise, prepare, recipe
from napari_vdsr.training.prepare import MEMORY
from napari_vdsr.zoo import load_model, user_folder

pytestmark = pytest.mark.usefixtures("nothing_drawn")


def train(panel: Training, settle: Any, qtbot: Any) -> None:
    """Press Start and wait for the end."""
    settle(panel)
    panel.controls.button.click()
    assert panel.running, message(panel)
    wait_for_end(panel, qtbot)


def weights(name: str) -> dict[str, torch.Tensor]:
    return load_model(name).network.state_dict()


def same(one: str, other: str) -> bool:
    mine, theirs = weights(one), weights(other)
    return all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_a_layer_is_planned_once_for_all_that_is_said_of_it(
    viewer: Any,
    open_training: OpenTraining,
    settle: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 40 layers selected, each change held the window up for 30 ms."""
    layer, planned = viewer.add_image(discs(), name="cells"), list[Any]()
    panel = open_training()
    settle(panel)

    def plan(layer: Any, factor: float) -> LayerPlan:
        planned.append(layer)
        return plan_layer(layer, factor)

    monkeypatch.setattr(planning, "plan_layer", plan)
    panel.refresh()
    assert planned == [layer]


def test_the_menu_opens_it(viewer: Any, plugin: Any, qtbot: Any) -> None:
    _, panel = viewer.window.add_plugin_dock_widget("napari-vdsr", "VDSR training")
    assert isinstance(panel, Training)
    items = plugin.get_manifest("napari-vdsr").contributions.menus
    commands = [item.command for item in items["napari/layers/filter"]]
    assert "napari-vdsr.training" in commands
    qtbot.waitUntil(lambda: panel._devices.known)


def test_a_layer_becomes_a_model_that_the_other_panels_offer_at_once(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    first, scores = SuperResolution(viewer), Psnr(viewer)
    panel = open_training(name="mine")
    qtbot.waitUntil(lambda: panel.idle)
    words = settle(panel).split(" · ")
    assert words[0] == "2-layer network, 6 steps on 'cells'"
    assert words[1].startswith(("about\u00a0", "under\u00a01"))
    train(panel, settle, qtbot)
    assert message(panel).startswith("'mine' is in the list of models: ×2\u00a0")
    qtbot.waitUntil(lambda: "mine" in first.form["model"].choices)
    offered = scores.model.form["model"]
    qtbot.waitUntil(lambda: "mine" in offered.choices)
    model = load_model("mine")
    assert model.network.depth == 2
    assert model.equivariant
    told = json.loads(model.metadata["training"])
    assert told["config"]["patch"] == 16
    assert told["steps"] == 6
    assert told["scores"]
    assert model.title.startswith("mine: ")
    larger = napari_vdsr.upscale(discs(), 2, model="mine", device="cpu")
    assert larger.shape == (128, 144)
    assert panel.form["name"].value == ""  # ready for the next one
    assert panel.controls.button.isEnabled()
    assert not unfinished.find_unfinished()
    assert panel.controls.use.isVisibleTo(panel)
    first.close_down()
    scores.close_down()


def test_the_button_for_the_new_model_is_in_view(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    """It was far below the open recipe."""
    viewer.add_image(discs(), name="cells")
    panel = open_training(name="mine", more=True)
    dock = dock_of(panel)
    assert dock is not None
    dock.setFloating(True)
    dock.resize(300, 250)
    dock.show()
    train(panel, settle, qtbot)
    button = panel.controls.use
    qtbot.waitUntil(lambda: not button.visibleRegion().isEmpty())


def test_a_pause_changes_nothing_in_the_result(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=40, name="straight")
    train(panel, settle, qtbot)
    panel.form["name"].value = "paused"
    settle(panel)
    panel.controls.button.click()
    wait_for_steps(panel, qtbot)
    assert panel.controls.button.text() == "Pause"
    panel.controls.button.click()
    wait_for_end(panel, qtbot)
    assert panel.paused
    assert message(panel).startswith("Paused after step ")
    assert panel.form.isHidden()
    assert unfinished.checkpoint_of("paused").exists()
    panel.controls.button.click()
    assert panel.running
    wait_for_end(panel, qtbot)
    assert same("straight", "paused")


def test_a_paused_training_can_be_stopped_or_cancelled(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000)
    for name, button in (("kept", "stop"), ("gone", "cancel")):
        panel.form["name"].value = name
        settle(panel)
        panel.controls.button.click()
        wait_for_steps(panel, qtbot)
        panel.controls.button.click()
        wait_for_end(panel, qtbot)
        getattr(panel.controls, button).click()
        wait_for_end(panel, qtbot)
        assert not panel.paused
        assert panel.controls.button.text() == "Start"
    assert (user_folder() / "kept.safetensors").exists()
    assert not (user_folder() / "gone.safetensors").exists()
    assert not list((user_folder() / "unfinished").iterdir())


def test_cancel_forgets_everything_after_asking(
    viewer: Any,
    open_training: OpenTraining,
    settle: Any,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_vdsr.plugin.training.panel._WORTH_ASKING", 0.0)
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    settle(panel)
    panel.controls.button.click()
    wait_for_steps(panel, qtbot)

    def answer(button: str) -> None:
        box = QApplication.activeModalWidget()
        box.button(getattr(box.StandardButton, button)).click()

    QTimer.singleShot(100, lambda: answer("No"))
    panel.controls.cancel.click()
    assert panel.running
    QTimer.singleShot(100, lambda: answer("Yes"))
    panel.controls.cancel.click()
    wait_for_end(panel, qtbot)
    assert message(panel).startswith("Discarded; nothing was kept.")
    assert "mine" not in panel.form["model"].choices
    assert not list((user_folder() / "unfinished").iterdir())


def test_the_preview_follows_and_shows_what_was_learnt(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells", scale=(0.5, 0.5), units=("um", "um"))
    panel = open_training(steps=300, rate=0.01, name="mine")
    settle(panel)
    panel.controls.button.click()
    qtbot.waitUntil(lambda: "preview of mine" in names(viewer))
    preview = viewer.layers["preview of mine"]
    at_first = preview.data.copy()
    assert list(viewer.layers.selection) == [viewer.layers["cells"]]
    wait_for_end(panel, qtbot)
    start, made, truth = np.split(
        preview.data[[*range(64), *range(66, 130), *range(132, 196)]], 3
    )
    assert np.array_equal(at_first[:64], start)
    assert not np.array_equal(at_first[66:130], made)
    assert np.abs(made - truth).mean() < np.abs(start - truth).mean()
    # Beside the image, in the same unit.
    assert preview.extent.world[0, 1] > viewer.layers["cells"].extent.world[1, 1]
    assert preview.units == viewer.layers["cells"].units
    assert "preview of mine" not in panel.form["images"].choices


def test_a_preview_that_is_removed_or_not_wanted_stays_away(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000)
    settle(panel)
    panel.controls.button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    viewer.layers.remove(viewer.layers[1])
    wait_for_steps(panel, qtbot, 10)
    panel.controls.stop.click()
    wait_for_end(panel, qtbot)
    assert names(viewer) == ["cells"]
    panel.form["preview"].value = False
    panel.form["steps"].value = 4
    train(panel, settle, qtbot)
    assert names(viewer) == ["cells"]


def test_the_layer_of_a_preview_is_used_for_the_next_training(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    """To remove one blocked the window for a quarter of a second."""
    viewer.add_image(discs(), name="cells")
    panel = open_training(name="first")
    train(panel, settle, qtbot)
    preview = viewer.layers["preview of first"]
    panel.form["name"].value = "second"
    train(panel, settle, qtbot)
    assert names(viewer) == ["cells", "preview of second"]
    assert viewer.layers[1] is preview


def test_the_curves_hold_all_losses_and_scores(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(shape=(64, 100)), name="cells")
    panel = open_training(steps=20, factors="2, 3")
    train(panel, settle, qtbot)
    assert panel._last is not None
    history = panel._last.history
    assert history is not None
    steps, values = panel.view.curves.points("loss")["loss"]
    assert steps == [loss.step for loss in history.losses] == list(range(1, 21))
    assert values == [loss.value for loss in history.losses]
    gains = panel.view.curves.points("gain")
    assert set(gains) == {"bicubic", "x2", "x3"}
    assert gains["x2"][0] == list(range(2, 21, 2))
    assert gains["x2"][1] == [s.psnr["x2"] - s.enlarged["x2"] for s in history.scores]
    assert "×3" in panel.view.curves.gain_title.text()
    viewer.theme = "light"
    settle(panel)
    assert panel.view.curves.points("gain") == gains


def test_fine_tuning_and_adapting_begin_with_the_model(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(1), name="other")
    viewer.add_image(discs(), name="cells")
    panel = open_training(
        begin="model",
        model="tiny",
        recipe="adapt",
        images="all image layers",
        name="tuned",
    )
    assert settle(panel).startswith("3-layer network, 6 steps on 2 layers")
    train(panel, settle, qtbot)
    tuned = load_model("tuned")
    assert tuned.network.depth == 3
    assert tuned.metadata["description"].startswith(
        "Fine-tuned from tiny in 6 steps on 1 "
    )
    panel.form["begin"].value = "layer"
    panel.form["name"].value = "adapted"
    assert "adapted to one layer, and 2 are chosen" in settle(panel)
    panel.form["images"].value = "cells"
    train(panel, settle, qtbot)
    assert "start_from" in json.loads(load_model("adapted").metadata["training"])


def test_model_and_recipe_follow_how_the_images_were_taken(
    viewer: Any, open_training: OpenTraining, settle: Any
) -> None:
    """A noisy confocal image was fine-tuned as a reduced one, which made it worse."""
    panel = open_training(model="vdsr20", steps=0)

    def chosen() -> tuple[str, str, int]:
        settings = panel.settings
        return settings.recipe, settings.model, settings.steps

    panel.form["sampling"].value = "scanner"
    panel.form["begin"].value = "model"
    assert chosen() == ("microscope", "vdsr20-scanner", 300)
    panel.form["sampling"].value = "camera"
    assert chosen() == ("microscope", "vdsr20-camera", 300)
    panel.form["sampling"].value = "reduced"
    assert chosen() == ("adapt", "vdsr20", 0)
    panel.form["sampling"].value = "camera"
    panel.form["begin"].value = "scratch"
    assert chosen() == ("quick", "vdsr20-camera", 0)
    panel.close_down()


@pytest.mark.parametrize(
    "by_hand",
    [{"recipe": "modern"}, {"steps": 77}, {"model": "tiny"}],
)
def test_what_was_chosen_by_hand_stays_when_sampling_is_answered(
    by_hand: dict[str, Any],
) -> None:
    mine = TrainingSettings(begin="model", recipe="adapt").changed(by_hand)
    models = ["tiny", "vdsr20", "vdsr20-scanner"]
    suited = suited_to(mine.changed({"sampling": "scanner"}), models)
    (name, value) = next(iter(by_hand.items()))
    assert getattr(suited, name) == value
    assert suited_to(mine.changed({"sampling": "camera"}), models).model == mine.model


def test_a_model_of_colours_is_fine_tuned_in_colours(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    """Mixed channel counts: what has no colours is named and left out."""
    colours = np.stack([discs(seed) for seed in range(3)], -1)
    viewer.add_image(colours, name="stain")
    viewer.add_image(colours[::-1], name="stain 2")
    viewer.add_image(discs(), name="grey")
    panel = open_training(recipe="course", images="all image layers", name="course")
    train(panel, settle, qtbot)
    assert load_model("course").network.channels == 3
    assert "grey: grey, but this network takes colours" in panel.view.remarks.text()
    assert viewer.layers["preview of course"].rgb
    panel.form["begin"].value = "model"
    settle(panel)
    panel.form["model"].value = "course"
    panel.form["name"].value = "course-2"
    train(panel, settle, qtbot)
    assert load_model("course-2").network.channels == 3


def test_a_folder_is_learnt_from_and_what_cannot_be_read_is_named(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(3):
        tifffile.imwrite(folder / f"{seed}.tif", discs(seed))
    (folder / "broken.tif").write_bytes(b"no image")
    tifffile.imwrite(folder / "flat.tif", np.full((40, 40), 7, np.uint8))
    panel = open_training(images="a folder", folder=str(folder), held="20", name="mine")
    train(panel, settle, qtbot)
    assert "'mine' is in the list" in message(panel)
    assert "2 of " in panel.view.remarks.text()
    assert "broken.tif" in panel.view.remarks.text()
    assert "flat.tif: constant" in panel.view.remarks.text()
    held = tmp_path / "held"
    held.mkdir()
    tifffile.imwrite(held / "9.tif", discs(9))
    panel.form["held"].value = "a folder"
    panel.form["held_folder"].value = str(held)
    train(panel, settle, qtbot)
    assert json.loads(load_model("trained-1").metadata["training"])["images"] == 3


def test_the_name_of_the_next_model_is_free_before_models_are_listed_again(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training()
    train(panel, settle, qtbot)
    assert "'trained-1' is in the list" in message(panel)
    assert panel._ready_plan() is not None


def test_how_the_images_were_taken_is_asked_and_reaches_the_model(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(begin="model", model="tiny", name="mine")
    settle(panel)
    sampling, noise = panel.form["sampling"], panel.form["noise"]
    assert sampling.native.itemText(0) == "as the recipe says (reduced)"
    panel.form["recipe"].value = "microscope"
    settle(panel)
    assert sampling.native.itemText(0) == "as the recipe says (scanner)"
    assert noise.native.itemText(0) == "as the recipe (of any strength)"
    sampling.value, noise.value = "camera", "none"
    train(panel, settle, qtbot)
    told = load_model("mine").metadata
    assert told["sampling"] == "camera"
    assert "taken by a camera" in told["description"]
    config = json.loads(told["training"])["config"]
    assert config["sampling"] == "camera"
    assert config["noise"] is None
    assert config["spot"] is not None  # as the recipe says


def test_the_preview_shows_what_the_instrument_makes_of_an_image() -> None:
    noise = BlindNoise((20.0, 20.0), clean=0.0)
    usual = recipe("quick", patch=16, sampling="scanner", factors=(2.0,))
    images = prepare(discs(), usual, warn=False)
    network = load_model("tiny").network
    tiles = []
    for config in (usual, replace(usual, noise=noise)):
        preview = Preview(images, config, torch.device("cpu"))
        picture = preview.picture(network)
        height = (len(picture) - 4) // 3
        tiles.append(np.split(picture[[*range(height), *range(-height, 0)]], 2))
    (clean, truth), (noisy, same_truth) = tiles
    source = images.validation or images.images
    fine = source.parts[0].read()[0].pixels[0] / 255
    rows, columns = (2 * size for size in truth.shape)
    halved = fine[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean((1, 3))
    np.testing.assert_allclose(truth, halved, atol=1e-5)
    assert np.array_equal(truth, same_truth)
    assert np.abs(noisy - clean).std() > 0.02


@pytest.mark.usefixtures("kept_viewer")  # the script asks napari for its viewer
@pytest.mark.parametrize(
    "settings",
    [
        {"begin": "scratch"},
        {"begin": "layer"},
        {"sampling": "scanner", "noise": "blind"},
        {"recipe": "microscope", "noise": "none"},
    ],
)
def test_the_script_does_the_same_as_start(
    viewer: Any,
    open_training: OpenTraining,
    settle: Any,
    qtbot: Any,
    settings: dict[str, str],
) -> None:
    viewer.add_image(discs(shape=(80, 144)), name="cells")
    panel = open_training(**settings, model="tiny", rate=0.003, name="panel", held="20")
    settle(panel)
    panel.view.script.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    script = clipboard.text()
    train(panel, settle, qtbot)
    exec(script.replace("'panel'", "'script'"), {})
    assert same("panel", "script")


def test_what_is_held_out_of_a_single_image_is_said(
    viewer: Any, open_training: OpenTraining, settle: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    viewer.add_image(discs(1), name="other")
    viewer.layers.select_all()
    panel = open_training(held="20")
    settle(panel)
    held = panel.form["held"]
    assert held.native.currentText() == "20 % of the images"
    panel.form["images"].value = "cells"
    settle(panel)
    assert held.native.currentText() == "a quarter of it"
    assert len(held.choices) == 3
    held.value = "0"
    panel.form["images"].value = "all image layers"
    settle(panel)
    assert held.native.currentText() == "nothing"
    assert held.native.itemText(2) == "10 % of the images"


def test_settings_are_kept_between_openings(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    panel = open_training()
    panel.form["recipe"].value = "paper"
    panel.form["batch"].value = 7
    panel.form["sampling"].value = "camera"
    panel.form["noise"].value = "blind"
    settle(panel)
    viewer.window.remove_dock_widget(panel)
    again = Training(viewer)
    assert again.form["recipe"].value == "paper"
    assert again.form["batch"].value == 7
    assert again.form["steps"].value == 6
    assert again.form["sampling"].value == "camera"
    assert again.form["noise"].value == "blind"
    again.view.reset.click()
    assert again.form["recipe"].value == "quick"
    assert again.form["batch"].value == 0
    assert again.form["sampling"].value == again.form["noise"].value == ""
    qtbot.waitUntil(lambda: again._devices.known)
    again.close_down()


def test_a_saved_choice_that_is_none_any_more_does_no_harm(
    viewer: Any, open_training: OpenTraining, settle: Any
) -> None:
    viewer.add_image(np.zeros((64, 64), np.uint8))
    assert TrainingSettings().changed({"held": "gone"}).held == "10"
    assert TrainingSettings().changed({"held": "20"}).held == "20"
    panel = open_training(recipe="gone", held="gone")
    assert settle(panel).startswith("Recipe is 'gone': choose modern, paper")
    panel.form["recipe"].value = "quick"
    assert "gone" not in settle(panel)


def test_images_of_any_size_are_held_up_to_a_limit() -> None:
    config, facts = recipe("quick", sizes=(1.0,)), Facts(depth=5)
    learning = memory_needed(config, facts, None)
    assert memory_needed(config, facts, 1000) - learning == 2000
    assert memory_needed(config, facts, 10**12) - learning == 3 * MEMORY


def test_a_new_model_is_used_by_a_click(
    viewer: Any, plugin: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(name="mine")
    assert panel.controls.use.isHidden()
    train(panel, settle, qtbot)
    panel.controls.use.click()
    docks = viewer.window.dock_widgets.values()
    (other,) = [each for each in docks if isinstance(each, SuperResolution)]
    assert other.settings.model == "mine"
    qtbot.waitUntil(lambda: other.models.known)
    other.catch_up()
    assert other.settings.model == "mine"


def test_the_preview_goes_with_what_is_discarded(
    viewer: Any, open_training: OpenTraining, settle: Any, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    settle(panel)
    panel.controls.button.click()
    qtbot.waitUntil(lambda: "preview of mine" in names(viewer))
    assert panel.form.isHidden()
    panel.controls.cancel.click()
    wait_for_end(panel, qtbot)
    assert names(viewer) == ["cells"]
    assert not panel.form.isHidden()

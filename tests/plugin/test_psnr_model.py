"""Scoring a model on a layer: reduce, enlarge, compare."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scoring_helpers import CAMERA, Caught, names, stack, texts
from skimage import data

from napari_vdsr.evaluation.evaluate import compare
from napari_vdsr.plugin.scores.layers import take_snapshot
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.scores.settings import ModelOptions
from napari_vdsr.plugin.scores.work import ModelJob
from napari_vdsr.zoo import Model, load_model, user_folder

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.fixture
def tab(viewer: Any, qtbot: Any) -> Any:
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    panel.book.setCurrentIndex(1)
    qtbot.waitUntil(lambda: panel.models.known)
    panel.catch_up()
    panel.model.form["model"].value = "tiny"
    return Caught(panel, "model")


def score(tab: Any, qtbot: Any) -> None:
    assert tab.work.button.isEnabled(), tab.work.message.text()
    tab.work.button.click()
    qtbot.waitUntil(lambda: not tab.running)


def corners(layer: Any) -> np.ndarray[Any, Any]:
    """World positions of a layer's first and last outer corner in Y and X."""
    shape = np.array(layer.data.shape[: layer.ndim])
    first, last = np.zeros(layer.ndim), shape - 1.0
    first[-2:], last[-2:] = -0.5, shape[-2:] - 0.5
    return np.array([layer.data_to_world(first), layer.data_to_world(last)])


def test_all_images_are_added_exactly_over_the_original(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    truth = viewer.add_image(
        stack(2),
        name="cells",
        scale=(1, 0.2, 0.3),
        translate=(0, 7, 8),
        shear=[0, 0, 1],
    )
    score(tab, qtbot)
    assert names(viewer) == [
        "cells",
        "cells reduced ×2",
        "cells reduced ×2 bicubic",
        "cells reduced ×2 tiny",
    ]
    low, bicubic, predicted = viewer.layers[1:]
    assert low.data.shape == (2, 20, 24)
    assert bicubic.data.shape == predicted.data.shape == truth.data.shape
    for layer in (low, bicubic, predicted):
        np.testing.assert_allclose(corners(layer), corners(truth))
    expected = compare(stack(2), 2, model="tiny")
    assert texts(tab.results.summary) == [
        [
            outcome.method.replace(" + ", "\n+ "),
            f"{outcome.psnr.mean:.2f}",
            f"{outcome.psnr.fitted.mean:.2f}",  # type: ignore[union-attr]
            f"{outcome.ssim:.4f}",
        ]
        for outcome in expected.outcomes
    ]
    np.testing.assert_array_equal(predicted.data, expected.outcomes[-1].image)
    assert "Protocol 'direct'" in tab.results.notes.text()
    assert predicted.metadata["napari-vdsr"]["source"]["name"] == low.name


def test_the_embedded_model_gains_on_a_photograph(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    viewer.add_image(data.coins()[:60, :64], name="coins")
    tab.form["model"].value = "vdsr20"
    score(tab, qtbot)
    bicubic, spline, best, model = (outcome.psnr.mean for outcome in tab.results.scores)
    assert model > bicubic + 1
    gains = (f"+{model - each:.2f} dB against" for each in (bicubic, spline, best))
    words = tab.results.notes.text()
    assert words.startswith("vdsr20: ")
    gain = f"{model - bicubic:.1f}"
    answer = f"<b>vdsr20 gains {gain} dB over bicubic</b>"
    assert tab.results.answer.text() == answer
    assert all(gain in words for gain in gains)


def test_an_image_is_scanned_with_noise_and_everything_lies_over_it(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    truth = viewer.add_image(data.coins()[:40, :48], name="coins", scale=(0.2, 0.3))
    tab.form["taken"].value = "scanner"
    tab.form["noise"].value = "strong"
    score(tab, qtbot)
    assert names(viewer) == [
        "coins",
        "coins 2 × 2 means",
        "coins scanner ×2",
        "coins scanner ×2 bicubic",
        "coins scanner ×2 tiny",
    ]
    shapes = [layer.data.shape for layer in viewer.layers[1:]]
    assert shapes == [(20, 24), (10, 12), (20, 24), (20, 24)]
    for layer in viewer.layers[1:]:
        np.testing.assert_allclose(corners(layer), corners(truth))
    made = viewer.layers["coins scanner ×2"].metadata["napari-vdsr"]
    assert made["sampling"] == "scanner"
    assert round(made["electrons"]) == 903
    words = tab.results.notes.text()
    assert "Small image: points, as by confocal" in words
    assert "Noise added: 903 electrons at white" in words
    assert "nobody has for a new image" in words
    expected = compare(truth.data, 2, model="tiny", sampling="scanner", noise="strong")
    for shown, outcome in zip(tab.results.scores, expected.outcomes, strict=True):
        assert shown.psnr.mean == outcome.psnr.mean
    tab.tile.native.click()
    assert not truth.visible, "the means stand in its place"


def test_a_model_is_tried_on_images_that_it_was_trained_for(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    viewer.add_image(CAMERA, name="cells")
    Model(load_model("tiny").network, "pts", metadata={"sampling": "camera"}).save(
        user_folder() / "pts.safetensors"
    )
    tab._panel.models.look()
    qtbot.waitUntil(lambda: "pts" in tab.form["model"].choices)
    tab.form["model"].value = "pts"
    score(tab, qtbot)
    assert "cells camera ×2 pts" in names(viewer)
    assert "Noise added: none" in tab.results.notes.text()


def test_images_stand_side_by_side_and_everything_comes_back(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    other = viewer.add_image(CAMERA, name="other")
    tab.truth.value = viewer.add_image(CAMERA, name="cells")
    assert not tab.tile.native.isEnabled()
    score(tab, qtbot)
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom = 3.0
    tab.tile.native.click()
    assert camera.zoom != 3.0
    grid = getattr(viewer, "canvas", viewer).grid
    assert grid.enabled
    assert not other.visible
    assert all(layer.name_overlay.visible for layer in viewer.layers[1:])
    if hasattr(viewer, "canvas"):  # before napari 0.9, hidden layers have places, too
        layers = viewer.layers
        places = [grid.position(layers.index(x), layers) for x in layers[1:]]
        assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]
    tab.tile.native.click()
    assert not grid.enabled
    assert camera.zoom == 3.0
    assert other.visible
    assert not any(layer.name_overlay.visible for layer in viewer.layers)


def test_a_panel_that_is_closed_leaves_nothing_side_by_side(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    """Other layers stayed hidden, and the grid on."""
    other = viewer.add_image(CAMERA, name="other")
    tab.truth.value = viewer.add_image(CAMERA, name="cells")
    score(tab, qtbot)
    tab.tile.native.click()
    assert not other.visible
    viewer.window.remove_dock_widget(tab._panel)
    assert other.visible
    assert not getattr(viewer, "canvas", viewer).grid.enabled


def test_scoring_again_keeps_what_was_there(viewer: Any, tab: Any, qtbot: Any) -> None:
    """Results overwritten (napari-imagej#79)."""
    viewer.add_image(CAMERA[:39], name="cells")
    score(tab, qtbot)
    tab.form["factor"].value = "4"
    score(tab, qtbot)
    assert len(set(names(viewer))) == 7
    assert names(viewer)[-1] == "cells reduced ×4 tiny"
    assert viewer.layers["cells reduced ×4 tiny"].data.shape == (36, 48)


def test_colours_and_biased_models_are_scored(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (36, 36, 3)).astype(np.uint8)
    viewer.add_image(pixels, name="stain")
    tab.form["model"].value = "biased"
    score(tab, qtbot)
    assert viewer.layers["stain reduced ×2 biased"].rgb
    assert "luminance" in tab.results.notes.text()


def test_a_layer_that_is_too_small_or_no_numbers_is_refused_before_score(
    viewer: Any, tab: Any
) -> None:
    assert "Open an image" in tab.work.message.text()
    viewer.add_image(np.zeros((4, 40), np.uint8), name="slit")
    assert "too small" in tab.work.message.text()
    assert not tab.work.button.isEnabled()
    tab.truth.value = viewer.add_image(np.zeros((11, 40), np.uint8), name="strip")
    assert tab.work.button.isEnabled()
    tab.form["taken"].value = "scanner"
    assert "halved for a scanner's truth" in tab.work.message.text()
    assert not tab.work.button.isEnabled()
    tab.form["taken"].value = "own"
    assert tab.work.button.isEnabled()
    tab.form["model"].value = "vdsr20-scanner"
    assert "halved for a scanner's truth" in tab.work.message.text()


def test_a_model_is_scored_only_at_factors_that_it_is_made_for(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    viewer.add_image(CAMERA, name="cells")
    tab.form["model"].value = "srcnn-915-x3"
    assert "'srcnn-915-x3' is made for ×3 only" in tab.work.message.text()
    assert "border" in tab.form["factor"].native.styleSheet()
    assert not tab.work.button.isEnabled()
    tab.form["factor"].value = "3"
    assert not tab.form["factor"].native.styleSheet()
    score(tab, qtbot)
    assert texts(tab.results.summary)[-1][0] == "srcnn-915-x3"
    assert tab.results.notes.text().startswith("srcnn-915-x3: ")
    work = ModelJob(take_snapshot(tab.truth.value), ModelOptions(model="srcnn-915-x3"))
    work()
    assert "not made for ×2" in work.message
    assert not work.results


def test_what_fails_in_the_work_is_said(viewer: Any, tab: Any, qtbot: Any) -> None:
    pixels = np.ones((30, 30), np.float32)
    pixels[3, 3] = np.nan
    viewer.add_image(pixels, name="gaps")
    score(tab, qtbot)
    assert "NaN" in tab.work.message.text()
    assert names(viewer) == ["gaps"]


def test_a_long_word_of_a_message_goes_on_in_the_next_line(
    viewer: Any,
    tab: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mirror = tmp_path / "a_mirror_that_is_not_there_and_has_a_long_name"
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", str(mirror))
    viewer.add_image(CAMERA, name="cells")
    tab.form["model"].value = "vdsr20-kim2016"
    score(tab, qtbot)
    label = tab.work.message
    assert mirror.name in label.text().replace("\u200b", "")
    for word in label.text().replace("\u200b", " ").split():
        assert label.fontMetrics().horizontalAdvance(word) <= 280
    assert label.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse

"""The panel's life: where it is found, cancelled, closed; what it loads."""

import threading
from typing import Any

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel
from scoring_helpers import CAMERA, names, stack

from napari_vdsr.layers.result import METADATA_KEY, Provenance
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.scores.settings import PsnrSettings
from napari_vdsr.plugin.settings import save_settings
from napari_vdsr.plugin.viewer import LEFT_OF_LINE, TRAINING_PREVIEW

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.fixture
def panel(viewer: Any, qtbot: Any) -> Psnr:
    made = Psnr(viewer)
    viewer.window.add_dock_widget(made, name="PSNR")
    qtbot.waitUntil(lambda: made.models.known)
    made.catch_up()
    made.model.form["model"].value = "tiny"
    return made


def large() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random((40, 256, 256), np.float32)


def test_the_menus_open_it(viewer: Any, plugin: Any) -> None:
    _, panel = viewer.window.add_plugin_dock_widget("napari-vdsr", "PSNR")
    assert isinstance(panel, Psnr)
    items = plugin.get_manifest("napari-vdsr").contributions.menus
    measure = [item.command for item in items["napari/layers/measure"]]
    assert measure == ["napari-vdsr.psnr"]


def test_a_tab_is_made_when_it_is_first_shown(viewer: Any, qtbot: Any) -> None:
    """Making all three at once blocked the window."""
    viewer.add_image(CAMERA, name="cells")
    save_settings(PsnrSettings(factor="4", model="tiny"), PsnrSettings(), "psnr")
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    qtbot.waitUntil(lambda: panel.models.known)
    panel.catch_up()
    pages = [panel.book.widget(index) for index in range(panel.book.count())]
    assert [bool(page.findChildren(QComboBox)) for page in pages] == [
        True,
        False,
        False,
    ]
    assert (panel.settings.factor, panel.settings.model) == ("4", "tiny")
    for index, name in ((1, "model"), (2, "check")):
        panel.book.setCurrentIndex(index)
        tab = pages[index].widget()  # at once, so that nobody sees an empty page
        assert tab is getattr(panel, name)
        assert tab.isVisibleTo(panel)
    assert panel.model.form.settings.factor == "4"
    assert panel.model.form["model"].native.currentText().startswith("tiny")
    assert panel.model.truth.value is panel.check.image.value is viewer.layers[0]
    assert panel.model.work.button.isEnabled()


def test_a_tab_that_cannot_be_made_shows_the_error(
    viewer: Any,
    panel: Psnr,
    qtbot: Any,
    notices: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no words here")

    monkeypatch.setattr("napari_vdsr.plugin.scores.tab_check.wrapping_label", fail)
    panel.book.setCurrentIndex(2)
    qtbot.waitUntil(lambda: bool(notices))
    (label,) = panel.findChildren(QLabel)
    assert "RuntimeError: no words here" in label.text()
    viewer.add_image(CAMERA)  # it does not listen
    assert panel.idle


def test_names_of_layers_are_taken_for_no_html(viewer: Any, panel: Psnr) -> None:
    reference = viewer.add_image(CAMERA, name="truth")
    colours = viewer.add_image(np.zeros((40, 48, 3), np.uint8), name="<b>rgb</b>")
    panel.catch_up()
    tab = panel.compare
    tab.reference.value = reference
    tab.layers.tick(colours)
    assert "<b>rgb</b>" in tab.work.message.text()
    names = tab.work.message, tab.results.heading, tab.results.warning
    for label in (*names, tab.results.notes):
        assert label.textFormat() == Qt.TextFormat.PlainText


def test_what_is_chosen_in_its_tabs_is_kept(viewer: Any, panel: Psnr) -> None:
    chosen = {"factor": "4", "taken": "camera", "noise": "weak", "model": "biased"}
    for name, value in chosen.items():
        panel.model.form[name].value = value
    panel.compare.form["border"].value = 3
    panel.catch_up()
    panel.close_down()
    opened = Psnr(viewer)
    assert opened.settings.changed(chosen | {"border": 3}) == opened.settings
    opened.close_down()


def test_a_comparison_can_be_cancelled(viewer: Any, panel: Psnr, qtbot: Any) -> None:
    reference = viewer.add_image(large(), name="truth")
    layer = viewer.add_image(large() + 1, name="brighter")
    panel.catch_up()
    tab = panel.compare
    tab.reference.value = reference
    tab.layers.tick(layer)
    tab.work.button.click()
    assert tab.work.button.text() == "Cancel"
    tab.work.button.click()
    qtbot.waitUntil(lambda: not tab.running)
    assert tab.work.message.text() == "Stopped."
    assert tab.work.button.text() == "Compare"
    assert not tab.scores


def test_a_cancelled_comparison_does_not_begin_again_by_itself(
    viewer: Any, panel: Psnr, qtbot: Any
) -> None:
    """Selecting a layer began it anew."""
    viewer.add_image(large(), name="truth")
    made = {METADATA_KEY: Provenance().written()}
    viewer.add_image(large() + 1, name="result", metadata=made)
    panel.catch_up()
    tab = panel.compare
    assert tab.running  # results are compared without being asked to
    tab.work.button.click()
    qtbot.waitUntil(lambda: not tab.running)
    viewer.layers.selection.clear()
    panel.catch_up()
    assert not tab.running
    tab.form["border"].value = 2
    panel.catch_up()
    assert tab.running


class SlowDisk:
    """An array on a disk that stops answering."""

    shape, dtype, ndim = (40, 64, 64), np.dtype("float32"), 3

    def __init__(self) -> None:
        self.slow = False
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.reads = 0

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        if self.slow:
            self.reads += 1
            self.asked.set()
            assert self.answers.wait(30)
        return large()[:, :64, :64][key]


@pytest.mark.parametrize("tab", ["compare", "model"])
def test_work_on_a_lazy_layer_is_cancelled_between_its_planes(
    viewer: Any, panel: Psnr, qtbot: Any, tab: str
) -> None:
    disk = SlowDisk()
    data = da.from_array(disk, chunks=(1, 64, 64))
    layer = viewer.add_image(data, name="lazy", contrast_limits=(0, 1))
    panel.catch_up()
    chosen: Any = getattr(panel, tab)
    if tab == "compare":
        truth = viewer.add_image(large()[:, :64, :64], name="truth")
        panel.catch_up()
        chosen.reference.value = truth
        chosen.layers.tick(layer)
    disk.slow = True
    chosen.work.button.click()
    qtbot.waitUntil(disk.asked.is_set)
    chosen.work.button.click()
    disk.answers.set()
    qtbot.waitUntil(lambda: not chosen.running)
    assert chosen.work.message.text() == "Stopped."
    assert disk.reads < 5


def test_scoring_a_model_can_be_cancelled(viewer: Any, panel: Psnr, qtbot: Any) -> None:
    viewer.add_image(large(), name="cells")
    panel.catch_up()
    panel.model.work.button.click()
    qtbot.waitUntil(lambda: panel.model.work.message.text().startswith("Reducing"))
    panel.model.work.button.click()
    qtbot.waitUntil(lambda: not panel.model.running)
    assert names(viewer) == ["cells"]


def test_layers_may_go_during_the_work(viewer: Any, panel: Psnr, qtbot: Any) -> None:
    reference = viewer.add_image(stack(), name="truth")
    layer = viewer.add_image(stack() + 1, name="brighter")
    panel.catch_up()
    tab = panel.compare
    tab.reference.value = reference
    tab.layers.tick(layer)
    tab.form["error_maps"].value = True
    tab.work.button.click()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not tab.running)
    assert names(viewer) == []
    panel.catch_up()
    assert "Open two images" in tab.work.message.text()


def test_a_truth_removed_while_a_model_is_scored_is_added_again(
    viewer: Any, panel: Psnr, qtbot: Any
) -> None:
    truth = viewer.add_image(CAMERA, name="cells")
    panel.catch_up()
    panel.model.work.button.click()
    viewer.layers.remove(truth)
    qtbot.waitUntil(lambda: not panel.model.running)
    assert names(viewer)[0] == "cells"
    assert len(viewer.layers) == 4


def test_closing_the_panel_stops_the_work(viewer: Any, panel: Psnr, qtbot: Any) -> None:
    viewer.add_image(large(), name="cells")
    panel.catch_up()
    panel.model.work.button.click()
    assert panel.model._run is not None
    ticker = panel.model._run.job.ticker
    viewer.window.remove_dock_widget(panel)
    assert ticker.cancelled
    assert not panel.model.running
    viewer.layers["cells"].data = CAMERA
    qtbot.wait(400)
    assert names(viewer) == ["cells"]


@pytest.mark.usefixtures("make_napari_viewer")
def test_closing_the_viewer_during_the_work_leaves_nothing(
    viewer: Any, panel: Psnr
) -> None:
    """The fixture itself checks that no viewer is left."""
    viewer.add_image(large(), name="cells")
    panel.catch_up()
    panel.model.work.button.click()


@pytest.mark.parametrize("kind", [LEFT_OF_LINE, TRAINING_PREVIEW])
def test_what_only_helps_to_look_is_not_compared(
    viewer: Any, panel: Psnr, kind: str
) -> None:
    """The left part of a split view was ticked, and told to be the best."""
    viewer.add_image(CAMERA, name="truth")
    made = {METADATA_KEY: Provenance(kind).written()}
    viewer.add_image(CAMERA, name="helper", metadata=made)
    panel.catch_up()
    assert [layer.name for layer in panel.compare.images] == ["truth"]


def test_renamed_layers_stay_chosen(viewer: Any, panel: Psnr) -> None:
    first = viewer.add_image(CAMERA, name="a")
    second = viewer.add_image(CAMERA, name="b")
    panel.catch_up()
    tab = panel.compare
    tab.reference.value = first
    tab.layers.tick(second)
    first.name, second.name = "truth", "other"
    panel.catch_up()
    assert tab.reference.value is first
    assert tab.layers.chosen == [second]
    assert tab.layers.item(0).text() == "other"


def test_a_layer_may_get_the_name_of_another(viewer: Any, panel: Psnr) -> None:
    layers = [viewer.add_image(CAMERA, name=name) for name in "abc"]
    panel.catch_up()
    panel.compare.reference.value = layers[0]
    layers[2].name = "a"
    panel.catch_up()
    assert len(set(names(viewer))) == 3
    assert panel.compare.reference.value is layers[0]
    # Other programs may give the same name to two layers.
    layers[1]._name = layers[0].name
    panel.reset_choices()
    panel.catch_up()
    choice = panel.compare.reference
    choice.value = layers[1]
    assert choice.value is layers[1]
    choice.value = layers[0]
    assert choice.value is layers[0]


def test_it_reads_in_the_light_theme(viewer: Any, panel: Psnr) -> None:
    viewer.add_image(CAMERA, name="a")
    viewer.theme = "light"
    panel.catch_up()
    assert panel.compare.work.button.styleSheet()

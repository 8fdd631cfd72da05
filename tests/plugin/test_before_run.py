"""What the panel says before Run is pressed, and which part Run then means."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QFileDialog, QScrollArea

import napari_vdsr
from napari_vdsr.layers.result import METADATA_KEY, Provenance
from napari_vdsr.plugin import machine
from napari_vdsr.plugin.enlarge import probes
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.settings import saved_values
from napari_vdsr.plugin.viewer import LEFT_OF_LINE, TRAINING_PREVIEW
from napari_vdsr.zoo import models

OpenPanel = Callable[..., SuperResolution]

pytestmark = pytest.mark.usefixtures("nothing_drawn")


def marked(panel: SuperResolution, field: str) -> bool:
    box = panel.form.layer if field == "layer" else panel.form[field]
    return "border" in box.native.styleSheet()


def test_wrong_fields_are_framed_and_run_waits(
    viewer: Any, open_panel: OpenPanel, settle: Any, cells: Any
) -> None:
    panel = open_panel()
    assert "No layer is selected" in settle(panel)
    assert marked(panel, "layer")
    assert not panel.controls.button.isEnabled()
    viewer.add_labels(np.zeros((9, 9), int), name="nuclei")
    assert "'nuclei' is a Labels layer" in settle(panel)
    assert not panel.controls.button.isEnabled()
    viewer.add_image(cells, name="cells")
    assert settle(panel).startswith("Result 80 × 100 px · 16 kB")
    assert not marked(panel, "layer")
    assert panel.controls.button.isEnabled()
    panel.form["factor"].value = "custom"
    panel.form["value"].value = "11"
    assert "Factor is 11" in settle(panel)
    assert marked(panel, "value")
    assert not panel.controls.button.isEnabled()
    panel.form["factor"].value = "2"
    panel.form["area"].value = "rectangles"
    assert "draw some" in settle(panel)
    assert marked(panel, "area")
    panel.form["area"].value = "whole"
    settle(panel)
    assert panel.controls.button.isEnabled()


def test_without_torch_the_panel_says_so_and_measures_nothing(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    cells: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The measurement met the same error, which napari showed each time."""

    def broken(module: str) -> list[str]:
        raise ImportError("DLL load failed")

    tried: list[Any] = []
    monkeypatch.setattr(machine, "_devices", broken)
    monkeypatch.setattr(probes, "probe", tried.append)
    viewer.add_image(cells)
    panel = open_panel()
    assert settle(panel) == "No network can run here: DLL load failed"
    assert not panel.controls.button.isEnabled()
    assert tried == []


@pytest.mark.parametrize("kind", [LEFT_OF_LINE, TRAINING_PREVIEW])
def test_a_preview_that_is_selected_is_refused_by_name(
    viewer: Any, open_panel: OpenPanel, settle: Any, cells: Any, kind: str
) -> None:
    viewer.add_image(cells, name="cells")
    made = {METADATA_KEY: Provenance(kind).written()}
    viewer.add_image(cells, name="preview of mine", metadata=made)
    panel = open_panel()
    assert "'preview of mine' is a preview" in settle(panel)
    assert marked(panel, "layer")
    viewer.layers.selection.clear()
    assert "No layer is selected" in settle(panel)
    viewer.layers.selection = set(viewer.layers)
    assert settle(panel).startswith("Result 80 × 100 px")


def test_a_device_or_model_that_is_missing_is_said_so(
    viewer: Any, open_panel: OpenPanel, settle: Any, cells: Any
) -> None:
    """Device hard-coded (napari-nninteractive#8)."""
    viewer.add_image(cells)
    panel = open_panel(device="cuda:7")
    assert "no device 'cuda:7'" in settle(panel)
    assert marked(panel, "device")
    panel.settings = panel.settings.changed({"device": "auto", "model": "lost"})
    assert "no model 'lost'" in settle(panel)
    assert marked(panel, "model")
    assert not panel.controls.button.isEnabled()


def test_a_model_that_has_to_know_the_range_asks_for_it(
    viewer: Any, open_panel: OpenPanel, settle: Any, run: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="cells")
    panel = open_panel(model="biased")
    assert "has to know black and white" in settle(panel)
    assert marked(panel, "black")
    panel.form["black"].value = 0
    panel.form["white"].value = 4095
    run(panel)
    expected = napari_vdsr.upscale(
        cells, 2, model="biased", device="cpu", tile=128, intensity_range=(0, 4095)
    )
    assert np.array_equal(viewer.layers[1].data, expected)
    panel.form["model"].value = "tiny"
    settle(panel)
    panel.copy_script()
    assert "intensity_range" not in QApplication.clipboard().text()
    assert saved_values()["white"] == 4095  # for the next model that has to know


@pytest.fixture
def choose_file(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Choose 'model file …', and a file in the dialog; gives the folder it shows."""

    def choose(panel: SuperResolution, path: Path | str) -> str:
        folders = []

        def answer(_: Any, title: str, folder: str, kinds: str) -> tuple[str, str]:
            folders.append(folder)
            assert panel.settings.model == before, "while the dialog is open"
            return str(path), kinds

        before = panel.settings.model
        monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
        box: Any = panel.form["model"].native
        box.setCurrentIndex(box.findText("model file …"))
        return folders[0]

    return choose


def test_a_model_file_can_be_chosen(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    choose_file: Any,
    tmp_path: Path,
    cells: Any,
) -> None:
    viewer.add_image(cells, name="cells")
    panel = open_panel()
    settle(panel)
    assert choose_file(panel, "") == ""
    assert panel.settings.model == "tiny", "nothing was chosen"
    path = (tmp_path / "models" / "tiny.safetensors").rename(tmp_path / "a<b.pt")
    choose_file(panel, path)
    assert panel.form["model"].native.currentText() == "a<b.pt"
    assert "a&lt;b.pt" in panel.form["model"].native.toolTip()
    assert choose_file(panel, "") == str(tmp_path)
    assert panel.settings.model == str(path)


def test_a_model_file_that_has_to_know_the_range_asks_for_it(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    run: Any,
    qtbot: Any,
    choose_file: Any,
    tmp_path: Path,
    cells: Any,
) -> None:
    """Run failed, and there was no field to type it in."""
    viewer.add_image(cells, name="cells")
    panel = open_panel()
    settle(panel)
    path = tmp_path / "models" / "biased.safetensors"
    choose_file(panel, path)
    qtbot.waitUntil(lambda: "has to know black and white" in settle(panel))
    assert marked(panel, "black")
    panel.form["black"].value = 0
    panel.form["white"].value = 4095
    run(panel)
    expected = napari_vdsr.upscale(
        cells, 2, model=path, device="cpu", tile=128, intensity_range=(0, 4095)
    )
    assert np.array_equal(viewer.layers[1].data, expected)


def test_a_model_with_a_dot_in_its_name_is_no_file(
    viewer: Any, open_panel: OpenPanel, settle: Any, tmp_path: Path, cells: Any
) -> None:
    models_folder = tmp_path / "models"
    (models_folder / "tiny.safetensors").rename(models_folder / "v2.5.safetensors")
    viewer.add_image(cells)
    panel = open_panel(model="v2.5")
    assert settle(panel).startswith("Result")
    assert panel.form["model"].choices.count("v2.5") == 1
    (models_folder / "v2.5.safetensors").unlink()
    panel.models.look()
    assert "no model 'v2.5' any more" in settle(panel)


def test_the_estimate_comes_from_a_measurement(
    viewer: Any, open_panel: OpenPanel, settle: Any
) -> None:
    viewer.add_image(np.zeros((3000, 3000), np.uint8), contrast_limits=(0, 9))
    panel = open_panel()
    assert settle(panel).endswith(" s")


@pytest.mark.usefixtures("kept_viewer")
def test_what_is_in_view_is_enlarged_as_part_of_the_whole(
    viewer: Any, open_panel: OpenPanel, qtbot: Any
) -> None:
    stack = np.random.default_rng(0).random((3, 90, 90), np.float32)
    source = viewer.add_image(stack, name="cells", scale=(1, 0.5, 0.5))
    viewer.dims.set_point(0, 2)
    panel = open_panel(area="view")
    source.corner_pixels = np.array([(0, 10, 20), (0, 39, 69)])
    panel.start()
    qtbot.waitUntil(lambda: not panel.running)
    part = viewer.layers[1]
    whole = napari_vdsr.upscale(stack[2], 2, model="tiny", device="cpu", tile=128)
    assert part.data.shape == (1, 60, 100)
    assert np.allclose(part.data[0], whole[20:80, 40:140], atol=1e-6)
    assert part.data_to_world((0, -0.5, -0.5)) == source.data_to_world((2, 9.5, 19.5))


def test_rectangles_give_a_layer_each(
    viewer: Any, open_panel: OpenPanel, run: Any, settle: Any, cells: Any
) -> None:
    source = viewer.add_image(cells, name="cells", scale=(0.5, 0.5))
    shapes = viewer.add_shapes(name="marks", scale=(0.5, 0.5))
    shapes.add_rectangles(
        [np.array([[2, 3], [11, 22]]), np.array([[20, 20], [29, 29]])]
    )
    viewer.layers.selection = {source}
    panel = open_panel(area="rectangles")
    assert "2 results" in settle(panel)
    run(panel)
    whole = napari_vdsr.upscale(cells, 2, model="tiny", device="cpu", tile=128)
    results = [layer for layer in viewer.layers if "×2" in layer.name]
    found = {layer.data.shape: layer for layer in results}
    assert set(found) == {(20, 40), (20, 20)}
    assert np.array_equal(found[20, 40].data, whole[4:24, 6:46])
    assert np.array_equal(found[20, 20].data, whole[40:60, 40:60])


def test_a_layer_that_is_moved_has_other_parts_in_the_rectangles(
    viewer: Any, open_panel: OpenPanel, run: Any, settle: Any, cells: Any
) -> None:
    """Run enlarged the part that had been there before."""
    source = viewer.add_image(cells, name="cells")
    marks = viewer.add_shapes(np.array([[20, 30], [29, 39]]), shape_type="rectangle")
    viewer.layers.selection = {source}
    panel = open_panel(area="rectangles")
    settle(panel)
    whole = napari_vdsr.upscale(cells, 2, model="tiny", device="cpu", tile=128)
    moves = [
        (source, "translate", (10, 10), whole[20:40, 40:60]),
        (marks, "translate", (10, 10), whole[40:60, 60:80]),
        (marks, "rotate", 90, whole[0:0]),
    ]
    for layer, name, value, expected in moves:
        setattr(layer, name, value)
        words = settle(panel)
        if not expected.size:
            assert "Nothing of 'cells' is inside the shapes" in words
            continue
        run(panel)
        result = next(each for each in viewer.layers if "×2" in each.name)
        np.testing.assert_array_equal(result.data, expected)
        viewer.layers.remove(result)


@pytest.mark.needs_shared
def test_a_model_that_is_not_here_is_fetched_by_run(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    run: Any,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No visible download (cellpose-napari#27), firewalls (micro-sam#1093)."""
    card = next(card for card in models() if card.name == "vdsr20-kim2016")
    assert card is not None
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    weights = (shared / "weights/third_party/VDSR_Official.mat").read_bytes()
    (mirror / card.path.name).write_bytes(weights)
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", str(mirror))
    viewer.add_image(np.zeros((12, 12), np.uint8), contrast_limits=(0, 9))
    panel = open_panel(model=card.name)
    settle(panel)
    assert panel.form["model"].native.currentText().startswith("needs 2.5 MB")
    assert "Kim" in panel.form["model"].native.toolTip()
    assert not card.path.exists()  # nothing is fetched when a panel opens
    run(panel)
    assert len(viewer.layers) == 2
    settle(panel)
    assert panel.form["model"].native.currentText().startswith(card.name)
    assert panel.form["model"].value == card.name


@pytest.mark.usefixtures("make_napari_viewer")  # it is shown
def test_a_long_message_is_seen_whole_in_a_narrow_panel(
    viewer: Any, open_panel: OpenPanel, settle: Any, qtbot: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="cells")
    for name in ("_".join(["a_file_with_a_long_name"] * 3), " ".join(["word"] * 30)):
        viewer.add_labels(np.zeros((9, 9), int), name=name)
    panel = open_panel()
    viewer.show()  # what is not seen is not laid out
    viewer.layers.select_all()
    native = panel
    native.parent().setFixedSize(native.minimumSizeHint().width(), 500)
    assert len(settle(panel).splitlines()) == 3
    label = panel.controls.message
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()))
    for word in label.text().replace("\u200b", " ").split():
        assert label.fontMetrics().horizontalAdvance(word) <= label.width()
    assert label.height() > 6 * label.fontMetrics().lineSpacing()
    reset = panel.controls.reset
    area = native.findChild(QScrollArea)
    area.ensureWidgetVisible(reset)
    assert not reset.visibleRegion().isEmpty()
    assert reset.mapTo(native, reset.rect().bottomRight()).x() < native.width()

""" "Save to": results that go to files, and batches with something bad in them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QMessageBox

from napari_vdsr.files import open_image, read_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.layers import upscale_layer
from napari_vdsr.plugin.enlarge import panel as panel_module

Save = Callable[[Any, Path], str]


@pytest.fixture
def save(qtbot: Any, settle: Any) -> Save:
    """Save as if the dialog had given a name, and wait for the end."""

    def press(panel: Any, chosen: Path) -> str:
        settle(panel)
        panel.save_to(chosen)
        qtbot.waitUntil(lambda: not panel.running)
        return panel.controls.message.text()

    return press


def meanwhile(*steps: tuple[type, Callable[[Any], object]], tries: int = 200) -> None:
    """Do each step with a dialog of its kind, as soon as that is there."""
    if not steps:
        return
    (kind, act), *rest = steps
    dialog: Any = QApplication.activeModalWidget()
    if isinstance(dialog, kind):
        QTimer.singleShot(20, lambda: meanwhile(*rest))
        act(dialog)
    elif tries:
        QTimer.singleShot(20, lambda: meanwhile(*steps, tries=tries - 1))
    elif dialog is not None:
        dialog.reject()  # so that the test fails instead of waiting for ever


def typed(name: Path) -> tuple[type, Callable[[Any], object]]:
    """Type a name and press Return."""

    def act(dialog: Any) -> None:
        line = dialog.findChild(QLineEdit)
        line.setText(str(name))
        QTest.keyClick(line, Qt.Key.Key_Return)

    return QFileDialog, act


pytestmark = pytest.mark.usefixtures("nothing_drawn")


def answered(
    button: str, said: list[str] | None = None
) -> tuple[type, Callable[[Any], object]]:
    """Press a button of a question, after a look at its words."""

    def act(box: Any) -> None:
        if said is not None:
            said.append(box.text())
        box.button(getattr(box.StandardButton, button)).click()

    return QMessageBox, act


def plain(panel: Any) -> str:
    """The line of the panel without the places where long words may break."""
    return panel.controls.message.text().replace("\u200b", "")


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the errors that were shown."""
    shown: list[str] = []
    monkeypatch.setattr(panel_module, "show_error", shown.append)
    return shown


def test_a_layer_is_saved_with_its_place_units_and_contrast(
    viewer: Any,
    open_panel: Any,
    save: Save,
    errors: list[str],
    cells: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    layer = viewer.add_image(
        np.stack([cells, cells // 2]),
        name="cells",
        scale=(2, 0.5, 0.25),
        translate=(0, 10, 20),
        units=("s", "um", "um"),
        axis_labels=("t", "y", "x"),
        contrast_limits=(100, 3000),
        colormap="green",
    )
    panel = open_panel()
    target = tmp_path / "out.zarr"
    assert save(panel, target).startswith("Saved as out.zarr.")
    assert len(viewer.layers) == 1
    expected = upscale_layer(layer, 2, model=tmp_path / "models" / "tiny.safetensors")
    with open_image(target) as image:
        picture = image.picture
    told = picture.metadata.multiscale
    assert told is not None
    assert picture.axes == "TYX"
    np.testing.assert_allclose(told.scale, expected.scale)
    np.testing.assert_allclose(told.translation, expected.translate)
    assert [axis.unit for axis in told.axes] == ["second", "micrometer", "micrometer"]
    assert told.omero is not None
    (channel,) = told.omero["channels"]
    assert (channel["label"], channel["color"]) == ("cells", "00FF00")
    assert (channel["window"]["start"], channel["window"]["end"]) == (100, 3000)
    result = read_image(target).array
    assert np.abs(result.astype(int) - expected.data).max() <= 1

    assert save(panel, target).startswith("Failed.")
    assert "exists already: choose another name, or replace it" in errors[0]
    assert errors[0] in plain(panel)
    target.rename(part_of(target))  # as if it had been stopped
    chunk = Path("0") / "c" / "1" / "0" / "0"
    before = (part_of(target) / chunk).stat().st_mtime_ns
    assert save(panel, target).startswith("Saved as")
    assert (target / chunk).stat().st_mtime_ns == before, "what is finished is kept"


def test_colours_go_to_tiff_and_what_files_cannot_say_is_refused(
    viewer: Any,
    open_panel: Any,
    save: Save,
    settle: Any,
    qtbot: Any,
    errors: list[str],
    tmp_path: Path,
) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    layer = viewer.add_image(photo, rgb=True, name="photo", scale=(0.5, 0.5))
    panel = open_panel()
    settle(panel)
    meanwhile(typed(tmp_path / "a"))
    panel.controls.save.click()
    qtbot.waitUntil(lambda: not panel.running)
    assert panel.controls.message.text().startswith("Saved as a.zarr.")
    assert zarr.open_array(str(tmp_path / "a.zarr" / "0")).shape == (3, 60, 80)
    save(panel, tmp_path / "a.ome.tif")
    picture = read_image(tmp_path / "a.ome.tif")
    assert (picture.axes, picture.rgb) == ("YXS", True)
    assert picture.array.shape == (60, 80, 3)

    layer.rotate = 30
    assert save(panel, tmp_path / "b.zarr").startswith("Failed.")
    assert "'photo' is rotated" in errors[0]
    panel.form["area"].value = "view"
    assert "Whole layers are saved" in save(panel, tmp_path / "b.zarr")
    assert not list(tmp_path.glob("b*"))


def test_a_file_is_replaced_only_after_a_question(
    viewer: Any,
    open_panel: Any,
    settle: Any,
    qtbot: Any,
    save: Save,
    errors: list[str],
    cells: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    viewer.add_image(cells, name="tissue")
    panel = open_panel()
    target, said = tmp_path / "tissue.zarr", list[str]()
    save(panel, target)

    def press(*steps: Any) -> tuple[int, ...]:
        settle(panel)
        meanwhile(*steps)
        panel.controls.save.click()
        qtbot.waitUntil(lambda: not panel.running)
        return tuple(zarr.open_array(str(target / "0")).shape)

    cancel = (QFileDialog, lambda dialog: dialog.reject())
    panel.form["factor"].value = "3"
    assert press(typed(target), answered("No", said), cancel) == (80, 100)
    assert "would be replaced: tissue.zarr" in said[-1]
    assert press(typed(target), answered("Yes")) == (120, 150)
    target.rename(part_of(target))  # as if it had been stopped
    save(panel, target.with_name("other.zarr"))
    other = target.with_name("other.zarr")
    other.rename(target)
    assert press(typed(target), answered("No", said), cancel) == (120, 150)
    assert "Begun and not finished: tissue.zarr" in said[-1]
    shutil.rmtree(target)
    panel.form["factor"].value = "2"
    assert press(typed(tmp_path / "tissue"), answered("Yes", said)) == (80, 100)
    assert "would be replaced" not in said[-1]
    assert not part_of(target).exists()

    viewer.add_image(cells, name="other")
    viewer.layers.select_all()
    panel.form["factor"].value = "3"
    assert press(typed(tmp_path), answered("No", said)) == (80, 100)
    assert "would be replaced: tissue.zarr." in said[-1]
    assert press(typed(tmp_path), answered("Yes")) == (120, 150)
    panel.form["area"].value = "view"
    settle(panel)
    panel.controls.save.click()
    assert "Whole layers are saved" in plain(panel), "before any question"
    assert not errors


def test_the_dialog_gives_whole_endings_and_refuses_others(
    viewer: Any,
    open_panel: Any,
    settle: Any,
    qtbot: Any,
    cells: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    viewer.add_image(cells, name="tissue 2.5")
    panel = open_panel()
    settle(panel)
    said: list[str] = []
    lines: list[str] = []

    def change_kind(dialog: Any) -> None:
        line = dialog.findChild(QLineEdit)
        lines.append(line.text())
        for key in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Down):
            QTest.keyClick(dialog.findChild(QComboBox, "fileTypeCombo"), key)
            lines.append(line.text())

    meanwhile(
        (QFileDialog, change_kind),
        typed(tmp_path / "o.png"),
        answered("Ok", said),
        typed(tmp_path / "tissue 2.5"),
    )
    panel.controls.save.click()
    qtbot.waitUntil(lambda: not panel.running)
    assert "must end in .zarr, .ome.tif, .tif or .tiff" in said[0]
    stem = "tissue 2.5-x2"  # that of the source would be in the way of the source
    names = [f"{stem}.zarr", f"{stem}.ome.tif"]
    assert lines == names * 2
    saved = [path.name for path in tmp_path.glob("*.*")]
    assert saved == ["tissue 2.5.ome.tif"]  # as it was typed


def test_a_bad_layer_stops_no_other_when_running_or_saving(
    viewer: Any,
    open_panel: Any,
    save: Save,
    errors: list[str],
    run: Any,
    cells: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    bad = cells.astype(np.float32)
    bad[3, 3] = np.inf
    layers = [viewer.add_image(cells, name="a/b"), viewer.add_image(bad, name="bad")]
    layers.append(viewer.add_image(cells[:20], name="c"))
    viewer.layers.selection = set(layers)
    panel = open_panel()
    (tmp_path / "out").mkdir()
    said = save(panel, tmp_path / "out")
    assert said.startswith("Saved 2 files. 1 of 3 failed.")
    made = sorted(path.name for path in (tmp_path / "out").glob("*.zarr"))
    assert made == ["a_b.zarr", "c.zarr"]
    assert errors[-1].startswith("'bad': 1 of")

    run(panel)
    assert "1 of 3 failed" in panel.controls.message.text()
    assert errors[-1] in plain(panel).splitlines()
    assert len(viewer.layers) == 5
    assert errors[-1].startswith("'bad': 1 of 2000 pixels are infinite")


def test_layers_that_cannot_be_enlarged_are_left_out_when_running_or_saving(
    viewer: Any,
    open_panel: Any,
    save: Save,
    settle: Any,
    run: Any,
    errors: list[str],
    cells: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    viewer.add_image(cells > 2000, name="<mask>")
    viewer.add_image(cells, name="a")
    viewer.add_image(cells[:20], name="b")
    viewer.layers.select_all()
    panel = open_panel()
    reason = (
        "Left out: '<mask>' of dtype bool cannot be enlarged: a mask has no "
        "intensities to restore; convert it to uint8 first."
    )
    first, *rest = settle(panel).splitlines()
    assert first.startswith("2 results · ")
    assert rest == [reason]
    assert "&lt;mask&gt;" in panel.controls.message.toolTip()
    assert panel.controls.button.isEnabled()

    (tmp_path / "out").mkdir()
    said = save(panel, tmp_path / "out").splitlines()
    assert said[:2] == ["Saved 2 files.", reason]
    assert reason not in said[2:], "it is said once"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.zarr", "b.zarr"]

    run(panel)
    said = panel.controls.message.text().splitlines()
    assert said[0].startswith("Done in ")
    assert said[1] == reason
    assert len(viewer.layers) == 5
    assert not errors

    viewer.layers.selection = {viewer.layers["<mask>"]}
    assert settle(panel).startswith("'<mask>' of dtype bool")
    assert not panel.controls.button.isEnabled()
    viewer.layers.selection = {viewer.layers["a"]}
    assert reason in settle(panel), "the news stay until another run"


def test_a_part_cannot_be_saved_but_still_be_run(
    viewer: Any, open_panel: Any, settle: Any, cells: Any
) -> None:
    """Run was greyed until another field was changed."""
    viewer.add_image(cells, name="cells")
    panel = open_panel(area="view")
    settle(panel)
    panel.controls.save.click()
    assert "set the area to 'whole layer'" in panel.controls.message.text()
    assert "whole layer" in panel.form["area"].native.itemText(0)
    assert panel.controls.button.isEnabled()

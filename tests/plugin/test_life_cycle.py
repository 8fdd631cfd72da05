"""Layers, panels and viewers that go away while work is going on."""

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import numpy as np
import pytest
from heart import Heart
from napari.utils import progress
from qtpy.QtCore import QPoint, Qt, QThreadPool
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu

from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.jobs import Ticker, device_in_use
from napari_vdsr.zoo import user_folder

OpenPanel = Callable[..., SuperResolution]


@pytest.fixture
def busy_device() -> Iterator[threading.Lock]:
    """Let every run wait until the device is released."""
    device_in_use.acquire()
    yield device_in_use
    if device_in_use.locked():
        device_in_use.release()


def copied_from(label: Any) -> str:
    """What is on the clipboard after all was selected, by the keys and by the menu."""
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    label.setSelection(0, len(label.text()))
    QTest.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    text = clipboard.text()
    clipboard.clear()
    QApplication.sendEvent(
        label, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(2, 2))
    )
    (menu,) = label.findChildren(QMenu)
    menu.actions()[0].trigger()
    menu.close()
    assert clipboard.text() == text
    return str(text)


def no_bar_is_left() -> bool:
    return not progress._all_instances


def no_thread_is_left() -> bool:
    pool = QThreadPool.globalInstance()
    assert pool is not None
    return pool.waitForDone(20_000) and pool.activeThreadCount() == 0


def test_cancel_stops_within_one_tile_and_adds_nothing(
    viewer: Any, open_panel: OpenPanel, settle: Any, qtbot: Any
) -> None:
    """Cannot cancel (napari-psf-analysis#42), no progress (cellpose-napari#27)."""
    viewer.add_image(np.zeros((1500, 1500), np.uint8), contrast_limits=(0, 9))
    panel = open_panel()
    settle(panel)
    panel.controls.button.click()
    assert panel.controls.button.text() == "Cancel"
    assert panel._run is not None
    execution = panel._run.job
    qtbot.waitUntil(lambda: panel.controls.bar.value() > 0)
    assert "%" in panel.controls.message.text()
    assert "left" in panel.controls.message.text()
    assert len(progress._all_instances) == 1
    panel.controls.button.click()
    done = execution.ticker._done
    qtbot.waitUntil(lambda: not panel.running)
    assert execution.ticker._done - done <= 2 * 128**2
    assert execution.outcome == "cancelled"
    assert len(viewer.layers) == 1
    assert panel.controls.button.text() == "Run"
    assert panel.controls.button.isEnabled()
    assert no_bar_is_left()


def test_a_removed_source_still_gives_its_result(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    busy_device: threading.Lock,
    cells: Any,
) -> None:
    viewer.add_image(cells, name="cells", scale=(0.5, 0.5))
    viewer.add_image(cells, name="other")
    panel = open_panel()
    panel.form.layer.value = viewer.layers["cells"]
    settle(panel)
    panel.controls.button.click()
    viewer.layers.remove("cells")
    busy_device.release()
    qtbot.waitUntil(lambda: not panel.running)
    assert [layer.name for layer in viewer.layers] == ["other", "cells ×2 tiny"]
    assert viewer.layers[1].scale.tolist() == [0.25, 0.25]


def test_a_source_that_is_moved_gets_its_result_where_it_is_now(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    busy_device: threading.Lock,
    cells: Any,
) -> None:
    source = viewer.add_image(cells, name="cells")
    panel = open_panel()
    settle(panel)
    panel.controls.button.click()
    source.scale = (3, 3)
    source.translate = (10, 20)
    busy_device.release()
    qtbot.waitUntil(lambda: not panel.running)
    corner = viewer.layers[1].data_to_world((-0.5, -0.5))
    assert corner == pytest.approx(source.data_to_world((-0.5, -0.5)))


def test_a_source_that_gets_other_data_gives_no_half_result(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    busy_device: threading.Lock,
    notices: list[str],
    cells: Any,
) -> None:
    source = viewer.add_image(cells, name="cells")
    panel = open_panel()
    settle(panel)
    panel.controls.button.click()
    source.data = np.zeros((3, 7, 7))
    busy_device.release()
    qtbot.waitUntil(lambda: not panel.running)
    assert len(viewer.layers) == 1
    assert any("press Run again" in notice for notice in notices)


def test_closing_the_panel_stops_the_run(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    busy_device: threading.Lock,
    cells: Any,
) -> None:
    viewer.add_image(cells)
    panel = open_panel()
    settle(panel)
    panel.controls.button.click()
    viewer.window.remove_dock_widget(panel.parent())
    assert not panel.running
    assert no_thread_is_left()
    assert no_bar_is_left()
    assert len(viewer.layers) == 1


def test_closing_the_viewer_stops_the_run(
    make_napari_viewer: Any,
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    busy_device: threading.Lock,
    cells: Any,
) -> None:
    viewer.add_image(cells)
    panel = open_panel()
    settle(panel)
    panel.controls.button.click()
    viewer.close()
    assert no_thread_is_left()
    assert no_bar_is_left()


def test_nothing_keeps_layer_panel_and_viewer_after_a_run(
    make_napari_viewer: Any, open_panel: OpenPanel, qtbot: Any, run: Any, cells: Any
) -> None:
    """Every Run kept its source, its panel and its viewer for ever."""
    viewer = make_napari_viewer()
    layer = viewer.add_image(cells, name="cells")
    panel = open_panel(viewer)
    run(panel)
    run(panel)
    kept = {"layer": ref(layer), "panel": ref(panel), "viewer": ref(viewer)}
    viewer.layers.clear()
    viewer.close()
    del layer, panel, viewer
    qtbot.wait(0)
    gc.collect()
    left = [name for name, find in kept.items() if find() is not None]
    assert not left


def test_two_viewers_may_run_at_once(
    make_napari_viewer: Any,
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    cells: Any,
) -> None:
    first = open_panel()
    cells = np.tile(
        cells, (8, 8)
    )  # the first run must not end before the second begins
    viewer.add_image(cells, name="cells")
    second_viewer = make_napari_viewer()
    second = SuperResolution(second_viewer)
    second_viewer.window.add_dock_widget(second, name="Super-resolution")
    second_viewer.add_image(cells, name="cells")
    for panel in (first, second):
        settle(panel)
    for panel in (first, second):
        panel.controls.button.click()
    assert first.running
    assert second.running
    qtbot.waitUntil(lambda: not (first.running or second.running))
    for owner in (viewer, second_viewer):
        assert [layer.name for layer in owner.layers] == ["cells", "cells ×2 tiny"]


def test_an_error_is_a_notification_and_leaves_the_panel_ready(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    notices: list[str],
    cells: Any,
) -> None:
    viewer.add_image(cells)
    panel = open_panel()
    settle(panel)
    (user_folder() / "tiny.safetensors").write_bytes(b"no weights")
    panel.start()
    qtbot.waitUntil(lambda: not panel.running)
    (notice,) = [notice for notice in notices if "tiny.safetensors" in notice]
    assert copied_from(panel.controls.message).startswith(f"Failed.\n{notice}\n")
    assert len(viewer.layers) == 1
    assert panel.controls.button.text() == "Run"
    assert no_bar_is_left()


def test_a_fault_is_shown_and_leaves_the_panel_ready(
    viewer: Any,
    open_panel: OpenPanel,
    run: Any,
    qtbot: Any,
    notices: list[str],
    cells: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Workers that swallow RuntimeError leave the bar and a dead panel behind."""

    def fail(*_: Any) -> None:
        msg = "CUDA error: unspecified launch failure"
        raise RuntimeError(msg)

    monkeypatch.setattr("napari_vdsr.plugin.enlarge.work.compute_plan", fail)
    viewer.add_image(cells)
    panel = open_panel()
    run(panel)
    failure = "unspecified launch failure"
    qtbot.waitUntil(lambda: any(failure in text for text in notices))
    assert panel.controls.button.text() == "Run"
    assert no_bar_is_left()


def test_the_viewer_goes_on_while_it_runs(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GUI freezes (napari-ndev#114)."""
    heart = Heart()
    update = Ticker.update

    def update_and_wait(ticker: Ticker, n: float = 1) -> None:
        update(ticker, n)
        heart.wait_for_beats()

    monkeypatch.setattr(Ticker, "update", update_and_wait)
    viewer.add_image(np.zeros((600, 600), np.uint8), contrast_limits=(0, 9))
    panel = open_panel()
    settle(panel)
    panel.controls.button.click()
    qtbot.waitUntil(lambda: not panel.running)
    heart.stop()
    assert len(heart.waits) >= 2 * 9  # each tile is a moment to answer
    assert all(heart.waits)

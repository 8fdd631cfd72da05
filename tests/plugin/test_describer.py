"""What the panel says of an image before Run."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.layers import Image
from qtpy.QtWidgets import QApplication
from skimage import data

from napari_vdsr import describe_image, upscale
from napari_vdsr.plugin import describing
from napari_vdsr.plugin.enlarge.panel import SuperResolution

pytestmark = pytest.mark.usefixtures("nothing_drawn")

OpenPanel = Callable[..., SuperResolution]

PHOTOGRAPH = data.camera()[:256, :256]
OVERSAMPLED = data.cell()[:300, :300]


@pytest.fixture
def read(qtbot: Any, settle: Any) -> Callable[[SuperResolution], str]:
    """Give the line about the image when it is found out."""

    def wait(panel: SuperResolution) -> str:
        settle(panel)
        qtbot.waitUntil(
            lambda: (
                not (
                    panel._describer.busy
                    or panel._soon.isActive()
                    or panel.controls.image.text().endswith("…")
                )
            )
        )
        return panel.controls.image.text()

    return wait


def test_the_line_is_what_the_function_says(
    viewer: Any, open_panel: OpenPanel, read: Any
) -> None:
    viewer.add_image(PHOTOGRAPH, name="photograph")
    panel = open_panel()
    report = describe_image(PHOTOGRAPH)
    assert read(panel) == report.summary
    assert report.sampling is not None
    assert report.sampling.advice.split(":")[0] in panel.controls.image.toolTip()
    assert panel.settings.model == "tiny"  # which nobody asked to change


def test_no_image_has_no_line(viewer: Any, open_panel: OpenPanel, read: Any) -> None:
    panel = open_panel()
    assert read(panel) == ""
    viewer.add_labels(np.zeros((9, 9), int))
    assert read(panel) == ""
    viewer.add_image(OVERSAMPLED)
    assert "enlarging adds pixels, not detail" in read(panel)
    viewer.layers.clear()
    assert read(panel) == ""


def test_the_line_follows_layer_and_data(
    viewer: Any, open_panel: OpenPanel, read: Any
) -> None:
    first = viewer.add_image(PHOTOGRAPH, name="photograph")
    panel = open_panel()
    assert read(panel) == describe_image(PHOTOGRAPH).summary
    viewer.add_image(OVERSAMPLED, name="cell")
    assert read(panel) == describe_image(OVERSAMPLED).summary
    viewer.layers.selection = {first}
    assert read(panel) == describe_image(PHOTOGRAPH).summary
    first.data = OVERSAMPLED
    assert read(panel) == describe_image(OVERSAMPLED).summary


@pytest.mark.usefixtures("kept_viewer")  # which has the readers of napari
def test_the_file_of_a_layer_tells_the_instrument(
    viewer: Any, open_panel: OpenPanel, read: Any, tmp_path: Path
) -> None:
    """Both models were named, though the file said which."""
    noisy = np.random.default_rng(0).poisson(PHOTOGRAPH.astype(float))
    told = {"axes": "YX", "Channel": {"AcquisitionMode": "WideField"}}
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, noisy.astype(np.uint16), metadata=told)
    viewer.open(path)
    line = read(open_panel())
    assert "fits vdsr20-camera" in line
    assert "scanner" not in line
    viewer.add_image(noisy)
    assert "fits vdsr20-scanner or vdsr20-camera" in read(open_panel())


def test_a_layer_is_looked_at_once(
    viewer: Any, open_panel: OpenPanel, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def look(*arguments: Any, **options: Any) -> Any:
        looks.append(arguments)
        return describe_image(*arguments, **options)

    monkeypatch.setattr(describing, "describe_image", look)
    layers = [viewer.add_image(PHOTOGRAPH), viewer.add_image(OVERSAMPLED)]
    panel = open_panel()
    for layer in (*layers, *layers):
        viewer.layers.selection = {layer}
        read(panel)
    panel.form["factor"].value = "3"
    read(panel)
    assert len(looks) == 2


def test_of_several_layers_the_first_is_named(
    viewer: Any, open_panel: OpenPanel, read: Any
) -> None:
    viewer.add_image(PHOTOGRAPH, name="photograph")
    viewer.add_image(OVERSAMPLED, name="cell")
    viewer.layers.select_all()
    assert read(open_panel()).startswith("'photograph': ")


def test_the_window_does_not_wait_for_the_look(
    viewer: Any, open_panel: OpenPanel, qtbot: Any, settle: Any, read: Any
) -> None:
    asked, go_on = Event(), Event()
    go_on.set()  # napari itself computes the fine level when the layer is added

    def made(block: Any) -> Any:
        if not go_on.is_set():
            asked.set()
            assert go_on.wait(20)
        return block

    fine = da.from_array(PHOTOGRAPH, 128).map_blocks(made, meta=PHOTOGRAPH)
    coarse = PHOTOGRAPH[::4, ::4]
    layer = viewer.add_image(
        [fine, coarse], multiscale=True, contrast_limits=(0, 255), name="slow"
    )
    layer.data_level = 1
    go_on.clear()
    panel = open_panel()
    qtbot.waitUntil(asked.is_set)
    assert "Looking at the image" in panel.controls.image.text()
    assert panel.controls.button.isEnabled()  # nobody has to wait for the line
    go_on.set()
    assert read(panel) == describe_image(PHOTOGRAPH).summary


def test_a_lazy_result_is_not_computed_to_be_looked_at(
    viewer: Any, open_panel: OpenPanel, read: Any
) -> None:
    lazy = da.from_array(PHOTOGRAPH, 128)
    result = upscale(Image(lazy, name="lazy"), 2, model="tiny")
    result.data_level = 1
    viewer.add_layer(result)
    assert read(open_panel()).startswith("Enlarged already")


def test_a_look_that_fails_says_so_and_run_is_free(
    viewer: Any,
    open_panel: OpenPanel,
    read: Any,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("it burns")

    monkeypatch.setattr(describing, "describe_image", broken)
    viewer.add_image(PHOTOGRAPH[:32, :32], name="small")
    panel = open_panel()
    assert read(panel) == "Cannot say anything about the image: it burns"
    run(panel)
    assert len(viewer.layers) == 2


def test_a_panel_closed_during_a_look_stays_closed(
    viewer: Any, open_panel: OpenPanel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    go_on, done = Event(), Event()

    def slow(*arguments: Any, **options: Any) -> Any:
        go_on.wait(20)
        done.set()
        return describe_image(*arguments, **options)

    monkeypatch.setattr(describing, "describe_image", slow)
    layer = viewer.add_image(PHOTOGRAPH)
    panel = open_panel()
    viewer.window.remove_dock_widget(panel)
    panel.close()
    go_on.set()
    qtbot.waitUntil(done.is_set)
    layer.data = OVERSAMPLED
    QApplication.processEvents()

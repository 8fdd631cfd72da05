"""Source and result beside one another, beside a line that can be moved."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.jobs import device_in_use

OpenPanel = Callable[..., SuperResolution]


def left_of(viewer: Any) -> Any:
    (layer,) = [layer for layer in viewer.layers if layer.name.startswith("before: ")]
    return layer


def test_a_split_shows_the_source_left_of_a_line_that_moves(
    viewer: Any, open_panel: OpenPanel, run: Any, settle: Any, cells: Any
) -> None:
    source = viewer.add_image(
        cells, name="cells", scale=(0.5, 0.5), translate=(3, 4), rotate=30
    )
    panel = open_panel()
    assert not panel.controls.line.isEnabled()
    run(panel)
    panel.controls.compare.value = "split"
    assert panel.controls.line.isEnabled()
    left, result = left_of(viewer), viewer.layers["cells ×2 tiny"]
    assert viewer.layers.index(left) == viewer.layers.index(result) + 1
    assert np.array_equal(left.data, cells[:, :25])
    assert left.data_to_world((0, 0)) == pytest.approx(source.data_to_world((0, 0)))
    panel.controls.line.setValue(20)
    assert np.array_equal(left.data, cells[:, :10])
    panel.controls.line.setValue(0)
    assert left.data.shape == (40, 1)
    source.contrast_limits = (5, 500)
    assert list(left.contrast_limits) == [5, 500]
    assert list(viewer.layers.selection) == [source]
    settle(panel)
    assert left not in panel.form.layer.choices
    panel.controls.compare.value = "after"
    assert left not in viewer.layers
    assert result.visible


def test_the_line_lies_in_what_is_in_view(
    viewer: Any, open_panel: OpenPanel, run: Any
) -> None:
    """Of a magnified image it was far outside the window."""
    pixels = np.random.default_rng(0).integers(0, 99, (20, 200)).astype(np.uint8)
    source = viewer.add_image(pixels, name="cells", contrast_limits=(0, 99))
    panel = open_panel()
    run(panel)
    panel.controls.compare.value = "split"
    seen = [(0, 140), (19, 179)], [(30, 0), (40, 9)]  # and nothing of it
    for corners, place, line in ((seen[0], 75, 170), (seen[1], 25, 50)):
        source.corner_pixels = np.array(corners)
        panel.controls.line.setValue(place)
        assert left_of(viewer).data.shape == (20, line)


def test_the_split_stays_right_when_one_of_two_results_is_removed(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="a")
    viewer.add_image(cells[:20], name="b")
    viewer.layers.select_all()
    panel = open_panel()
    run(panel)
    panel.controls.compare.value = "split"
    viewer.layers.remove("a ×2 tiny")
    panel.controls.line.setValue(20)
    assert np.array_equal(viewer.layers["before: b"].data, cells[:20, :10])
    assert viewer.layers["before: a"].data.shape == (40, 25)
    panel.controls.compare.value = "after"
    assert not any(layer.name.startswith("before") for layer in viewer.layers)


def test_a_preview_can_be_compared_where_it_is(
    viewer: Any, open_panel: OpenPanel, settle: Any, qtbot: Any
) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (3, 300, 400)).astype(np.uint8)
    source = viewer.add_image(pixels, name="cells", contrast_limits=(0, 99))
    viewer.dims.set_point(0, 1)
    panel = open_panel()
    source.corner_pixels = np.array([(0, 0, 0), (0, 299, 399)])
    settle(panel)
    panel.start_preview()
    qtbot.waitUntil(lambda: not panel.running)
    preview = viewer.layers["preview of cells"]
    panel.controls.compare.value = "split"
    left = left_of(viewer)
    assert left.data.shape == (1, 128, 64)
    corner = (0, -0.5, -0.5)
    assert left.data_to_world(corner) == pytest.approx(preview.data_to_world(corner))
    panel.controls.compare.value = "before"
    assert source.visible
    assert not preview.visible


def test_the_layer_of_a_preview_is_used_again(
    viewer: Any, open_panel: OpenPanel, settle: Any, qtbot: Any
) -> None:
    source = viewer.add_image(np.zeros((300, 400), np.uint8), contrast_limits=(0, 9))
    panel = open_panel()
    source.corner_pixels = np.array([(0, 0), (99, 99)])
    settle(panel)
    panel.start_preview()
    qtbot.waitUntil(lambda: not panel.running)
    first = viewer.layers[1]
    source.corner_pixels = np.array([(150, 150), (199, 189)])
    panel.start_preview()
    qtbot.waitUntil(lambda: not panel.running)
    assert list(viewer.layers) == [source, first]
    assert first.data.shape == (100, 80)
    corner = first.data_to_world((-0.5, -0.5))
    assert corner == pytest.approx(source.data_to_world((149.5, 149.5)))


def test_a_cancelled_run_leaves_the_last_comparison(
    viewer: Any,
    open_panel: OpenPanel,
    run: Any,
    settle: Any,
    qtbot: Any,
    cells: Any,
) -> None:
    viewer.add_image(cells, name="cells")
    panel = open_panel()
    run(panel)
    panel.controls.compare.value = "split"
    settle(panel)
    with device_in_use:
        panel.start()
        panel.cancel()
        qtbot.waitUntil(lambda: not panel.running)
    settle(panel)
    assert panel.controls.compare.native.isEnabled()
    assert panel.controls.compare.value == "split"
    assert left_of(viewer) in viewer.layers


def test_a_lazy_pyramid_is_split_without_reading_it(
    viewer: Any, open_panel: OpenPanel, run: Any
) -> None:
    levels = [da.zeros((64, 96), np.uint8, chunks=32), da.zeros((32, 48), np.uint8)]
    viewer.add_image(levels, multiscale=True, name="cells", contrast_limits=(0, 9))
    panel = open_panel()
    run(panel)
    panel.controls.compare.value = "split"
    assert [level.shape for level in left_of(viewer).data] == [(64, 48), (32, 24)]


@pytest.mark.parametrize("shown", ["before", "split"])
def test_a_panel_that_is_closed_leaves_the_result_in_view(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any, shown: str
) -> None:
    """The result stayed hidden, or half of it behind a layer of the source."""
    viewer.add_image(cells, name="cells")
    panel = open_panel()
    run(panel)
    panel.controls.compare.value = shown
    viewer.window.remove_dock_widget(panel)
    assert [(each.name, each.visible) for each in viewer.layers] == [
        ("cells", True),
        ("cells ×2 tiny", True),
    ]


def test_nothing_in_view_gives_no_preview(
    viewer: Any, open_panel: OpenPanel, settle: Any, cells: Any
) -> None:
    """It made a layer of 2 × 2 pixels."""
    source = viewer.add_image(cells, name="cells")
    panel = open_panel()
    settle(panel)
    source.corner_pixels = np.array([(0, 0), (2, 39)])
    panel.start_preview()
    assert "Next to nothing of 'cells' is in view" in panel.controls.message.text()
    assert not panel.running

"""The panel in a real viewer, its own buttons pressed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import ref

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

import napari_vdsr
from napari_vdsr.inference import engine, upscaler
from napari_vdsr.plugin.enlarge import panel as panel_module
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.zoo import DEFAULT_MODEL, load_model

Panel = SuperResolution
OpenPanel = Callable[..., Panel]


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_run_puts_the_result_directly_above_its_source(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="cells", scale=(0.2, 0.2), units=("um", "um"))
    viewer.add_image(cells, name="other")
    viewer.layers.selection = {viewer.layers["cells"]}
    panel = open_panel()
    run(panel)
    assert names(viewer) == ["cells", "cells ×2 tiny", "other"]
    result = viewer.layers["cells ×2 tiny"]
    expected = napari_vdsr.upscale(cells, 2, model="tiny", device="cpu", tile=128)
    assert np.array_equal(result.data, expected)
    assert result.scale.tolist() == [0.1, 0.1]
    assert result.metadata["napari-vdsr"]["model"] == "tiny"


@pytest.mark.usefixtures("nothing_drawn")
def test_the_embedded_model_runs_from_the_panel(
    viewer: Any, open_panel: OpenPanel, run: Any
) -> None:
    pixels = np.random.default_rng(1).random((12, 12), np.float32)
    viewer.add_image(pixels, name="small")
    panel = open_panel(model=DEFAULT_MODEL)
    run(panel)
    assert viewer.layers[-1].name == f"small ×2 {DEFAULT_MODEL}"
    assert np.allclose(
        viewer.layers[-1].data,
        napari_vdsr.upscale(pixels, 2, device="cpu", tile=128),
        atol=1e-6,
    )


def test_results_never_overwrite_a_layer(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    """Results overwritten (napari-imagej#79)."""
    viewer.add_image(cells, name="cells")
    panel = open_panel()
    run(panel)
    run(panel)
    assert len(set(names(viewer))) == 3
    assert names(viewer)[0] == "cells"


def test_all_selected_layers_are_enlarged_with_one_setting(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="a")
    viewer.add_image(cells[:20], name="b")
    viewer.add_image(cells, name="not this")
    viewer.layers.selection = {viewer.layers["a"], viewer.layers["b"]}
    panel = open_panel(factor="3")
    run(panel)
    assert names(viewer) == ["a", "a ×3 tiny", "b", "b ×3 tiny", "not this"]
    assert viewer.layers["b ×3 tiny"].data.shape == (60, 150)


@pytest.mark.usefixtures("nothing_drawn")
def test_a_layer_can_be_chosen_by_name(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="a")
    viewer.add_image(cells, name="b")
    panel = open_panel()
    panel.form.layer.value = viewer.layers["a"]
    run(panel)
    assert names(viewer) == ["a", "a ×2 tiny", "b"]


@pytest.mark.parametrize(
    ("factor", "value", "shape"),
    [
        ("custom", "1.5", (60, 75)),
        ("custom", "2, 3", (80, 150)),
        ("pixel size", "0.25", (80, 100)),
    ],
)
@pytest.mark.usefixtures("nothing_drawn")
def test_any_factor_or_pixel_size_can_be_typed(
    viewer: Any,
    open_panel: OpenPanel,
    run: Any,
    cells: Any,
    factor: str,
    value: str,
    shape: tuple[int, int],
) -> None:
    viewer.add_image(cells, scale=(0.5, 0.5))
    panel = open_panel()
    panel.form["factor"].value = factor
    panel.form["value"].value = value
    run(panel)
    assert viewer.layers[-1].data.shape == shape


@pytest.mark.usefixtures("nothing_drawn")
def test_colour_layers_stay_in_colour(
    viewer: Any, open_panel: OpenPanel, run: Any
) -> None:
    """RGB or channel axis guessed wrong (stardist-napari#7)."""
    viewer.add_image(np.zeros((20, 22, 3), np.uint8), rgb=True, name="stain")
    panel = open_panel(bicubic=True, consistency=True)
    run(panel)
    assert viewer.layers["stain ×2 tiny"].rgb
    assert viewer.layers["stain ×2 tiny"].data.shape == (40, 44, 3)
    assert viewer.layers["stain ×2 tiny consistency"].data.shape == (20, 22)


def test_extras_come_below_the_result(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    viewer.add_image(np.stack([cells, cells]), name="cells", scale=(1, 0.2, 0.2))
    panel = open_panel(bicubic=True, consistency=True)
    run(panel)
    assert names(viewer) == [
        "cells",
        "cells ×2 tiny bicubic",
        "cells ×2 tiny consistency",
        "cells ×2 tiny",
    ]
    bicubic, consistency = viewer.layers[1], viewer.layers[2]
    assert bicubic.data.shape == (2, 80, 100)
    assert bicubic.data.dtype == np.uint16
    assert consistency.data.shape == (2, 40, 50)
    assert np.abs(consistency.data).max() < 4000
    assert consistency.scale.tolist() == [1, 0.2, 0.2]
    low, high = consistency.contrast_limits
    assert low == -high
    assert not consistency.visible


def test_before_and_after_take_turns_with_linked_contrast(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    source = viewer.add_image(cells, name="cells")
    panel = open_panel()
    run(panel)
    result = viewer.layers[1]
    assert result.visible
    panel.controls.compare.value = "before"
    assert not result.visible
    assert source.visible
    panel.controls.compare.value = "after"
    assert result.visible
    source.contrast_limits = (5, 600)
    assert result.contrast_limits == [5, 600]
    panel.controls.link.native.click()
    source.contrast_limits = (50, 700)
    assert result.contrast_limits == [5, 600]
    panel.controls.link.native.click()
    assert result.contrast_limits == [50, 700]


def test_an_additive_source_is_not_seen_through_its_result(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    source = viewer.add_image(cells, blending="additive")
    panel = open_panel()
    run(panel)
    assert not source.visible
    panel.controls.compare.value = "before"
    assert source.visible
    assert not viewer.layers[1].visible
    run(panel)
    assert [layer.visible for layer in viewer.layers] == [False, False, True]


def test_the_newest_result_is_on_top_of_what_was_made_of_the_same_source(
    viewer: Any, open_panel: OpenPanel, run: Any, settle: Any, qtbot: Any, cells: Any
) -> None:
    source = viewer.add_image(cells, name="cells")
    viewer.add_image(cells, name="other channel")
    viewer.layers.selection = {source}
    panel = open_panel()
    run(panel)
    viewer.layers.selection = {viewer.layers["cells ×2 tiny"]}
    run(panel)
    panel.form["factor"].value = "3"
    panel.form["bicubic"].value = True
    viewer.layers.selection = {source}
    run(panel)
    assert names(viewer) == [
        "cells",
        "cells ×2 tiny",
        "cells ×2 tiny ×2 tiny",
        "cells ×3 tiny bicubic",
        "cells ×3 tiny",
        "other channel",
    ]
    source.name = "renamed"
    settle(panel)
    panel.controls.preview.click()
    qtbot.waitUntil(lambda: not panel.running)
    assert names(viewer)[-2:] == ["preview of renamed", "other channel"]


def test_before_hides_all_that_was_made_of_the_source_until_after(
    viewer: Any, open_panel: OpenPanel, run: Any, settle: Any, cells: Any
) -> None:
    source = viewer.add_image(cells, name="cells")
    other = viewer.add_image(cells, name="other")
    viewer.layers.selection = {source}
    panel = open_panel(bicubic=True, consistency=True)
    run(panel)
    panel.form["factor"].value = "3"
    run(panel)
    source.visible = viewer.layers["cells ×2 tiny bicubic"].visible = False
    seen = {layer: layer.visible for layer in viewer.layers}
    panel.controls.compare.value = "before"
    assert [layer for layer in viewer.layers if layer.visible] == [source, other]
    panel.controls.compare.value = "after"
    assert {layer: layer.visible for layer in viewer.layers} == seen
    assert viewer.layers["cells ×3 tiny"].visible

    panel.controls.compare.value = "before"
    viewer.layers.remove("cells ×3 tiny")
    settle(panel)
    assert not panel.controls.compare.native.isEnabled()
    assert viewer.layers["cells ×2 tiny"].visible


def test_preview_shows_a_part_that_run_replaces(
    viewer: Any, open_panel: OpenPanel, run: Any, settle: Any, qtbot: Any
) -> None:
    pixels = np.random.default_rng(0).random((300, 300), np.float32)
    viewer.add_image(pixels, name="cells")
    panel = open_panel()
    settle(panel)
    panel.controls.preview.click()
    qtbot.waitUntil(lambda: not panel.running)
    assert names(viewer) == ["cells", "preview of cells"]
    preview = viewer.layers[1]
    assert max(preview.data.shape) <= 256
    run(panel)
    assert names(viewer) == ["cells", "cells ×2 tiny"]
    start = np.round((np.array(preview.translate) + 0.25) * 2).astype(int)
    y, x = (slice(a, a + n) for a, n in zip(start, preview.data.shape, strict=True))
    assert np.allclose(viewer.layers[1].data[y, x], preview.data, atol=1e-6)


def test_the_script_makes_the_same_result_as_run(
    viewer: Any,
    open_panel: OpenPanel,
    run: Any,
    settle: Any,
    cells: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer.add_image(cells, name="cells", scale=(0.5, 0.5))
    panel = open_panel(factor="custom", value="1.5")
    settle(panel)
    panel.controls.script.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    script = clipboard.text()
    run(panel)
    by_panel = viewer.layers[1]
    exec(script, {})
    by_script = viewer.layers[-1]
    assert by_script is not by_panel
    assert np.array_equal(by_script.data, by_panel.data)
    assert by_script.scale.tolist() == by_panel.scale.tolist()
    said: list[str] = []
    monkeypatch.setattr(panel_module, "show_info", said.append)
    panel.form["bicubic"].value = True
    panel.controls.script.click()
    assert "without the layers beside the result" in said[0]
    assert clipboard.text().count("add_layer") == 1


@pytest.mark.usefixtures("nothing_drawn")
def test_settings_are_kept_between_openings(
    viewer: Any, open_panel: OpenPanel, settle: Any
) -> None:
    panel = open_panel()
    panel.form["factor"].value = "4"
    panel.form["bicubic"].value = True
    panel.controls.link.value = False
    settle(panel)
    viewer.window.remove_dock_widget(panel.parent())
    again = SuperResolution(viewer)
    assert again.settings.factor == "4"
    assert again.settings.bicubic
    assert not again.settings.link_contrast
    again.controls.reset.click()
    assert again.settings.factor == "2"
    again.close_down()


def test_an_ensemble_and_where_it_is_not_sure(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    source = viewer.add_image(cells, name="cells", scale=(0.5, 0.5))
    panel = open_panel(spread=True)
    run(panel)
    assert names(viewer) == ["cells", "cells ×2 tiny"], "there is no ensemble yet"
    panel.settings = replace(panel.settings, ensemble=True)
    run(panel)
    mean, spread = napari_vdsr.upscale(
        cells, 2, model="tiny", device="cpu", ensemble=True, spread=True
    )
    above = "cells ×2 tiny where the network is not sure"
    result, beside = viewer.layers["cells ×2 tiny [1]"], viewer.layers[above]
    np.testing.assert_array_equal(result.data, mean)
    np.testing.assert_array_equal(beside.data, spread)
    assert result.metadata["napari-vdsr"]["ensemble"]
    assert beside.metadata["napari-vdsr"]["kind"] == "spread"
    assert beside.scale.tolist() == result.scale.tolist() == [0.25, 0.25]
    assert not beside.visible
    assert source.visible
    panel.controls.script.click()
    made: dict[str, Any] = {}
    exec(QApplication.clipboard().text(), made)  # type: ignore[union-attr]
    np.testing.assert_array_equal(viewer.layers[f"{above} [1]"].data, spread)


@pytest.mark.usefixtures("nothing_drawn")
def test_the_memory_of_the_device_is_given_back(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    """GPU memory kept afterwards (micro-sam#952)."""
    viewer.add_image(cells)
    panel = open_panel()
    run(panel)
    kept = ref(next(reversed(upscaler._kept._values.values())))
    assert engine._ready
    panel.controls.release.click()
    assert kept() is None
    assert not engine._ready, "the compiled network"


@pytest.mark.usefixtures("nothing_drawn")
def test_a_shapes_layer_may_stay_selected(
    viewer: Any, open_panel: OpenPanel, settle: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="cells")
    viewer.add_shapes(name="marks")
    viewer.layers.select_all()
    panel = open_panel()
    assert "80 × 100" in settle(panel)


@pytest.mark.usefixtures("nothing_drawn")
def test_the_result_is_the_whole_images_pixels_where_tiles_meet(
    viewer: Any, open_panel: OpenPanel, run: Any
) -> None:
    """Tile seams (Real-ESRGAN#197, #211)."""
    pixels = np.random.default_rng(2).random((150, 150), np.float32)
    viewer.add_image(pixels)
    panel = open_panel(tile="128")
    run(panel)
    whole = napari_vdsr.upscale(pixels, 2, model=load_model("tiny"), tile=10_000)
    assert np.allclose(viewer.layers[1].data, whole, atol=1e-5)


@pytest.mark.usefixtures("nothing_drawn")
def test_intensities_do_not_drift(viewer: Any, open_panel: OpenPanel, run: Any) -> None:
    """Intensity drift (Real-SR#6, ESRGAN#42) and 16 bit lost (chaiNNer#1934)."""
    flat = np.full((30, 30), 40_001, np.uint16)
    viewer.add_image(flat, contrast_limits=(0, 65535))
    panel = open_panel(model="vdsr20")
    run(panel)
    result = viewer.layers[1]
    assert result.data.dtype == np.uint16
    assert (result.data == 40_001).all()

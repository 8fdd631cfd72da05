"""Comparing layers with a reference, the panel's own buttons pressed."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QApplication, QFileDialog
from scoring_helpers import CAMERA, names, stack, texts

import napari_vdsr
from napari_vdsr.images.stack import stack_of
from napari_vdsr.layers import upscale_layer
from napari_vdsr.plugin.scores.layers import origin_of, take_snapshot
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.scores.settings import ScoreOptions
from napari_vdsr.plugin.scores.work import score_images
from napari_vdsr.plugin.settings import FieldError

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.fixture
def compare(viewer: Any, qtbot: Any) -> Any:
    """Open the panel on two layers, press Compare, wait; gives the tab."""

    def press(reference: Any, *layers: Any) -> Any:
        panel = Psnr(viewer)
        viewer.window.add_dock_widget(panel, name="PSNR")
        tab = panel.compare
        tab.reference.value = reference
        for layer in layers:
            tab.layers.tick(layer)
        tab.start()  # unless it has begun by itself
        assert tab.running, tab.work.message.text()
        qtbot.waitUntil(lambda: not tab.running and bool(tab.scores))
        return tab

    return press


def wait_for_figures(qtbot: Any, tab: Any, expected: Any) -> None:
    """Wait until the first row shows what is expected."""
    qtbot.waitUntil(
        lambda: (
            not tab.running and tab.results.isEnabled() and expected(tab.scores[0].psnr)
        )
    )


def test_the_figures_are_those_of_the_public_function(
    viewer: Any, compare: Any
) -> None:
    rng = np.random.default_rng(0)
    truth, noisy = stack(), stack() + rng.integers(0, 200, (3, 40, 48), np.uint16)
    reference = viewer.add_image(truth, name="truth")
    layer = viewer.add_image(noisy, name="noisy")
    tab = compare(reference, layer)
    expected = napari_vdsr.psnr(reference, layer, fit=True)
    assert tab.scores[0].psnr == expected
    assert expected.fitted is not None
    rows = texts(tab.results.planes)
    assert [row[0] for row in rows[:4]] == ["mean", "min", "max", "of MSE"]
    for row, figure in zip(
        rows[:4],
        (expected.mean, expected.minimum, expected.maximum, expected.of_mean_error),
        strict=True,
    ):
        assert row[1] == f"{figure:.2f}"
    assert [row[1] for row in rows[4:]] == [f"{v:.2f}" for v in expected.values]
    assert [row[2] for row in rows[4:]] == [f"{v:.2f}" for v in expected.fitted.values]
    assert all(0 < float(row[3]) < 1 for row in rows[4:])
    assert "the reference's values span" in tab.results.notes.text()
    curve, *_ = tab.results.curve.plot.listDataItems()
    assert curve.name() == "noisy"
    np.testing.assert_allclose(curve.getData()[1], expected.values)


def test_bicubic_stands_beside_a_result_whose_source_is_known(
    viewer: Any, compare: Any
) -> None:
    reference = viewer.add_image(stack(), name="truth")
    source = viewer.add_image(stack()[:, ::2, ::2], name="cells", scale=(1, 2, 2))
    source.translate = (0, 0.5, 0.5)
    result = viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    tab = compare(reference, result)
    assert [row[0] for row in texts(tab.results.summary)] == [
        "cells ×2 tiny",
        "bicubic of cells",
    ]
    assert tab.results.planes.horizontalHeaderItem(4).text() == "bicubic\ndB"
    assert tab.results.answer.text().startswith("<b>tiny ")
    assert tab.results.answer.text().endswith(" bicubic</b>")
    source.name = "renamed"
    assert tab.scores[0].bicubic.psnr.mean != tab.scores[0].psnr.mean
    viewer.layers.remove(source)
    assert [subject.origin for subject in tab.prepare().subjects] == [None]


def test_results_are_compared_with_what_was_given(viewer: Any) -> None:
    source = viewer.add_image(CAMERA[::2, ::2], name="cells")
    result = viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    panel = Psnr(viewer)
    assert panel.compare.reference.value is source
    assert panel.compare.layers.chosen == [result]
    assert panel.model.truth.value is source
    panel.close_down()
    channel = viewer.add_image(CAMERA[::2, ::2], name="another channel")
    origin = origin_of(result, [channel, source])
    assert origin is not None
    assert origin.source is source
    viewer.layers.remove(channel)
    truth = viewer.add_image(CAMERA, name="truth", scale=(0.5, 0.5))
    viewer.layers.move(2, 0)
    panel = Psnr(viewer)
    assert panel.compare.reference.value is truth
    assert panel.compare.layers.chosen == [result]
    panel.close_down()


def test_the_finest_image_is_the_reference_before_any_result(viewer: Any) -> None:
    """The noisy image over the truth of our own samples was taken."""
    truth = viewer.add_image(CAMERA, name="truth", scale=(0.5, 0.5), visible=False)
    viewer.add_image(CAMERA[::2, ::2], name="cells")
    panel = Psnr(viewer)
    assert panel.compare.reference.value is truth
    panel.close_down()


def test_a_lazy_result_scores_as_one_in_memory(viewer: Any, compare: Any) -> None:
    import dask.array as da

    scores = []
    for low in (stack()[:, ::2, ::2], da.from_array(stack()[:, ::2, ::2], chunks=9)):
        reference = viewer.add_image(stack(), name="truth", scale=(1, 0.5, 0.5))
        source = viewer.add_image(low, name="cells", contrast_limits=(0, 4095))
        source.translate = (0, 0.25, 0.25)
        result = viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
        scores += compare(reference, result).scores
        viewer.layers.clear()
    eager, lazy = scores
    assert lazy.psnr.errors == pytest.approx(eager.psnr.errors, rel=1e-3)
    assert lazy.bicubic.psnr == eager.bicubic.psnr
    assert lazy.bicubic.ssim_of_planes == eager.bicubic.ssim_of_planes


def test_identical_layers_are_said_to_be_infinite(viewer: Any, compare: Any) -> None:
    reference = viewer.add_image(stack(), name="truth")
    tab = compare(reference, viewer.add_image(stack(), name="copy"))
    assert texts(tab.results.summary)[0][1] == "∞ (identical)"
    assert "'copy': infinite (identical to the reference)" in tab.results.notes.text()


def test_a_range_that_the_data_contradict_is_a_warning(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    reference = viewer.add_image(stack(), name="truth")
    tab = compare(reference, viewer.add_image(stack() + 9, name="brighter"))
    before = tab.scores[0].psnr.mean
    assert not tab.results.warning.text()
    tab.form["data_range"].value = 65535
    wait_for_figures(qtbot, tab, lambda report: report.data_range.value == 65535)
    assert tab.scores[0].psnr.mean > before + 20
    assert "far more than the reference spans" in tab.results.warning.text()
    box = tab.form["data_range"].native
    accepted = box.validate("3", 1)[0]
    assert all(box.validate(text, 1)[0] != accepted for text in ("-3", "x", "nan"))


def test_images_on_other_scales_are_a_warning(viewer: Any, compare: Any) -> None:
    truth = viewer.add_image(CAMERA, name="truth")
    tab = compare(truth, viewer.add_image(CAMERA / 255, name="normalised"))
    assert "bring both to one scale" in tab.results.warning.text()


def test_figures_follow_data_that_are_replaced_painted_on_or_moved(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    reference = viewer.add_image(CAMERA, name="truth")
    layer = viewer.add_image(CAMERA.copy(), name="edited")
    tab = compare(reference, layer)
    assert tab.scores[0].psnr.mean == np.inf
    layer.data = CAMERA // 2
    wait_for_figures(qtbot, tab, lambda report: report.mean < 30)
    layer.data[...] = CAMERA
    layer.refresh()
    wait_for_figures(qtbot, tab, lambda report: report.mean == np.inf)
    layer.translate = (3, 0)
    wait_for_figures(qtbot, tab, lambda report: report.mean < 30)


def test_nothing_follows_when_live_is_off(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    reference = viewer.add_image(CAMERA, name="truth")
    layer = viewer.add_image(CAMERA.copy(), name="edited")
    tab = compare(reference, layer)
    tab.form["live"].value = False
    layer.data = CAMERA // 2
    qtbot.wait(600)
    assert not tab.running
    assert tab.scores[0].psnr.mean == np.inf
    assert not tab.results.isEnabled()


def test_moving_through_a_stack_compares_nothing(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    reference = viewer.add_image(stack(), name="truth")
    tab = compare(reference, viewer.add_image(stack() + 5, name="brighter"))
    shown = tab.scores[0]
    viewer.dims.set_current_step(0, 1)
    qtbot.wait(700)
    assert not tab.running
    assert tab.scores[0] is shown


def test_error_maps_lie_on_the_reference_with_limits_that_stay(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    place = {"scale": (1, 0.2, 0.3), "translate": (0, 4, 5), "rotate": 20.0}
    reference = viewer.add_image(stack(), name="truth", units=("s", "um", "um"))
    reference.scale, reference.translate = place["scale"], place["translate"]
    layer = viewer.add_image(stack() + 7, name="brighter", units=("s", "um", "um"))
    layer.scale, layer.translate = place["scale"], place["translate"]
    tab = compare(reference, layer)
    tab.form["error_maps"].value = True
    qtbot.waitUntil(lambda: "brighter − truth" in names(viewer))
    shown = viewer.layers["brighter − truth"]
    np.testing.assert_array_equal(shown.data, np.full((3, 40, 48), 7, np.float32))
    np.testing.assert_array_equal(shown.scale, reference.scale)
    np.testing.assert_array_equal(shown.translate, reference.translate)
    low, high = shown.contrast_limits
    assert low == -high
    assert high == pytest.approx(0.1 * tab.scores[0].psnr.data_range.value)
    assert shown.colormap.name == "PiYG"
    layer.data = stack() + 70
    qtbot.waitUntil(lambda: shown.data.max() == 70)
    assert list(shown.contrast_limits) == [low, high]
    assert names(viewer).count("brighter − truth") == 1
    assert shown not in tab.images


def test_a_finer_layer_is_compared_on_the_grid_of_the_reference(
    viewer: Any, compare: Any
) -> None:
    reference = viewer.add_image(CAMERA, name="truth", scale=(2, 2))
    fine = viewer.add_image(
        np.kron(CAMERA, np.ones((2, 2))), name="fine", translate=(-0.5, -0.5)
    )
    tab = compare(reference, fine)
    expected = napari_vdsr.psnr(reference, fine)
    assert tab.scores[0].psnr.mean == pytest.approx(expected.mean)


def test_layers_that_cannot_be_compared_say_why_before_compare(
    viewer: Any, qtbot: Any
) -> None:
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    tab = panel.compare
    panel.catch_up()
    assert "Open two images" in tab.work.message.text()
    reference = viewer.add_image(CAMERA, name="truth")
    panel.catch_up()
    assert "Open another image" in tab.work.message.text()
    others = {
        "do not overlap": viewer.add_image(CAMERA, name="far", translate=(900, 0)),
        "has colours": viewer.add_image(np.zeros((40, 48, 3), np.uint8), name="rgb"),
        "axes": viewer.add_image(stack(), name="stack"),
        "leaves nothing": viewer.add_image(CAMERA[:4, :4], name="small"),
    }
    panel.catch_up()
    tab.form["border"].value = 2
    tab.reference.value = reference
    assert "Tick the layers" in tab.work.message.text()
    for words, layer in others.items():
        tab.layers.tick(layer)
        assert words in tab.work.message.text()
        assert layer.name in tab.work.message.text()
        assert not tab.work.button.isEnabled()
        tab.layers.tick(layer, False)
    tab.layers.tick(others["do not overlap"])
    assert "scale and translate" in tab.work.message.text()
    others["do not overlap"].translate = (0, 0)
    qtbot.waitUntil(tab.work.button.isEnabled)


def test_colours_are_compared_by_luminance_or_together(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (30, 32, 3)).astype(np.uint8)
    reference = viewer.add_image(pixels, name="truth", rgb=True)
    shifted = pixels.copy()
    shifted[..., 2] += 40
    layer = viewer.add_image(shifted, name="bluish", rgb=True)
    tab = compare(reference, layer)
    assert tab.form["channels"].native.isVisibleTo(tab)
    expected = napari_vdsr.psnr(reference, layer)
    assert tab.scores[0].psnr.mean == expected.mean
    tab.form["error_maps"].value = True
    tab.form["channels"].value = "R, G, B"
    together = napari_vdsr.psnr(reference, layer, luminance=False)
    wait_for_figures(qtbot, tab, lambda report: report.mean == together.mean)
    assert viewer.layers["bluish − truth"].data.shape == (30, 32)


def test_figures_can_be_copied_and_saved(
    viewer: Any, compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "40x? NA 1.2"
    reference = viewer.add_image(stack(), name=name, axis_labels=("t", "y", "x"))
    tab = compare(reference, viewer.add_image(stack() + 5, name="brighter"))
    tab.results.copy.click()
    copied = QApplication.clipboard().text()
    assert "\tPSNR dB\tfitted dB\tSSIM" in copied
    assert "t 2\t" in copied
    assert "Data range" in copied
    file = tmp_path / "scores.csv"
    offered: list[str] = []

    def choose(_: Any, __: str, name: str, ___: str) -> tuple[str, str]:
        offered.append(name)
        return str(file), "CSV (*.csv)"

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    tab.results.csv.click()
    assert offered == ["scores against 40x_ NA 1.2.csv"]
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert [row["plane"] for row in rows] == [
        *("t 0", "t 1", "t 2", "mean", "minimum", "maximum", "of mean error")
    ]
    report = tab.scores[0].psnr
    assert float(rows[3]["psnr_db"]) == pytest.approx(report.mean, abs=1e-6)
    assert {row["reference"] for row in rows} == {name}
    assert rows[0]["data_range_reason"] == report.data_range.reason


def test_lazy_and_multiscale_layers_are_compared(viewer: Any, compare: Any) -> None:
    import dask.array as da

    lazy = da.from_array(stack(), chunks=(1, 40, 48))
    reference = viewer.add_image(lazy, name="lazy", contrast_limits=(0, 4095))
    pyramid = [stack() + 3, stack()[:, ::2, ::2]]
    layer = viewer.add_image(pyramid, multiscale=True, name="pyramid")
    tab = compare(reference, layer)
    assert tab.scores[0].psnr.errors == (9.0, 9.0, 9.0)


def test_results_are_ticked_and_compared_also_those_made_while_it_is_open(
    viewer: Any, qtbot: Any
) -> None:
    truth = viewer.add_image(CAMERA, name="truth", scale=(0.5, 0.5))
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    source = viewer.add_image(CAMERA[::2, ::2], name="cells", translate=(0.25, 0.25))
    panel.catch_up()
    assert panel.compare.layers.chosen == []
    result = viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    panel.catch_up()
    assert panel.compare.reference.value is truth
    assert panel.compare.layers.chosen == [result]
    qtbot.waitUntil(lambda: bool(panel.compare.scores))
    panel.compare.layers.tick(result, False)
    panel.reset_choices()
    panel.catch_up()
    assert panel.compare.layers.chosen == [], "only new ones are ticked"


def test_a_layer_in_no_known_place_is_refused_in_words() -> None:
    """The panel showed a traceback whenever it looked at the layers."""
    with np.errstate(invalid="ignore"):
        layer = Image(CAMERA, name="astray", translate=(np.inf, 0))
        with pytest.raises(FieldError, match="place of 'astray' in the world"):
            take_snapshot(layer)


def test_unsuitable_layers_are_left_out_and_named(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    reference = viewer.add_image(CAMERA, name="truth")
    good = viewer.add_image(CAMERA + 3, name="good")
    colours = viewer.add_image(np.zeros((40, 48, 3), np.uint8), name="colours")
    tab = compare(reference, good, colours)
    assert [score.name for score in tab.scores] == ["good"]
    assert "Left out: " in tab.work.message.text()
    assert "'colours'" in tab.work.message.text()
    assert tab.work.button.isEnabled()
    # Those that are compared are followed, and once is enough.
    qtbot.waitUntil(lambda: not tab._follower.busy)
    assert not tab.running
    good.data[...] = CAMERA
    good.refresh()
    wait_for_figures(qtbot, tab, lambda report: report.mean == np.inf)


def test_a_part_is_named_and_is_never_the_best(viewer: Any, compare: Any) -> None:
    """A part that is easy was said to be best of all."""
    truth = stack()[0].astype(float)
    reference = viewer.add_image(truth, name="truth")
    noise = np.random.default_rng(0).normal(0, 9, truth.shape)
    all_of_it = viewer.add_image(truth + noise, name="all")
    part = viewer.add_image((truth + noise / 9)[:20], name="part")
    tab = compare(reference, all_of_it, part)
    scores = {score.name: score.psnr.mean for score in tab.scores}
    assert scores["part"] > scores["all"]
    assert tab.results.answer.text().startswith("<b>&#x27;all&#x27; ")
    said = "'part' covers 50 % of the reference, and is compared there only."
    assert tab.work.message.text() == said
    notes = tab.results.notes.text()
    assert "Data range for 'part' " in notes
    assert "Data range for 'all' " in notes


def test_the_map_of_a_hidden_reference_is_visible(
    viewer: Any, compare: Any, qtbot: Any
) -> None:
    reference = viewer.add_image(CAMERA, name="truth", visible=False)
    layer = viewer.add_image(CAMERA + 3, name="brighter")
    tab = compare(reference, layer)
    tab.form["error_maps"].value = True
    qtbot.waitUntil(lambda: "brighter − truth" in names(viewer))
    assert viewer.layers["brighter − truth"].visible
    assert not reference.visible


def test_large_counts_are_scored_as_by_the_function() -> None:
    """float64 cannot tell neighbours of these apart: they were called identical."""
    counts = np.random.default_rng(0).integers(0, 255, (16, 16)) + 2**60
    other = counts + np.eye(16, dtype=np.int64)
    stacks = [stack_of(each, "image", rgb=False) for each in (counts, other)]
    score = score_images("other", *stacks, ScoreOptions(data_range=255, fit=False))
    assert score.psnr.mean == pytest.approx(
        napari_vdsr.psnr(counts, other, data_range=255).mean
    )
    assert score.psnr.mean == pytest.approx(10 * np.log10(255**2 * 16))


def test_faint_floats_bring_a_note_in_the_words_of_the_panel() -> None:
    faint = [stack_of(CAMERA / 255 / share, "image", rgb=False) for share in (30, 31)]
    (note,) = score_images("other", *faint, ScoreOptions(fit=False)).notes
    assert "no value is above 0.018" in note
    assert "give data range, or scale the values to 0 to 1." in note

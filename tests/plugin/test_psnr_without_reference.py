"""What the panel says when nobody knows the truth."""

from typing import Any

import numpy as np
import pytest
from scoring_helpers import CAMERA, names
from skimage import data

from napari_vdsr.evaluation.consistency import consistency
from napari_vdsr.layers import upscale_layer
from napari_vdsr.plugin.psnr import Psnr


@pytest.fixture
def tab(viewer: Any) -> Any:
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    panel.book.setCurrentIndex(2)
    return panel.check


def press(button: Any, tab: Any, qtbot: Any) -> None:
    assert button.isEnabled()
    button.click()
    qtbot.waitUntil(lambda: not tab.running, timeout=60_000)


def test_a_result_is_checked_against_its_source(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    source = viewer.add_image(CAMERA, name="cells", scale=(0.2, 0.2), translate=(3, 4))
    assert not tab.consistency.button.isEnabled()
    assert "no result" in tab.consistency.message.text()
    result = upscale_layer(source, 2, model="tiny", device="cpu")
    viewer.add_layer(result)
    press(tab.consistency.button, tab, qtbot)
    expected = consistency(CAMERA, result.data)
    shown = viewer.layers["cells ×2 tiny consistency"]
    np.testing.assert_allclose(shown.data, expected.difference, rtol=1e-6)
    np.testing.assert_array_equal(shown.scale, source.scale)
    np.testing.assert_array_equal(shown.translate, source.translate)
    assert f"{100 * expected.relative:.2f} % of the range" in tab.agreement.text()
    assert "PSNR" not in tab.agreement.text()
    press(tab.consistency.button, tab, qtbot)
    assert len(names(viewer)) == 3


def test_sampling_is_checked_of_an_image_that_was_given(viewer: Any) -> None:
    source = viewer.add_image(CAMERA, name="cells")
    viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    assert panel.check.image.value is source


def test_a_mask_over_the_source_is_not_taken_for_it(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    source = viewer.add_image(CAMERA, name="cells")
    viewer.add_image(CAMERA > 100, name="mask")
    viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    press(tab.consistency.button, tab, qtbot)
    assert names(viewer)[-1] == "cells ×2 tiny consistency"


def test_a_result_of_a_part_is_checked_against_that_part(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    source = viewer.add_image(np.stack([CAMERA] * 3), name="cells")
    region = (slice(1, 2), slice(10, 30), slice(8, 40))
    result = upscale_layer(source, 2, model="tiny", device="cpu", region=region)
    viewer.add_layer(result)
    press(tab.consistency.button, tab, qtbot)
    shown = viewer.layers[-1]
    assert shown.data.shape == (1, 20, 32)
    assert shown.translate.tolist() == [1, 10, 8]
    expected = consistency(source.data[region], result.data)
    np.testing.assert_allclose(shown.data, expected.difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        (data.coins()[:128, :128], "Enlarging can help here"),
        (np.kron(data.coins()[:40, :40], np.ones((4, 4))), None),
        (
            np.random.default_rng(0).normal(100, 20, (128, 128)),
            "Noise hides the finest",
        ),
        (
            np.add.outer(*[np.sin(np.linspace(0, 9, 128))] * 2),
            "Enlarging can add nothing",
        ),
    ],
)
def test_sampling_is_judged_in_plain_words(
    viewer: Any, tab: Any, qtbot: Any, image: Any, verdict: str | None
) -> None:
    viewer.add_image(image, name="image")
    press(tab.sampling.button, tab, qtbot)
    assert (verdict or "Enlarging") in tab.verdict.text()
    assert "PSNR" not in tab.verdict.text()
    viewer.add_image(image, name="another")
    tab.image.value = viewer.layers["another"]
    assert tab.verdict.isHidden()


def test_an_image_too_small_to_judge_is_said(viewer: Any, tab: Any, qtbot: Any) -> None:
    viewer.add_image(CAMERA[:20, :20], name="small")
    press(tab.sampling.button, tab, qtbot)
    assert "32 x 32 are the least" in tab.sampling.message.text()

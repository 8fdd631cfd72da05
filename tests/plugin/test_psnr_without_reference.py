"""What the panel says when nobody knows the truth."""

from typing import Any

import numpy as np
import pytest
from napari.utils import cancelable_progress
from scoring_helpers import CAMERA, Caught, names
from skimage import data

import napari_vdsr
from napari_vdsr.evaluation.consistency import consistency
from napari_vdsr.layers import upscale_layer
from napari_vdsr.plugin.scores.checks import doubt_in_words, doubt_of
from napari_vdsr.plugin.scores.panel import Psnr

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.fixture
def tab(viewer: Any) -> Any:
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    panel.book.setCurrentIndex(2)
    return Caught(panel, "check")


def press(button: Any, tab: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not tab._panel.compare.running)
    assert button.isEnabled()
    button.click()
    qtbot.waitUntil(lambda: not tab.running)


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
    words = tab.consistency.found.text()
    assert f"{100 * expected.relative:.2f} % of the range" in words
    assert "PSNR" not in words
    assert "green where the result is brighter" in words
    press(tab.consistency.button, tab, qtbot)
    assert len(names(viewer)) == 3


def test_where_not_to_believe_joins_consistency_and_spread(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    source = viewer.add_image(CAMERA, name="cells", scale=(0.2, 0.2), translate=(3, 4))
    result = upscale_layer(source, 2, model="tiny", device="cpu")
    wrong = result.data.copy()
    wrong[20:40, 30:50] = 255 - wrong[20:40, 30:50]  # invented
    result.data = wrong
    viewer.add_layer(result)
    press(tab.doubt.button, tab, qtbot)
    shown = viewer.layers["cells ×2 tiny where not to believe it"]
    assert shown.data.shape == result.data.shape
    np.testing.assert_array_equal(shown.scale, result.scale)
    _, spread = napari_vdsr.upscale(
        CAMERA, 2, model="tiny", device="cpu", ensemble=True, spread=True
    )
    expected = doubt_of(CAMERA, wrong, spread, rgb=False)
    np.testing.assert_allclose(shown.data, expected.map, rtol=1e-5)
    inside = shown.data[22:38, 32:48]
    assert inside.mean() > 5 * shown.data[60:].mean()
    share = 100 * (shown.data > 1).mean()
    assert f"Do not believe {share:.1f} % of this image." in tab.doubt.found.text()
    assert shown not in tab.images
    press(tab.consistency.button, tab, qtbot)
    assert not shown.visible  # it would tint the other map
    press(tab.doubt.button, tab, qtbot)
    assert shown.visible
    assert not viewer.layers["cells ×2 tiny consistency"].visible


def test_a_second_click_stops_what_the_first_began_and_no_other_button(
    viewer: Any, tab: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """napari handles events, such as a second click, while it makes a bar.

    The button of the check before said "Stopping" for ever.
    """
    source = viewer.add_image(CAMERA, name="cells")
    viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    press(tab.sampling.button, tab, qtbot)
    clicks = [tab.consistency.button.click]

    def bar(**options: Any) -> Any:
        if clicks:
            clicks.pop()()
        return cancelable_progress(**options)

    monkeypatch.setattr("napari_vdsr.plugin.background.cancelable_progress", bar)
    press(tab.consistency.button, tab, qtbot)
    assert tab.consistency.message.text() == "Stopped."
    assert tab.consistency.button.text() == "Check consistency"
    assert tab.sampling.button.text() == "Check sampling"


def test_what_was_found_goes_with_the_pixels_that_it_was_found_in(
    viewer: Any, tab: Any, qtbot: Any
) -> None:
    """Words on other data, or on a layer that was gone, stayed."""
    source = viewer.add_image(CAMERA, name="cells")
    result = upscale_layer(source, 2, model="tiny", device="cpu")
    viewer.add_layer(result)

    def find(view: Any, words: Any) -> None:
        press(view.button, tab, qtbot)
        assert not words.isHidden()
        tab._panel.catch_up()
        assert not words.isHidden()

    for view, words in (
        (tab.consistency, tab.consistency.found),
        (tab.doubt, tab.doubt.found),
        (tab.sampling, tab.sampling.found),
    ):
        find(view, words)
        result.data = result.data.copy()
        source.data = source.data.copy()
        tab._panel.catch_up()
        assert words.isHidden()
    tab.sampling.button.click()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not tab.running)
    assert tab.sampling.found.isHidden()
    assert "Open an image" in tab.sampling.message.text()


def test_nothing_speaks_against_a_perfect_result() -> None:
    source, result = np.full((8, 8), 9.0), np.full((16, 16), 9.0)
    doubt = doubt_of(source, result, np.zeros((16, 16)), rgb=False)
    headline, text = doubt_in_words(doubt)
    assert headline == "Nothing here speaks against the result."
    assert text.startswith("In less than 0.05 % of this image the result differs")


def test_a_noise_that_is_only_bounded_does_not_speak_for_a_result() -> None:
    """Three times "at most 17 %" was the limit, which hardly anything exceeds."""
    source = data.gravel()[:256, :256]
    seen = napari_vdsr.describe_image(source)
    assert seen.noise is not None
    assert seen.sampling is not None
    assert not seen.noise.sure
    assert seen.sampling.noise < 0.8 * seen.noise.sigma  # the lower bound of the two
    result, one = np.full((512, 512), 90.0), np.ones((512, 512))
    doubt = doubt_of(np.full_like(source, 90), result, one, rgb=False)
    assert not doubt.vague
    doubt = doubt_of(source, np.kron(source, np.ones((2, 2))), 20 * one, rgb=False)
    limit = 20 / float(np.median(doubt.map))
    assert limit == pytest.approx(3 * seen.sampling.noise, rel=0.01)
    doubt = doubt_of(source, np.kron(source, np.ones((2, 2))), 0 * one, rgb=False)
    headline, text = doubt_in_words(doubt)
    assert headline == "This check can tell little of this image."
    assert "the most that its noise can be" in text


@pytest.mark.parametrize("noise", [2.0, 8.0])
def test_a_result_is_doubted_where_it_is_off_by_more_than_the_noise(
    noise: float,
) -> None:
    """With a limit of 2 % of the range, much of a noisy image was marked."""
    signal = np.linspace(40, 140, 160) + np.zeros((160, 1))
    source = signal + np.random.default_rng(0).normal(0, noise, signal.shape)
    clean = np.kron(signal, np.ones((2, 2)))  # all noise is left out, rightly
    nothing = np.zeros(clean.shape)
    believed = doubt_of(source, clean, nothing, rgb=False)
    assert believed.seen.noise is not None
    assert believed.seen.noise.sigma == pytest.approx(noise, rel=0.1)
    assert believed.share < 0.003  # as 3 sigma
    invented = clean.copy()
    invented[80:160, 80:160] += 6 * noise  # a sixteenth of the image
    doubted = doubt_of(source, invented, nothing, rgb=False)
    assert doubted.share == pytest.approx(1 / 16, rel=0.1)
    text = doubt_in_words(doubted)[1]
    assert "more than 3 times the noise" in text
    assert napari_vdsr.describe_image(source).noise_in_short in text


def test_a_network_is_doubted_where_it_spreads_by_more_than_the_noise() -> None:
    source = 100 + np.random.default_rng(0).normal(0, 5, (64, 64))
    spread = np.zeros((128, 128))
    spread[:32], spread[32:64] = 12, 18  # three times the noise is 15
    doubt = doubt_of(source, np.full((128, 128), 100.0), spread, rgb=False)
    assert (doubt.map[:32] > 1).mean() < 0.01
    assert (doubt.map[32:64] > 1).all()


def test_alpha_and_gaps_are_left_out_of_a_doubt() -> None:
    """Images with alpha had another range, those with NaN no figures."""
    rng = np.random.default_rng(0)
    source = rng.integers(0, 4000, (64, 64, 4)).astype(np.uint16)
    source[..., 3] = 65535
    result = np.kron(source, np.ones((2, 2, 1))).astype(np.uint16)
    spread = np.full(result.shape, 20.0)
    one = doubt_of(source, result, spread, rgb=True)
    other = doubt_of(source[..., :3], result[..., :3], spread[..., :3], rgb=True)
    np.testing.assert_array_equal(one.map, other.map)
    assert (one.spread, one.share) == (other.spread, other.share)
    grey = source[..., 0].astype(float)
    grey[:32] = np.nan
    result = np.kron(grey, np.ones((2, 2)))
    doubt = doubt_of(grey, result + 40000, 0 * result + 20, rgb=False)
    assert doubt.spread == pytest.approx(20 / np.ptp(grey[32:]))
    assert doubt.share > 0.9  # of the half that has values


def test_sampling_is_checked_of_an_image_that_was_given(viewer: Any) -> None:
    source = viewer.add_image(CAMERA, name="cells")
    viewer.add_layer(upscale_layer(source, 2, model="tiny", device="cpu"))
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    panel.catch_up()
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
    assert (verdict or "Enlarging") in tab.sampling.found.text()
    assert "PSNR" not in tab.sampling.found.text()
    viewer.add_image(image, name="another")
    tab.image.value = viewer.layers["another"]
    assert tab.sampling.found.isHidden()


def test_an_image_too_small_to_judge_is_said(viewer: Any, tab: Any, qtbot: Any) -> None:
    viewer.add_image(CAMERA[:20, :20], name="small")
    press(tab.sampling.button, tab, qtbot)
    assert "32 x 32 are the least" in tab.sampling.message.text()

"""What the panel says before Start of images that do not go with the recipe."""

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage import data
from training_helpers import OpenTraining, wait_for_end, wait_for_steps

from napari_vdsr import describe_image, upscale
from napari_vdsr.images.open_any import instrument_in
from napari_vdsr.plugin import describing
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.training.planning import Facts, Images, Plan
from napari_vdsr.plugin.training.settings import TrainingSettings
from napari_vdsr.plugin.training.words import advice_on

pytestmark = pytest.mark.usefixtures("nothing_drawn")

PHOTOGRAPH = data.camera()[:256, :256]
NOISY = PHOTOGRAPH + np.random.default_rng(0).normal(0, 12, PHOTOGRAPH.shape)
OVERSAMPLED = data.cell()[:300, :300]
MASK = np.where(PHOTOGRAPH > 99, 255, 0).astype(np.uint8)

Read = Callable[[Training], str]


@pytest.fixture
def read(qtbot: Any) -> Read:
    """Give the advice when everything is found out."""

    def wait(panel: Training) -> str:
        qtbot.waitUntil(lambda: panel.idle)
        text = str(panel.view.advice.text())
        assert panel.view.advice.isHidden() == (not text)
        return text

    return wait


def said_of(*images: Any, **settings: Any) -> str:
    """The advice on images with these settings of the panel, and its recipe."""
    chosen = TrainingSettings().changed(settings)
    plan = Plan(chosen, chosen.config(), Images(), Facts(), "cpu")
    found = {f"image\n<{i}>": describe_image(each) for i, each in enumerate(images)}
    return advice_on(found, plan)


def test_noisy_images_ask_for_a_recipe_with_noise() -> None:
    text = said_of(NOISY)
    noise = describe_image(NOISY).noise_in_short
    assert text.startswith(f"'image <0>' is noisy ({noise}), but the recipe trains")
    above, noise = "choose scanner or camera above", "set Noise to 'of any strength'"
    assert above in text
    assert noise in text
    text = said_of(NOISY, sampling="camera")
    assert above not in text
    assert noise in text
    text = said_of(NOISY, noise="blind")
    assert above in text
    assert "without noise" not in text
    assert said_of(NOISY, noise="blind", sampling="scanner") == ""
    assert said_of(NOISY, recipe="microscope") == ""
    text = said_of(NOISY, begin="model", recipe="adapt")  # noise comes with the answer
    assert above in text
    assert noise not in text


def test_a_strength_that_is_not_known_is_not_stated() -> None:
    sky = data.camera()[:96, :96]
    assert not describe_image(sky).noise.sure
    assert said_of(sky).startswith("'image <0>' is noisy, but the recipe trains")


def test_detail_coarser_than_the_pixels_asks_for_half_the_size() -> None:
    assert "choose scanner or camera above" in said_of(OVERSAMPLED)
    assert said_of(OVERSAMPLED, sampling="camera") == ""


def test_what_is_no_image_is_named() -> None:
    assert "is constant" in said_of(np.full((64, 64), 7))
    assert "looks like a mask" in said_of(MASK)


def test_the_first_image_that_does_not_fit_is_named() -> None:
    assert said_of(PHOTOGRAPH, NOISY).startswith("'image <1>' is noisy")
    assert said_of() == ""


@pytest.mark.parametrize("sampling", ["reduced", "scanner"])
def test_the_instrument_that_the_file_names_is_asked_for(
    viewer: Any, open_training: OpenTraining, read: Read, tmp_path: Any, sampling: str
) -> None:
    told = {"axes": "YX", "Channel": {"AcquisitionMode": "WideField"}}
    tifffile.imwrite(tmp_path / "cells.ome.tif", PHOTOGRAPH, metadata=told)
    (layer,) = viewer.open(tmp_path / "cells.ome.tif")
    panel = open_training(sampling=sampling)
    words = "comes from a camera, as its file says: choose camera above."
    assert read(panel) == f"'{layer.name}' {words}"
    panel.form["sampling"].value = "camera"
    assert read(panel) == ""
    layer.data = NOISY
    panel.form["sampling"].value = sampling
    assert "choose camera above, and set Noise" in read(panel)


def test_a_file_that_is_gone_says_nothing(tmp_path: Any) -> None:
    assert instrument_in(tmp_path / "gone.tif") is None
    assert instrument_in("https://example.org/cells.ome.tif") is None


def test_a_model_for_another_factor_is_named(
    viewer: Any, open_training: OpenTraining, read: Read
) -> None:
    """As before Run: fine-tuned for ×2, it forgets what it was made for."""
    viewer.add_image(PHOTOGRAPH, name="cells")
    panel = open_training(begin="model", model="srcnn-915-x3", recipe="adapt")
    text = "srcnn-915-x3 is made for ×3, and would be trained for ×2: set Factors"
    assert read(panel).startswith(text)
    panel.form["factors"].value = "3"
    assert read(panel) == ""


def test_the_advice_follows_images_and_recipe(
    viewer: Any, open_training: OpenTraining, read: Read
) -> None:
    layer = viewer.add_image(PHOTOGRAPH, name="cells")
    panel = open_training()
    assert read(panel) == ""
    layer.data = NOISY
    assert read(panel).startswith("'cells' is noisy")
    panel.form["noise"].value = "blind"
    panel.form["sampling"].value = "camera"
    assert read(panel) == ""
    panel.form["noise"].value = "none"
    assert read(panel).startswith("'cells' is noisy")
    viewer.layers.clear()
    assert read(panel) == ""


def test_a_layer_is_looked_at_once_for_all_panels(
    viewer: Any,
    open_training: OpenTraining,
    open_panel: Any,
    read: Read,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = []

    def look(*arguments: Any, **options: Any) -> Any:
        looks.append(arguments)
        return describe_image(*arguments, **options)

    monkeypatch.setattr(describing, "describe_image", look)
    viewer.add_image(NOISY, name="cells")
    training, enlarging = open_training(), open_panel()
    assert read(training).startswith("'cells' is noisy")
    qtbot.waitUntil(lambda: enlarging.idle)
    assert "oise" in str(enlarging.controls.image.text())
    assert len(looks) == 1


def test_a_training_waits_for_no_look_and_says_nothing_of_it(
    viewer: Any,
    open_training: OpenTraining,
    settle: Any,
    qtbot: Any,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, asked = Event(), Event()

    def slow(*arguments: Any, **options: Any) -> Any:
        asked.set()
        assert go.wait(60)
        return describe_image(*arguments, **options)

    monkeypatch.setattr(describing, "describe_image", slow)
    viewer.add_image(NOISY, name="cells")
    panel = open_training(steps=100000)
    qtbot.waitUntil(asked.is_set)
    assert not panel.idle
    settle(panel)
    panel.controls.button.click()
    wait_for_steps(panel, qtbot)
    go.set()
    qtbot.waitUntil(lambda: panel._session.report is not None)
    assert panel.view.advice.isHidden()
    panel.controls.cancel.click()
    wait_for_end(panel, qtbot)
    assert read(panel).startswith("'cells' is noisy")


def test_a_lazy_result_is_not_computed_to_be_looked_at(
    viewer: Any,
    open_training: OpenTraining,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import dask.array as da
    from napari.layers import Image

    monkeypatch.delattr(describing, "describe_image")
    lazy = da.from_array(PHOTOGRAPH, 128)
    result = upscale(Image(lazy, name="lazy"), 2, model="tiny")
    result.data_level = 1
    viewer.add_layer(result)
    assert read(open_training()) == ""

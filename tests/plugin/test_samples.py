"""File > Open Sample: image and truth, ready for the PSNR panel."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from light_viewer import LightViewer
from npe2 import PluginManager

import napari_vdsr
from napari_vdsr.imaging.resample import resize
from napari_vdsr.plugin import contributions
from napari_vdsr.plugin.scores.panel import Psnr

SIMULATED = {"filaments": "YX", "nuclei": "YX", "puncta": "TCZYX"}

simulated = pytest.mark.parametrize("name", SIMULATED)


@pytest.fixture(scope="module", autouse=True)
def simulated_once() -> Iterator[None]:
    """Simulate every image for the first of its tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contributions, "simulate", cache(contributions.simulate))
        yield


@pytest.fixture
def viewer(light_viewer: LightViewer) -> LightViewer:
    return light_viewer


@pytest.fixture
def opened(plugin: PluginManager, viewer: Any) -> Any:
    """Open a sample as the menu does; gives its image and its truth."""

    def open_it(name: str) -> tuple[Any, Any]:
        viewer.open_sample("napari-vdsr", name)
        assert [layer.name for layer in viewer.layers] == [f"{name}, truth", name]
        truth, image = viewer.layers
        return image, truth

    return open_it


@simulated
def test_image_and_truth_lie_on_one_another(name: str, opened: Any) -> None:
    image, truth = opened(name)
    assert image.visible
    assert not truth.visible
    assert image.data.shape[:-2] == truth.data.shape[:-2]
    for corner in (0, 1):
        ends = [
            layer.data_to_world(np.array(layer.data.shape) * corner - 0.5)
            for layer in (image, truth)
        ]
        np.testing.assert_allclose(*ends, rtol=1e-12)


@simulated
def test_they_say_what_their_axes_and_values_are(name: str, opened: Any) -> None:
    image, truth = opened(name)
    axes = SIMULATED[name]
    for layer in (image, truth):
        assert layer.axis_labels == tuple(axes)
        units = [str(unit) for unit in layer.units]
        assert units == ["second", "pixel", *["micrometer"] * 3][-len(axes) :]
    assert image.contrast_limits == truth.contrast_limits
    low, high = image.contrast_limits
    assert low < np.median(image.data) < high < truth.data.max()


@simulated
def test_what_is_enlarged_can_be_scored_against_the_truth(
    name: str, opened: Any, viewer: Any
) -> None:
    image, truth = opened(name)
    enlarged = napari_vdsr.upscale(image, 2, model="tiny", device="cpu")
    viewer.add_layer(enlarged)
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="PSNR")
    panel.catch_up()
    assert panel.compare.reference.value is truth
    assert enlarged.data.shape == truth.data.shape
    np.testing.assert_allclose(enlarged.translate, truth.translate, atol=1e-12)
    bicubic = np.stack(
        [
            resize(plane, truth.data.shape[-2:])
            for plane in image.data.reshape(-1, *image.data.shape[-2:])
        ]
    ).reshape(truth.data.shape)
    placed = {"scale": enlarged.scale, "translate": enlarged.translate}
    by_layers = napari_vdsr.psnr(truth, viewer.add_image(bicubic, **placed))
    assert by_layers.mean == pytest.approx(napari_vdsr.psnr(truth.data, bicubic).mean)
    shifted = viewer.add_image(bicubic, scale=enlarged.scale)
    assert by_layers.mean > napari_vdsr.psnr(truth, shifted).mean > 10
    assert 15 < by_layers.mean < 40

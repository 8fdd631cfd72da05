import numpy as np
import pytest
from napari.layers import Image

from napari_vdsr.errors import Cancelled
from napari_vdsr.imaging.resample import resize
from napari_vdsr.layers import plan_layer
from napari_vdsr.layers.upscale import bicubic_plan

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("samples", [(), (3,)])
def test_it_is_the_bicubic_enlargement_rounded(samples: tuple[int, ...]) -> None:
    pixels = RNG.integers(0, 256, (2, 11, 13, *samples)).astype(np.uint8)
    layer = Image(pixels, rgb=bool(samples))
    result = bicubic_plan(plan_layer(layer, 2.5), pixels)
    planes = np.moveaxis(pixels, -1, 1) if samples else pixels
    expected = resize(planes, (28, 33)).round().clip(0, 255)
    expected = np.moveaxis(expected, 1, -1) if samples else expected
    assert np.abs(result - expected).max() <= 1  # ties may go either way
    assert np.mean(result != expected) < 0.01


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = RNG.random((40, 50))
    plan = plan_layer(Image(pixels), 2)
    whole = bicubic_plan(plan, pixels)
    monkeypatch.setattr("napari_vdsr.layers.upscale._BLOCK", 16)
    assert np.allclose(bicubic_plan(plan, pixels), whole, atol=1e-12)


def test_it_can_be_stopped() -> None:
    def stop() -> None:
        raise Cancelled

    pixels = RNG.random((4, 5))
    with pytest.raises(Cancelled):
        bicubic_plan(plan_layer(Image(pixels), 2), pixels, stop)

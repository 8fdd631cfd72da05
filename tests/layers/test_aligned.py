"""Two layers cut to the part of the world that both show."""

from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from skimage import data

from napari_vdsr import api
from napari_vdsr.errors import InputError
from napari_vdsr.layers import aligned

CAMERA = data.camera()[90:170, 200:300]


def test_the_same_grid_needs_no_interpolation() -> None:
    scale = {"scale": (0.3, 0.2), "rotate": 15.0, "shear": [0.1]}
    whole = Image(CAMERA, **scale, translate=(4, 5))
    corner = whole.data_to_world((10, 20))
    part = Image(CAMERA[10:50, 20:60], **scale, translate=corner)
    found = aligned(whole, part)
    np.testing.assert_array_equal(found.reference, CAMERA[10:50, 20:60])
    np.testing.assert_array_equal(found.image, CAMERA[10:50, 20:60])
    assert api.psnr(whole, part).mean == np.inf
    assert api.psnr(part, whole).mean == np.inf


def test_a_finer_layer_is_compared_on_the_grid_of_the_reference() -> None:
    reference = Image(CAMERA, scale=(2, 2))
    fine = np.kron(CAMERA, np.ones((2, 2)))
    image = Image(fine, scale=(1, 1), translate=(-0.5, -0.5))
    found = aligned(reference, image)
    assert found.image.shape == CAMERA.shape
    assert api.psnr(reference, image).mean > 30
    shifted = Image(fine, scale=(1, 1), translate=(3, 3))
    assert api.psnr(reference, shifted).mean < 25


def test_layers_in_other_units_are_compared_where_they_lie() -> None:
    reference = Image(CAMERA, scale=(0.1, 0.1), units="um")
    same = Image(CAMERA, scale=(100, 100), units="nm")
    assert api.psnr(reference, same).mean == np.inf
    moved = Image(CAMERA[8:], scale=(1e-4, 1e-4), translate=(8e-4, 0), units="mm")
    found = aligned(reference, moved)
    np.testing.assert_array_equal(found.reference, CAMERA[8:])
    assert api.psnr(moved, same).mean == np.inf
    pixels = Image(CAMERA, scale=(0.1, 0.1))
    assert api.psnr(pixels, reference).mean == np.inf
    times = Image(np.stack([CAMERA] * 2), scale=(1, 0.1, 0.1), units=("s", "um", "um"))
    later = Image(
        np.stack([CAMERA] * 2), scale=(1000, 100, 100), units=("ms", "nm", "nm")
    )
    assert api.psnr(times, later).identical == 2


def test_stacks_multiscale_and_colours_are_taken() -> None:
    stack = np.stack([CAMERA] * 4)
    later = Image(stack[2:], translate=(2, 0, 0))
    assert api.psnr(Image(stack), later).stack == (2,)
    pyramid = Image([CAMERA, CAMERA[::2, ::2]], multiscale=True)
    assert api.psnr(pyramid, Image(CAMERA)).mean == np.inf
    colour = np.stack([CAMERA] * 3, axis=-1)
    report = api.psnr(Image(colour, rgb=True), Image(colour, rgb=True))
    assert report.channels.startswith("luminance")


def test_layers_apart_or_of_other_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="do not overlap"):
        api.psnr(Image(CAMERA), Image(CAMERA, translate=(500, 0)))
    with pytest.raises(InputError, match="of one kind"):
        api.psnr(Image(CAMERA), Image(np.stack([CAMERA] * 2)))


@pytest.mark.parametrize(
    "changes", [{"scale": (np.nan, 1)}, {"translate": (0, np.nan)}]
)
def test_a_layer_whose_place_is_not_known_is_named(changes: dict[str, Any]) -> None:
    image = np.zeros((4, 5), "uint8")
    lost = Image(image, name="lost")
    for name, value in changes.items():
        setattr(lost, name, value)
    with pytest.raises(InputError, match="'lost' in the world is not known"):
        aligned(Image(image), lost)

"""Cutting patches on the device."""

import numpy as np
import pytest
import torch
from small_training import picture, prepared, tiny

from napari_vdsr.training.batches import ROUND, PixelStore, Places, StoreRounds
from napari_vdsr.training.planes import Plane

CPU = torch.device("cpu")


def store_of(*images: np.ndarray, patch: int = 4) -> PixelStore:
    planes = [Plane(image[None], (0.0, 255.0)) for image in images]
    return PixelStore(planes, patch, CPU)


def places(image: int, y: int, x: int, turn: tuple[bool, bool, bool]) -> Places:
    one = [torch.tensor([value]) for value in (image, y, x)]
    return Places(*one, torch.tensor(turn)[:, None])


def test_a_patch_is_cut_from_the_right_image() -> None:
    first, second = picture(0, (9, 7)), picture(1, (5, 11))
    cut = store_of(first, second).cut(places(1, 1, 6, (False,) * 3), 0, 4)
    np.testing.assert_array_equal(cut[0, 0] * 255, second[1:5, 6:10])


def test_beyond_the_border_the_image_is_mirrored() -> None:
    image = picture(0, (8, 8))
    cut = store_of(image).cut(places(0, 0, 4, (False,) * 3), 3, 10)
    expected = np.pad(image, 3, mode="symmetric")[0:10, 4:14]
    np.testing.assert_array_equal((cut[0, 0] * 255).round(), expected)


@pytest.mark.parametrize("turn", range(8))
def test_patches_are_turned_in_eight_ways(turn: int) -> None:
    image = picture(0, (8, 8))
    flags = (bool(turn & 1), bool(turn & 2), bool(turn & 4))
    expected = image[::-1] if flags[0] else image
    expected = expected[:, ::-1] if flags[1] else expected
    expected = expected.T if flags[2] else expected
    cut = store_of(image, patch=8).cut(places(0, 0, 0, flags), 0, 8)
    np.testing.assert_array_equal((cut[0, 0] * 255).round(), expected)


def test_every_patch_of_every_image_is_as_likely_as_any_other() -> None:
    store = store_of(picture(0, (5, 6)), picture(1, (4, 4)))  # 6 places and 1
    drawn = store.draw(7000, False, torch.Generator().manual_seed(0))
    keys = drawn.image * 100 + drawn.y * 10 + drawn.x
    values, counts = keys.unique(return_counts=True)
    assert values.tolist() == [0, 1, 2, 10, 11, 12, 100]
    assert counts.min() > 850 and counts.max() < 1150
    assert not drawn.turn.any()


def test_8_bit_and_float_images_go_together() -> None:
    floats = Plane(np.full((1, 4, 4), 0.5, np.float32), (0.0, 9.0))
    grey = Plane(np.full((1, 4, 4), 51, np.uint8), (0.0, 255.0))
    store = PixelStore([floats, grey], 4, CPU)
    cut = [store.cut(places(n, 0, 0, (False,) * 3), 0, 4).mean() for n in (0, 1)]
    assert cut == pytest.approx([0.5, 0.2])


def test_a_set_larger_than_memory_is_seen_part_after_part() -> None:
    config = tiny()
    images = [np.full((20, 20), 10 * n, np.uint8) for n in range(1, 6)]
    for image in images:
        image[0, 0] = 0
    dataset = prepared(images, memory=900).images
    rounds = StoreRounds(dataset, config.patch, CPU, memory=900, seed=0)
    seen = set()
    for step in range(0, 3 * ROUND, ROUND):
        store = rounds.at(step)
        drawn = store.draw(50, False, torch.Generator().manual_seed(step))
        values = store.cut(drawn, 0, 16).amax(dim=(1, 2, 3)) * 255
        now = set(values.round().tolist())
        assert len(now) <= 2
        seen |= now
    assert seen == {10, 20, 30, 40, 50}

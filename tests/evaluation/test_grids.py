"""Images on other grids, brought onto that of the reference."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.grids import compare_on_grid
from napari_vdsr.evaluation.psnr import psnr
from napari_vdsr.images import stack


def shift(*offset):
    matrix = np.eye(len(offset) + 1)
    matrix[:-1, -1] = offset
    return matrix


def waves(y, x):
    return 100 + 50 * np.sin(y / 7) * np.cos(x / 9)


def test_whole_shifts_cut_without_touching_a_value() -> None:
    image = np.arange(200, dtype="uint16").reshape(10, 20)
    # Pixel (0, 0) of the reference is pixel (2, 3) of the image.
    reference = np.zeros((10, 20), "uint16")
    reference[:8, :17] = image[2:, 3:]
    common, matching = compare_on_grid(reference, image, shift(2, 3))
    assert common.shape == (8, 17)
    assert matching.dtype == np.uint16
    np.testing.assert_array_equal(common, matching)
    common, matching = compare_on_grid(image, reference, shift(-2, -3))
    np.testing.assert_array_equal(common, matching)


def test_planes_and_colours_are_cut_alike() -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 6, 7, 3)).astype("uint8")
    reference = image[1:, 2:, 1:]
    common, matching = compare_on_grid(reference, image, shift(1, 2, 1), rgb=True)
    assert common.shape == (3, 4, 6, 3)
    np.testing.assert_array_equal(common, matching)


def test_another_pixel_size_is_interpolated_onto_the_grid_of_the_reference() -> None:
    y, x = np.mgrid[:30, :40]
    reference = waves(y, x)
    factor = 2
    fine_y, fine_x = (np.mgrid[:60, :80] + 0.5) / factor - 0.5
    image = waves(fine_y, fine_x)
    matrix = np.diag([factor, factor, 1.0])
    matrix[:2, 2] = (factor - 1) / 2
    common, matching = compare_on_grid(reference, image, matrix)
    assert common.shape == reference.shape
    assert psnr(common, matching, border=3).mean > 35


def test_a_turned_image_is_nan_where_it_has_not_been() -> None:
    y, x = np.mgrid[:60, :60]
    reference = waves(y, x)
    turn = np.deg2rad(20)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    back = np.linalg.inv(linear)
    at = np.stack([y, x], -1) @ back.T - back @ [5.0, 8.0]
    image = waves(at[..., 0], at[..., 1])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, [5, 8]
    common, matching = compare_on_grid(reference, image, matrix)
    report = psnr(common, matching)
    assert 0 < report.left_out < common.size / 2
    assert report.mean > 40


def test_nan_spreads_no_further_than_its_neighbours() -> None:
    image = np.ones((20, 20))
    image[10, 10] = np.nan
    _, matching = compare_on_grid(np.ones((20, 20)), image, shift(0.5, 0.5))
    assert 1 <= np.isnan(matching).sum() <= 4


def test_other_intensities_are_not_touched() -> None:
    image = np.full((12, 12), 7.25)
    _, matching = compare_on_grid(np.zeros((12, 12)), image, shift(0.3, -0.4))
    values = matching.whole()
    np.testing.assert_allclose(values[~np.isnan(values)], 7.25)


class Counted:
    """Planes that count how often each was read."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.shape, self.dtype, self.reads = array.shape, array.dtype, 0
        self._array = array

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        self.reads += 1
        return self._array[index]


def test_planes_are_interpolated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "KEPT", 0)
    image = Counted(np.random.default_rng(0).normal(size=(5, 12, 12)))
    common, matching = compare_on_grid(np.zeros(image.shape), image, shift(0, 0.4, 0))
    report = psnr(common, matching, data_range=1)
    assert math.isfinite(report.mean)
    assert image.reads == 5


def test_infinities_are_refused_before_they_are_interpolated() -> None:
    image = np.ones((3, 12, 12))
    image[2, 4, 5] = np.inf
    pair = compare_on_grid(np.zeros(image.shape), image, shift(0, 0.4, 0))
    with pytest.raises(InputError, match="the image has 1 infinite values"):
        psnr(*pair, data_range=1)


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (shift(0, 50, 0), "do not overlap"),
        (shift(9, 0, 0), "do not overlap"),
        (shift(0.5, 0, 0), "planes apart"),
        (np.diag([2.0, 1, 1, 1]), "spaced or tilted"),
        (np.eye(3), "as many axes"),
    ],
)
def test_what_cannot_lie_on_one_grid_is_refused(
    affine: NDArray[Any], words: str
) -> None:
    image = np.zeros((3, 8, 8))
    with pytest.raises(InputError, match=words):
        compare_on_grid(image, image, affine)

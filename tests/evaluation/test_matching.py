"""Files whose axes come in another order are compared by the names of the axes."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vdsr import psnr
from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.grids import matched
from napari_vdsr.images.stack import Stack

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 4000, (3, 2, 8, 9), np.uint16)  # Z, C, Y, X


def write(path: Path, array: np.ndarray, axes: str) -> Path:
    if path.suffix == ".zarr":
        zarr.create_array(str(path), data=array, dimension_names=list(axes.lower()))
    else:
        options = {"photometric": "rgb"} if axes.endswith("S") else {}
        tifffile.imwrite(path, array, metadata={"axes": axes}, **options)
    return path


def test_planes_are_paired_by_the_names_of_their_axes(tmp_path: Path) -> None:
    one = write(tmp_path / "zcyx.ome.tif", STACK, "ZCYX")
    other = write(tmp_path / "czyx.ome.tif", STACK.swapaxes(0, 1), "CZYX")
    report = psnr(one, other)
    assert (report.stack, report.identical) == ((3, 2), 6)
    assert psnr(other, one).stack == (2, 3)
    noisy = STACK.copy()
    noisy[2, 1] ^= 1
    third = write(tmp_path / "noisy.ome.tif", noisy.swapaxes(0, 1), "CZYX")
    assert [root > 0 for root in psnr(one, third).roots] == [False] * 5 + [True]


def test_axes_of_one_plane_are_no_difference(tmp_path: Path) -> None:
    one = write(tmp_path / "a.tif", STACK[0, 0], "YX")
    other = write(tmp_path / "b.zarr", STACK[:1, None, :1], "TCZYX")
    assert psnr(one, other).identical == 1
    assert psnr(other, one).stack == ()


def test_three_channels_are_colours_beside_colours(tmp_path: Path) -> None:
    colour = RNG.integers(0, 255, (8, 9, 3), np.uint8)
    one = write(tmp_path / "a.tif", colour, "YXS")
    other = write(tmp_path / "b.zarr", np.moveaxis(colour, -1, 0), "CYX")
    report = psnr(one, other)
    assert report.identical == 1
    assert report.channels == "luminance (BT.601, studio swing)"
    assert psnr(other, one, luminance=False).identical == 1
    two = write(tmp_path / "c.zarr", np.moveaxis(colour, -1, 0)[:2], "CYX")
    with pytest.raises(InputError, match="the reference has colours and the image"):
        psnr(one, two)


def test_axes_of_other_names_keep_their_order(tmp_path: Path) -> None:
    one = write(tmp_path / "a.ome.tif", STACK, "ZCYX")
    other = write(tmp_path / "b.zarr", STACK.swapaxes(0, 1), "CTYX")
    assert psnr(one, other).identical == 6


@settings(max_examples=40)
@given(st.permutations("TCZ"), st.permutations("TCZ"), st.sets(st.sampled_from("TCZ")))
def test_any_order_and_any_single_axes(one: str, other: str, single: set[str]) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4} | dict.fromkeys(single, 1)
    truth = RNG.random([*(sizes[letter] for letter in "TCZ"), 2, 3])

    def image(letters: str) -> Stack:
        order = [*("TCZ".index(letter) for letter in letters), 3, 4]
        return Stack(truth.transpose(order), False, axes="".join(letters))

    a, b = matched(image(one), image(other))
    np.testing.assert_array_equal(a.whole(), b.whole())
    dropped = Stack(image(other).whole().squeeze(), False)
    letters = "".join(letter for letter in other if sizes[letter] > 1)
    if dropped.whole().ndim == len(letters) + 2:
        dropped.axes = letters
        a, b = matched(image(one), dropped)
        np.testing.assert_array_equal(a.whole(), b.whole())

"""Pixels that other formats say in another way: turned, inverted, with alpha."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from sample_pictures import noise

from napari_vdsr import psnr
from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files import check_output, open_image, read_image, write_image
from napari_vdsr.files.picture import Metadata, as_shown

COLOUR = noise((9, 13, 3), "uint8")
RGB: dict[str, Any] = {"photometric": "rgb", "metadata": None}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_images_are_turned_as_they_say(
    orientation: int, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    image = Image.fromarray(COLOUR)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif, dpi=(100, 200))
    with Image.open(tmp_path / "a.png") as again:
        expected = np.array(ImageOps.exif_transpose(again))
    if kind == "tif":
        tag = [(274, 3, 1, orientation, True)]
        options = {"resolution": (100, 200), "resolutionunit": 2, "extratags": tag}
        tifffile.imwrite(path, COLOUR, **RGB, **options, rowsperstrip=4)
    picture = read_image(path)
    np.testing.assert_array_equal(picture.array, expected)
    assert picture.pixel_size is not None
    height, width = picture.pixel_size
    ratio = 2 if orientation >= 5 else 0.5
    assert height / width == pytest.approx(ratio, rel=1e-3)
    with open_image(path) as opened:
        part = opened.pixels[2:5, 1:8, 0:2]
        np.testing.assert_array_equal(part, expected[2:5, 1:8, 0:2])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_inverted_grey_is_no_negative_as_png(dtype: str, tmp_path: Path) -> None:
    grey = noise((9, 13), dtype)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="miniswhite", metadata=None)
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.tif"))
    expected = np.iinfo(dtype).max - grey
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").array, expected)


def test_premultiplied_colours_are_as_bright_as_png(tmp_path: Path) -> None:
    half = np.full((9, 13, 1), 128, np.uint8)
    array = np.concatenate([COLOUR // 2, half], -1)
    tifffile.imwrite(tmp_path / "a.tif", array, extrasamples=["assocalpha"], **RGB)
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.tif"))
    found = read_image(tmp_path / "b.png").array
    assert np.abs(found[..., :3].astype(int) - COLOUR).max() <= 2
    assert (found[..., 3] == 128).all()


@pytest.mark.parametrize("kind", ["white is zero", "premultiplied"])
def test_a_file_and_what_it_looks_like_are_the_same(kind: str, tmp_path: Path) -> None:
    half = np.full((9, 13, 1), 128, np.uint8)
    array = np.concatenate([COLOUR // 2, half], -1)
    options: dict[str, Any] = RGB | {"extrasamples": ["assocalpha"]}
    if kind == "white is zero":
        array, options = COLOUR[..., 0], {"photometric": "miniswhite"}
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.tif"))
    assert psnr(tmp_path / "a.tif", tmp_path / "b.png").mean == np.inf
    assert psnr(tmp_path / "a.tif", tmp_path / "a.tif").mean == np.inf


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize(("bits", "expected"), [(4, 17), (2, 85), (12, 1)])
def test_few_bits_are_as_bright_as_they_were(
    bits: int, expected: int, white_is_zero: bool, tmp_path: Path
) -> None:
    counts = np.arange(4 * 16, dtype="u1" if bits < 8 else "u2").reshape(4, 16)
    counts %= 2**bits
    photometric = "miniswhite" if white_is_zero else "minisblack"
    options: dict[str, Any] = {"bitspersample": bits, "photometric": photometric}
    try:
        tifffile.imwrite(tmp_path / "a.tif", counts, **options)
    except NotImplementedError:
        pytest.skip("this release of imagecodecs reads few bits, but writes none")
    picture = read_image(tmp_path / "a.tif")
    seen = 2**bits - 1 - counts if white_is_zero else counts
    np.testing.assert_array_equal(picture.array, seen * expected)
    assert not picture.metadata.inverted
    assert picture.array.dtype == counts.dtype
    with open_image(tmp_path / "a.tif") as opened:
        np.testing.assert_array_equal(opened.pixels[1:3, 2:9], picture.array[1:3, 2:9])


def test_signed_numbers_are_inverted_without_wrapping() -> None:
    array = np.array([[-32768, -5, 0, 32767]], np.int16)
    shown = as_shown(array, Metadata(inverted=True), None)
    np.testing.assert_array_equal(shown, [[32767, 4, -1, -32768]])


def test_a_fourth_sample_that_is_not_alpha_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    array = noise((9, 13, 4), "uint8")
    tifffile.imwrite(path, array, extrasamples=["unspecified"], **RGB)
    picture = read_image(path)
    write_image(tmp_path / "b.tif", picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert [int(kind) for kind in tif.pages[0].extrasamples] == [0]
    with pytest.raises(InputError, match="not said to be alpha"):
        check_output(tmp_path / "b.png", picture)


def test_rgb_with_two_more_samples_is_refused(tmp_path: Path) -> None:
    kinds = ["unspecified", "unspecified"]
    array = noise((9, 13, 5), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", array, extrasamples=kinds, **RGB)
    with pytest.raises(FileError, match="RGB colours and 2 more samples"):
        read_image(tmp_path / "a.tif")


def test_a_palette_of_bytes_has_8_bits(tmp_path: Path) -> None:
    index = noise((9, 13), "uint8")
    colours = np.random.default_rng(1).integers(0, 256, (3, 256), np.uint16)
    options = {"photometric": "palette", "colormap": colours, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", index, **options)
    picture = read_image(tmp_path / "a.tif")
    assert picture.array.dtype == np.uint8
    np.testing.assert_array_equal(picture.array, colours.T[index])


def test_a_thumbnail_that_comes_first_is_passed_over(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(COLOUR[::4, ::4, 0], subfiletype=1, metadata=None)
        tif.write(COLOUR[..., 0], metadata=None)
    with pytest.warns(VdsrWarning, match="holds 2 images"):
        picture = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.array, COLOUR[..., 0])

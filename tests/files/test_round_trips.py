"""What is written and read again is what it was: numbers, axes, pixel size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image
from sample_pictures import doubled, noise

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.files import Metadata, Picture, open_image, read_image, write_image
from napari_vdsr.files.picture import convert_length

TIFF_DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "float16 float32 float64 complex64 complex128"
).split()


def round_trip(picture: Picture, path: Path) -> Picture:
    write_image(path, picture)
    again = read_image(path)
    assert again.array.dtype == picture.array.dtype
    np.testing.assert_array_equal(again.array, picture.array)
    return again


@pytest.mark.parametrize("dtype", TIFF_DTYPES)
@pytest.mark.parametrize("compressed", [False, True], ids=["raw", "compressed"])
def test_tiff_keeps_every_dtype(dtype: str, compressed: bool, tmp_path: Path) -> None:
    picture = Picture(
        noise((3, 9, 7), dtype), "QYX", metadata=Metadata(compressed=compressed)
    )
    again = round_trip(picture, tmp_path / "a.tif")
    assert again.metadata.compressed == compressed
    assert again.array.shape == (3, 9, 7)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_png_keeps_bit_depth_and_samples(
    dtype: str, samples: int, tmp_path: Path
) -> None:
    array = noise((6, 5, samples), dtype)
    axes = "YXS"
    if samples == 1:
        array, axes = array[..., 0], "YX"
    again = round_trip(Picture(array, axes, rgb=samples > 2), tmp_path / "a.png")
    assert (again.axes, again.rgb) == (axes, samples > 2)


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_keeps_samples_however_they_are_stored(
    samples: int, planar: str, tmp_path: Path
) -> None:
    rgb = samples in (3, 4)
    contig = noise((6, 5, samples), "uint8")
    stored = contig if planar == "contig" else np.moveaxis(contig, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb" if rgb else "minisblack",
        planarconfig=planar,
        extrasamples=["unassalpha"] if samples == 4 else None,
        metadata=None,
    )
    picture = read_image(tmp_path / "a.tif")
    assert picture.rgb == rgb
    in_last = rgb or planar == "contig"
    assert picture.axes == ("YXS" if in_last else "SYX")
    np.testing.assert_array_equal(picture.array, contig if in_last else stored)
    again = round_trip(picture, tmp_path / "b.tif")
    assert (again.axes, again.rgb) == (picture.axes, rgb)


def test_premultiplied_alpha_stays_so(tmp_path: Path) -> None:
    for kind, expected in (("assocalpha", True), ("unassalpha", False)):
        path = tmp_path / f"{kind}.tif"
        array = noise((4, 4, 4), "uint8")
        tifffile.imwrite(path, array, photometric="rgb", extrasamples=[kind])
        copy = round_trip(read_image(path), tmp_path / f"{kind}2.tif")
        assert copy.metadata.premultiplied == expected


def test_inverted_grey_stays_inverted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 4)), photometric="miniswhite")
    picture = read_image(tmp_path / "a.tif")
    assert picture.metadata.inverted
    assert round_trip(picture, tmp_path / "b.tif").metadata.inverted


def test_big_endian_files_give_native_numbers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 5)), byteorder=">")
    picture = read_image(tmp_path / "a.tif")
    assert picture.array.dtype.isnative
    np.testing.assert_array_equal(picture.array, noise((4, 5)))


@pytest.mark.parametrize("step", [256, 257])
def test_palette_tiff_becomes_colours(step: int, tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (3, 256), dtype=np.uint8)
    index = noise((5, 6), "uint8")
    tifffile.imwrite(
        tmp_path / "a.tif",
        index,
        photometric="palette",
        colormap=colours.astype(np.uint16) * step,
    )
    picture = read_image(tmp_path / "a.tif")
    assert (picture.axes, picture.rgb) == ("YXS", True)
    np.testing.assert_array_equal(picture.array, colours.T[index])


def test_palette_png_becomes_colours_and_keeps_transparency(tmp_path: Path) -> None:
    palette = Image.fromarray(skimage.data.astronaut()[:20, :30]).quantize(16)
    palette.save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.array, np.asarray(palette.convert("RGB")))
    palette.save(tmp_path / "b.png", transparency=3)
    assert read_image(tmp_path / "b.png").array.shape == (20, 30, 4)


def test_one_bit_png_becomes_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(noise((5, 6), "bool")).save(tmp_path / "a.png")
    expected = noise((5, 6), "bool") * np.uint8(255)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").array, expected)


def test_bmp_is_read_and_written(tmp_path: Path) -> None:
    astronaut = Picture(skimage.data.astronaut()[:31, :27], "YXS", rgb=True)
    assert round_trip(astronaut, tmp_path / "a.bmp").rgb
    assert round_trip(Picture(noise((3, 4), "uint8"), "YX"), tmp_path / "b.bmp")


def test_jpeg_is_close_and_keeps_resolution(tmp_path: Path) -> None:
    photo = skimage.data.astronaut()[:64, :48]
    picture = Picture(photo, "YXS", True, (1 / 144, 1 / 72), "in")
    write_image(tmp_path / "a.jpg", picture)
    again = read_image(tmp_path / "a.jpg")
    assert np.abs(again.array.astype(int) - photo).mean() < 3
    assert again.unit == "in"
    assert again.pixel_size == pytest.approx((1 / 144, 1 / 72))


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize(
    ("size", "unit", "kinds"),
    [
        ((0.1, 0.05), "µm", "png bmp tif"),
        ((0.2, 0.1), "nm", "tif"),
        ((1 / 300, 1 / 150), "in", "png jpg bmp tif"),
        ((0.7, 0.35), "m", "tif"),
        ((1e-6, 1e-6), "pm", ""),
        ((1e9, 1e9), "m", ""),
    ],
)
def test_a_size_that_a_format_cannot_say_is_left_out_with_a_word(
    size: tuple[float, float], unit: str, kinds: str, kind: str, tmp_path: Path
) -> None:
    picture = Picture(noise((5, 6), "uint8"), "YX", pixel_size=size, unit=unit)
    path = tmp_path / f"a.{kind}"
    if kind in kinds or kind == "tif":
        write_image(path, picture)
    else:
        with pytest.warns(VdsrWarning, match="cannot hold a pixel size of"):
            write_image(path, picture)
    again = read_image(path)
    if kind not in kinds:
        assert again.pixel_size is None
        return
    assert again.pixel_size is not None
    for expected, found in zip(size, again.pixel_size, strict=True):
        assert again.unit is not None
        found_there = convert_length(found, again.unit, unit)
        assert found_there == pytest.approx(expected, rel=0.005)


def test_no_size_is_said_of_an_image_without_one(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.bmp", "a.tif"):
        write_image(tmp_path / name, Picture(noise((3, 4), "uint8"), "YX"))
        assert read_image(tmp_path / name).pixel_size is None


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({282: 10.0, 283: 20.0, 296: 3}, (1 / 50.8, 1 / 25.4)), ({274: 1}, None)],
)
def test_a_jpeg_whose_exif_alone_says_its_resolution(
    tags: dict[int, Any], expected: Any, tmp_path: Path
) -> None:
    image = Image.fromarray(noise((5, 6), "uint8"))
    exif = image.getexif()
    for tag, value in tags.items():
        exif[tag] = value
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").pixel_size == (
        expected and pytest.approx(expected)
    )


def test_jpeg_stands_upright_as_its_exif_says(tmp_path: Path) -> None:
    image = Image.fromarray(skimage.data.camera()[:16, :32])
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = read_image(tmp_path / "a.jpg")
    assert picture.array.shape == (32, 16)


def test_png_keeps_resolution_and_colour_profile(tmp_path: Path) -> None:
    metadata = Metadata(icc_profile=b"not a real profile")
    array = noise((4, 5, 3), "uint16")
    picture = Picture(array, "YXS", True, (2e-7, 1e-7), "m", metadata)
    again = round_trip(picture, tmp_path / "a.png")
    assert again.pixel_size == pytest.approx((2e-7, 1e-7))
    assert again.metadata.icc_profile == b"not a real profile"
    with Image.open(tmp_path / "a.png") as image:  # others read it as well
        assert image.info["icc_profile"] == b"not a real profile"


@pytest.mark.parametrize("unit", ["in", "cm", "µm", None])
def test_plain_tiff_keeps_pixel_size(unit: str | None, tmp_path: Path) -> None:
    picture = Picture(noise((8, 6)), "YX", False, (0.3, 0.2), unit)
    again = round_trip(doubled(picture), tmp_path / "a.tif")
    size = {"µm": (0.15e-4, 0.1e-4)}.get(unit or "", (0.15, 0.1))
    assert again.unit == ("cm" if unit == "µm" else unit)
    assert again.pixel_size == pytest.approx(size, rel=1e-9)


def test_plain_tiff_keeps_description_and_says_nothing_new(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise((2, 4, 5)),
        description="Zeiß 63x".encode(),
        metadata=None,
    )
    again = round_trip(read_image(tmp_path / "a.tif"), tmp_path / "b.tif")
    assert again.metadata.description == "Zeiß 63x"
    assert read_image(tmp_path / "b.tif").metadata.shaped is None


def test_axes_noted_by_tifffile_are_kept_with_all_it_noted(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise((3, 2, 8, 6)),
        metadata={"axes": "TZYX", "unit": "um", "spacing": 0.5},
        resolution=(10, 5),
    )
    picture = read_image(tmp_path / "a.tif")
    assert (picture.axes, picture.pixel_size, picture.unit) == (
        "TZYX",
        (0.2, 0.1),
        "µm",
    )
    again = round_trip(doubled(picture), tmp_path / "b.tif")
    assert (again.axes, again.pixel_size, again.unit) == ("TZYX", (0.1, 0.05), "µm")
    assert again.metadata.shaped == {"unit": "um", "spacing": 0.5}


def test_pixel_size_is_divided_by_the_factor_really_used() -> None:
    picture = Picture(noise((5, 7)), "YX", False, (1.0, 1.0), "µm")
    assert picture.enlarged(noise((8, 14))).pixel_size == (5 / 8, 0.5)


def test_a_tiff_of_several_shapes_gives_the_first_and_says_so(tmp_path: Path) -> None:
    from napari_vdsr.errors import VdsrWarning

    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(noise((4, 5)))
        tif.write(noise((2, 3)))
    with pytest.warns(VdsrWarning, match="holds 2 images"):
        assert read_image(tmp_path / "a.tif").array.shape == (4, 5)
    with pytest.warns(VdsrWarning, match="holds 2 images") as caught:
        with open_image(tmp_path / "a.tif") as image:
            assert image.read().array.shape == (4, 5)
    assert len(caught) == 1


def test_upscale_gets_a_letter_of_its_own_for_every_axis() -> None:
    stack = Picture(noise((2, 3, 4, 5)), "QQYX")
    assert len(set(stack.unique_axes)) == 4
    assert stack.unique_axes.endswith("YX")
    grey_and_alpha = Picture(noise((4, 5, 2)), "YXS")
    assert "S" not in grey_and_alpha.unique_axes
    assert replace(grey_and_alpha, rgb=True).unique_axes == "YXS"

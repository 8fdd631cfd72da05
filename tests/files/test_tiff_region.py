"""TIFF files read by parts: any part equals that part of the whole."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files import open_image, read_image, tiff_pixels
from napari_vdsr.files.opening import OpenImage

STACK = np.random.default_rng(0).integers(0, 60000, (3, 2, 70, 90), np.uint16)
COLOUR = np.random.default_rng(1).integers(0, 255, (2, 70, 90, 3), np.uint8)
PLANAR = np.ascontiguousarray(np.moveaxis(COLOUR, -1, 1))
GREY = {"photometric": "minisblack"}

KINDS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "plain": (STACK, {"metadata": None, **GREY}),
    "truncated": (STACK, {**GREY}),
    "big": (STACK, {"bigtiff": True, **GREY}),
    "other byte order": (STACK, {"byteorder": ">", "compression": "zlib", **GREY}),
    "other byte order, plain": (STACK, {"byteorder": ">", "metadata": None, **GREY}),
    "ome": (STACK, {"ome": True, "metadata": {"axes": "TCYX"}, **GREY}),
    "imagej": (STACK, {"imagej": True, "metadata": {"axes": "ZCYX"}}),
    "strips": (STACK, {"rowsperstrip": 8, "metadata": None, **GREY}),
    "zlib strips": (STACK, {"rowsperstrip": 16, "compression": "zlib", **GREY}),
    "one zlib strip": (STACK, {"rowsperstrip": 70, "compression": "zlib", **GREY}),
    "tiles": (STACK, {"tile": (32, 16), "metadata": None, **GREY}),
    "zlib tiles": (STACK, {"tile": (16, 32), "compression": "zlib", **GREY}),
    "predictor": (
        STACK,
        {"tile": (16, 32), "compression": "zlib", "predictor": True, **GREY},
    ),
    "floats": (STACK.astype(np.float32), {"compression": "zlib", "tile": (32, 32)}),
    "colours": (COLOUR, {"photometric": "rgb"}),
    "zlib colours": (COLOUR, {"photometric": "rgb", "compression": "zlib"}),
    "colour tiles": (
        COLOUR,
        {"photometric": "rgb", "compression": "zlib", "tile": (32, 32)},
    ),
    "colour planes": (PLANAR, {"photometric": "rgb", "planarconfig": "separate"}),
    "zlib colour planes": (
        PLANAR,
        {
            "photometric": "rgb",
            "planarconfig": "separate",
            "compression": "zlib",
            "tile": (32, 32),
        },
    ),
    "jpeg": (
        COLOUR,
        {"photometric": "rgb", "compression": "jpeg", "tile": (32, 32)},
    ),
    "palette": (
        COLOUR[0, ..., 0],
        {
            "photometric": "palette",
            "colormap": np.arange(768, dtype=np.uint16).reshape(3, 256) * 85,
            "compression": "zlib",
        },
    ),
    "depth": (
        STACK[:, 0],
        {"volumetric": True, "tile": (3, 16, 16), "compression": "zlib", **GREY},
    ),
}


def write(path: Path, array: np.ndarray, options: dict[str, Any]) -> Path:
    if "compression" in options:
        pytest.importorskip("imagecodecs")
    tifffile.imwrite(path, array, **options)
    return path


def some_part(image: OpenImage, data: st.DataObject) -> tuple[int | slice, ...]:
    key: list[int | slice] = []
    for size in image.pixels.shape:
        start = data.draw(st.integers(0, size - 1))
        stop = data.draw(st.integers(start + 1, size))
        key.append(data.draw(st.sampled_from([start, slice(start, stop)])))
    return tuple(key)


@pytest.mark.parametrize("kind", KINDS)
def test_any_part_equals_that_part_of_the_whole(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("tiff") / "a.tif", *KINDS[kind])
    whole = read_image(path)

    with open_image(path) as image:
        assert image.picture.array.shape == image.pixels.shape == whole.array.shape
        assert image.picture.array.dtype == image.pixels.dtype == whole.array.dtype
        assert image.picture.axes == whole.axes
        assert image.picture.rgb == whole.rgb

        @given(st.data())
        @settings(max_examples=8)
        def check(data: st.DataObject) -> None:
            key = some_part(image, data)
            part = image.pixels[key]
            assert part.dtype == whole.array.dtype
            np.testing.assert_array_equal(part, whole.array[key])

        check()


def test_only_the_tiles_needed_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_vdsr.files import tiff_pixels

    options = {"tile": (16, 16), "compression": "zlib", **GREY}
    path = write(tmp_path / "a.tif", STACK, options)
    decoded = []
    real = tiff_pixels._decode

    def counted(page: Any, index: int) -> Any:
        decoded.append(index)
        return real(page, index)

    monkeypatch.setattr(tiff_pixels, "_decode", counted)
    with open_image(path) as image:
        key = (1, 0, slice(20, 40), slice(17, 31))
        image.pixels[key]
        assert decoded == [7, 13]  # rows of six tiles
        image.pixels[key]
        assert len(decoded) == 2, "neighbouring parts decode a tile once"


def test_tiles_larger_than_their_image_are_kept_up_to_the_limit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory_below: Callable[[float], AbstractContextManager[None]],
) -> None:
    planes = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((8, 8), np.uint8)
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, planes, tile=(512, 512), compression="zlib", **GREY)
    monkeypatch.setattr(tiff_pixels, "_KEPT", 1_000_000)  # of 10 million bytes
    with open_image(path) as image, memory_below(4e6):
        for number, plane in enumerate(planes):
            read = image.pixels[number, slice(0, 8), slice(0, 8)]
            assert np.array_equal(read, plane)


def test_damage_is_found_where_it_is_read(tmp_path: Path) -> None:
    options = {"tile": (32, 32), "compression": "zlib", **GREY}
    path = write(tmp_path / "a.tif", STACK, options)
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[2].dataoffsets[4]
    content = bytearray(path.read_bytes())
    content[place + 20 : place + 40] = bytes(20)
    path.write_bytes(content)
    with open_image(path) as image:
        image.pixels[0, 0, 0:70, 0:90]
        with pytest.raises(FileError, match=r"a\.tif: damaged or cut short"):
            image.pixels[1, 0, 0:70, 0:90]


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", STACK, {"metadata": None, **GREY})
    content = path.read_bytes()
    path.write_bytes(content[:-3000])
    with pytest.raises(FileError, match=r"a\.tif"), open_image(path) as image:
        image.pixels[2, 1, 0:70, 0:90]


def test_images_that_are_left_out_are_told_of_once(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as tif:
        tif.write(np.zeros((20, 30), np.uint8))
        tif.write(np.zeros((8, 9, 3), np.uint16), photometric="rgb")
    with pytest.warns(VdsrWarning, match="holds 2 images") as told:
        with open_image(tmp_path / "two.tif") as image:
            assert image.read().array.shape == (20, 30)
    assert len(told) == 1

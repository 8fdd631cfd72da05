"""Images from files, folders, packs, layers and arrays."""

import io
import os
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image as Pillow

from napari_vdsr.errors import FileError, InputError, VdsrError, VdsrWarning
from napari_vdsr.files import Picture, write_image
from napari_vdsr.images.find import named
from napari_vdsr.images.open_any import opened

GREY = np.random.default_rng(0).integers(0, 255, (20, 24), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 255, (20, 24, 3), np.uint8)


class LayerLike:
    """What is used of a napari layer."""

    name = "cells"
    scale = (1.0, 1.0)
    rgb = False
    multiscale = False

    def __init__(self, data: Any) -> None:
        self.data = data


def whole(image: Any, **options: Any) -> NDArray[Any]:
    with opened(image, **options) as stack:
        return stack.whole()


def names(images: Any) -> list[str]:
    return [image.name for image in named(images).images]


def test_a_folder_gives_its_images_by_name(tmp_path: Path) -> None:
    (tmp_path / "day 1").mkdir()
    write_image(tmp_path / "day 1" / "grey.tif", Picture(GREY, "YX"))
    write_image(tmp_path / "colour.png", Picture(COLOUR, "YXS", rgb=True))
    assert names(tmp_path) == ["colour.png", "day 1/grey.tif"]
    assert names([GREY, tmp_path]) == ["image 1", "colour.png", "day 1/grey.tif"]


def test_axes_of_a_file_are_brought_into_order(tmp_path: Path) -> None:
    stack = np.stack([GREY, GREY // 2, GREY // 3])
    write_image(tmp_path / "stack.tif", Picture(stack, "ZYX"))
    with opened(tmp_path / "stack.tif") as image:
        assert not image.rgb
        assert image.axes == "Z"
        np.testing.assert_array_equal(image.whole(), stack)


def test_alpha_is_left_behind(tmp_path: Path) -> None:
    image = np.concatenate([COLOUR, COLOUR[..., :1]], axis=-1)
    write_image(tmp_path / "a.png", Picture(image, "YXS", rgb=True))
    np.testing.assert_array_equal(whole(tmp_path / "a.png"), COLOUR)


def test_layers_are_taken_with_name_colours_and_finest_level() -> None:
    layer = LayerLike(GREY)
    assert names(layer) == ["cells"]
    np.testing.assert_array_equal(whole(layer), GREY)
    layer.data, layer.multiscale = [GREY, GREY[::2, ::2]], True
    np.testing.assert_array_equal(whole(layer), GREY)
    colour = LayerLike(COLOUR)
    colour.rgb = True
    with opened(colour) as stack:
        assert stack.rgb


def test_arrays_are_numbered_and_mappings_keep_their_names() -> None:
    assert names([GREY, GREY]) == ["image 1", "image 2"]
    assert names({"a": GREY}) == ["a"]
    assert names(GREY) == ["image 1"]


def test_packs_hold_encoded_images(tmp_path: Path) -> None:
    entries = {}
    for name, image in {"one.png": GREY, "two.png": COLOUR}.items():
        buffer = io.BytesIO()
        Pillow.fromarray(image).save(buffer, "png")
        entries[name] = np.frombuffer(buffer.getvalue(), np.uint8)
    entries["bad.png"] = np.frombuffer(b"no image", np.uint8)
    np.savez(tmp_path / "pack.npz", **entries)
    one, two, bad = named(tmp_path / "pack.npz").images
    assert (one.name, two.name) == ("one.png", "two.png")
    np.testing.assert_array_equal(whole(one.image), GREY)
    np.testing.assert_array_equal(whole(two.image), COLOUR)
    reason = r"bad\.png in .*pack\.npz cannot be read: it is no image of a known format"
    with pytest.raises(FileError, match=reason):
        whole(bad.image)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given as NoneType"):
        named(None)
    assert not named([]).images
    with pytest.raises(InputError, match="mask is of dtype bool"):
        whole(np.zeros((3, 3), bool), name="mask")
    with pytest.raises(FileError, match="does not exist"):
        named(tmp_path / "nowhere")
    with pytest.raises(FileError, match="holds no image"):
        named(tmp_path)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=np.zeros((3, 3), np.uint8))
    with pytest.raises(InputError, match="a group of zarr arrays: take one of them"):
        named(group)


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(InputError, match="images is an empty name"):
        named("")
    with pytest.raises(InputError, match="the image is an empty name"):
        whole("")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads all")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", Picture(GREY, "YX"))
    (tmp_path / "closed").mkdir(mode=0)
    found = named(tmp_path)
    assert found.left_out == [("closed", "Permission denied")]
    assert [image.name for image in found.images] == ["a.tif"]


@pytest.mark.parametrize("declared", [True, False])
def test_masks_of_lazy_chunks_are_refused(declared: bool) -> None:
    masked = np.ma.masked_less(GREY, 9)
    lazy = da.from_array(GREY, chunks=8).map_blocks(
        lambda block: np.ma.masked_less(block, 9),
        meta=masked[:0] if declared else GREY[:0],
    )
    with pytest.raises(InputError, match="masks are not known here"):
        whole(lazy)
    with pytest.raises(InputError, match="masks are not known here"):
        whole(LayerLike(lazy))


def test_a_window_reads_no_more_than_itself() -> None:
    class Sliced:
        shape, dtype = (2, 20, 24), np.dtype("uint8")

        def __getitem__(self, key: Any) -> NDArray[Any]:
            keys.append(key)
            return np.broadcast_to(GREY, self.shape)[key]

    keys: list[Any] = []
    pixels: Any = Sliced()
    with opened(pixels, kept=0) as image:
        part = image.window((1,), slice(2, 7), slice(3, 9))
        inner = image.cropped(slice(2, 20), slice(3, 24))
        inner = inner.window((1,), slice(0, 5), slice(0, 6))
    np.testing.assert_array_equal(part, GREY[2:7, 3:9])
    np.testing.assert_array_equal(inner, part)
    assert keys == [(1, slice(2, 7), slice(3, 9))] * 2


def test_files_that_cannot_be_sliced_are_read_whole(tmp_path: Path) -> None:
    stack = np.stack([GREY] * 3)[..., None]  # each page has one sample too many
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib")
    np.testing.assert_array_equal(
        whole(tmp_path / "a.tif", kept=0), np.stack([GREY] * 3)[:, None]
    )


def test_remarks_of_files_are_warnings_unless_the_caller_shows_them(
    tmp_path: Path,
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY)
        file.write(COLOUR)
    with pytest.warns(VdsrWarning, match=r"a\.tif holds 2 images"):
        whole(tmp_path / "a.tif")
    with opened(tmp_path / "a.tif", warn=False) as image:
        assert "a.tif holds 2 images" in image.remarks[0]


def test_planes_that_are_lost_are_named() -> None:
    class Lost:
        shape, dtype = (2, 4, 5), np.dtype("float64")

        def __getitem__(self, key: Any) -> NDArray[Any]:
            raise OSError("no such host")

    pixels: Any = Lost()
    with pytest.raises(VdsrError, match=r"plane \(0,\) of cells.*no such host"):
        whole(pixels, name="cells")

"""napari's own Save keeps scale, units and axes of image layers, lazy ones included."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Image
from npe2 import PluginManager, write

from napari_vdsr.errors import FileError
from napari_vdsr.files import open_image, read_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.layers import upscale_layer

STACK = np.random.default_rng(0).integers(0, 4000, (3, 40, 50), np.uint16)
WHERE = {
    "scale": (2.0, 0.5, 0.25),
    "translate": (1.0, 30.0, 40.0),
    "units": ("µm", "µm", "µm"),
    "axis_labels": ("z", "y", "x"),
}


@pytest.fixture
def layers(plugin: PluginManager) -> Iterator[Any]:
    """Give the layers of a viewer, with their `save`, and the plugin registered."""
    yield ViewerModel().layers


def test_an_ome_zarr_says_where_the_layer_lies(layers: Any, tmp_path: Path) -> None:
    layers.append(Image(STACK, name="cells", contrast_limits=(100, 3000), **WHERE))
    target = tmp_path / "out.zarr"
    assert layers.save(str(target)) == [str(target)]
    with open_image(target) as image:
        picture = image.read()
    np.testing.assert_array_equal(picture.array, STACK)
    said = picture.metadata.multiscale
    assert said is not None
    assert (picture.axes, picture.pixel_size, picture.unit) == (
        "ZYX",
        (0.5, 0.25),
        "µm",
    )
    assert said.scale == pytest.approx(WHERE["scale"])
    assert said.translation == pytest.approx(WHERE["translate"])
    assert said.omero is not None
    window = said.omero["channels"][0]["window"]
    assert (window["start"], window["end"]) == (100, 3000)
    assert [path.name for path in tmp_path.glob("*out*")] == ["out.zarr"]


def test_napari_reads_it_back_in_its_place(layers: Any, tmp_path: Path) -> None:
    napari_get_reader = pytest.importorskip("napari_ome_zarr").napari_get_reader
    layers.append(Image(STACK, name="cells", **WHERE))
    layers.save(str(tmp_path / "out.zarr"))
    (data, attributes, _), *_ = napari_get_reader(str(tmp_path / "out.zarr"))(None)
    np.testing.assert_array_equal(np.asarray(data[0]), STACK)
    np.testing.assert_allclose(attributes["scale"], WHERE["scale"])


def test_an_ome_tiff_keeps_axes_and_sizes(layers: Any, tmp_path: Path) -> None:
    layers.append(Image(STACK, name="cells", **{**WHERE, "translate": (0, 0, 0)}))
    target = tmp_path / "out.ome.tif"
    assert layers.save(str(target)) == [str(target)]
    with tifffile.TiffFile(target) as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        np.testing.assert_array_equal(tif.asarray(), STACK)
        assert 'PhysicalSizeZ="2.0"' in (tif.ome_metadata or "")
    picture = read_image(target)
    assert (picture.pixel_size, picture.unit) == ((0.5, 0.25), "µm")


@pytest.fixture
def lazy(own_folders: None) -> Callable[[], Image]:
    """Give what enlarges a lazy layer: a multiscale result that nobody has computed."""

    def make() -> Image:
        source = Image(
            da.from_array(STACK, chunks=(1, 32, 32)),
            name="cells",
            contrast_limits=(0, 4000),
            **{**WHERE, "translate": (0, 0, 0)},
        )
        result = upscale_layer(source, 2, model="tiny", device="cpu")
        assert isinstance(result, Image)
        assert result.multiscale
        return result

    return make


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif"])
def test_a_lazy_multiscale_result_is_computed_and_saved(
    name: str, lazy: Callable[[], Image], layers: Any, tmp_path: Path
) -> None:
    result = lazy()
    layers.append(result)
    layers.save(str(tmp_path / name), plugin="napari-vdsr")
    picture = read_image(tmp_path / name)
    np.testing.assert_array_equal(picture.array, np.asarray(result.data[0]))
    assert picture.array.shape == (3, 80, 100)
    assert picture.pixel_size == pytest.approx((0.25, 0.125))


def test_a_large_layer_gets_a_pyramid(layers: Any, tmp_path: Path) -> None:
    plane = np.random.default_rng(0).random((1100, 700)).astype(np.float32)
    layers.append(Image(da.from_array(plane, chunks=300), name="big"))
    layers.save(str(tmp_path / "out.zarr"))
    group = zarr.open_group(str(tmp_path / "out.zarr"), mode="r")
    shapes = [group[str(level)].shape for level in range(3)]  # type: ignore[union-attr]
    assert shapes == [(1100, 700), (550, 350), (275, 175)]
    top: Any = group["1"]
    mean = plane.reshape(550, 2, 350, 2).mean((1, 3))
    np.testing.assert_allclose(top[:], mean, rtol=1e-5)


def test_several_layers_get_a_file_each(layers: Any, tmp_path: Path) -> None:
    for name in ("a", "b/c\n", "a"):
        layers.append(Image(STACK, name=name))
    written = layers.save(str(tmp_path / "out.zarr"), plugin="napari-vdsr")
    names = [Path(path).name for path in written]
    assert names == ["out-a.zarr", "out-b_c.zarr", "out-a [1].zarr"]
    for path in written:
        np.testing.assert_array_equal(read_image(path).array, STACK)


def test_colours_stay_colours(layers: Any, tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    layers.append(Image(colours, rgb=True, name="photo"))
    for name in ("out.zarr", "out.ome.tif"):
        layers.save(str(tmp_path / name), plugin="napari-vdsr")
        picture = read_image(tmp_path / name)
        assert (picture.axes, picture.rgb) == ("YXS", True)
        np.testing.assert_array_equal(picture.array, colours)


def test_a_name_without_an_ending_gets_one(tmp_path: Path) -> None:
    from napari_vdsr.plugin.contributions import write_ome_tiff, write_ome_zarr

    data = Image(STACK, name="cells").as_layer_data_tuple()
    for function, name in ((write_ome_zarr, "a.zarr"), (write_ome_tiff, "a.ome.tif")):
        assert function(str(tmp_path / "a"), [data]) == [str(tmp_path / name)]


def test_npe2_writes_it_without_napari(plugin: PluginManager, tmp_path: Path) -> None:
    layer = Image(STACK, name="cells", **WHERE)
    target = str(tmp_path / "out.zarr")
    assert write(target, [layer], plugin_name="napari-vdsr") == [target]


def plane(_: Any, block_info: Any = None) -> Any:
    """Give a plane of a stack, of which the second cannot be read."""
    if block_info and block_info[None]["chunk-location"][0] == 1:
        raise OSError("the disk is gone")
    return np.zeros((1, 40, 50), np.uint16)


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif"])
def test_what_fails_leaves_nothing(name: str, layers: Any, tmp_path: Path) -> None:
    lazy = da.from_array(STACK, chunks=(1, 40, 50)).map_blocks(plane, dtype="u2")
    layers.append(Image(lazy, name="broken", contrast_limits=(0, 9)))
    with pytest.raises(OSError, match="the disk is gone"):
        layers.save(str(tmp_path / name), plugin="napari-vdsr")
    assert list(tmp_path.glob("*out*")) == []


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        ({"rotate": 30}, "out.zarr", "is rotated, sheared or moved"),
        (
            {"data": STACK.astype("uint64")},
            "out.ome.tif",
            "cannot hold uint64",
        ),
        ({"data": STACK > 9}, "out.zarr", "bool"),
    ],
)
def test_what_a_file_cannot_say_is_an_error_with_words(
    options: dict[str, Any], name: str, message: str, layers: Any, tmp_path: Path
) -> None:
    layers.append(Image(**{"data": STACK, "name": "cells", **options}))
    with pytest.raises(FileError, match=message):
        layers.save(str(tmp_path / name), plugin="napari-vdsr")
    assert list(tmp_path.glob("*out*")) == []


def test_what_the_layer_is_read_from_is_kept(layers: Any, tmp_path: Path) -> None:
    source = zarr.create_array(str(tmp_path / "in.zarr"), data=STACK[0])
    layers.append(Image(source, name="cells", contrast_limits=(0, 9)))
    layers.append(Image(da.from_zarr(source), name="lazy", contrast_limits=(0, 9)))
    for layer in tuple(layers):
        layers.selection = {layer}
        with pytest.raises(FileError, match="is the source itself"):
            layers.save(str(tmp_path / "in.zarr"), selected=True, plugin="napari-vdsr")
    np.testing.assert_array_equal(source[:], STACK[0])


def test_unfinished_work_of_another_run_is_kept(layers: Any, tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    part_of(target).mkdir()
    layers.append(Image(STACK, name="cells"))
    with pytest.raises(FileError, match="an unfinished result"):
        layers.save(str(target), plugin="napari-vdsr")
    assert part_of(target).is_dir()


def test_a_result_is_replaced_as_napari_does(layers: Any, tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    for stack in (STACK, STACK[::-1].copy()):
        layers.clear()
        layers.append(Image(stack, name="cells"))
        layers.save(str(target), plugin="napari-vdsr")
        np.testing.assert_array_equal(read_image(target).array, stack)

"""What is written is OME-Zarr that others read, in the right place."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from streaming_helpers import noise, plain_zarr, stream, tiny_model

from napari_vdsr.errors import InputError
from napari_vdsr.files import open_image
from napari_vdsr.lazy.cluster import UpscaleSettings
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

OMERO = {
    "channels": [
        {
            "label": "DNA",
            "color": "0000FF",
            "active": True,
            "window": {"min": 0, "max": 4095, "start": 10, "end": 900},
        },
        {
            "label": "actin",
            "color": "FF0000",
            "active": False,
            "window": {"min": 0, "max": 4095, "start": 0, "end": 800},
        },
    ],
}


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


@pytest.fixture(scope="module")
def source(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an image as our own writer makes it, with all that metadata can say."""
    path = tmp_path_factory.mktemp("source") / "in.zarr"
    axes = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        {"name": "z", "type": "space", "unit": "micrometer"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    steps = [
        {"type": "scale", "scale": [1.5, 1, 2, 0.5, 0.25]},
        {"type": "translation", "translation": [0, 0, 7, 30, 40]},
    ]
    entry = {
        "name": "cells",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
    }
    ome = {"version": "0.5", "multiscales": [entry], "omero": OMERO}
    group = zarr.create_group(str(path), attributes={"ome": ome})
    group.create_array("0", data=noise((2, 2, 3, 300, 20)))
    return path


@pytest.fixture(scope="module", params=["0.4", "0.5"])
def result(
    request: pytest.FixtureRequest,
    source: Path,
    model: Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    target = tmp_path_factory.mktemp("result") / "out.zarr"
    stream(source, target, model, axes="TCZYX", factor=(2, 3), version=request.param)
    return target


def test_it_validates_as_the_version_asked_for(result: Path) -> None:
    pytest.importorskip("ome_zarr_models")
    from ome_zarr_models import v04, v05
    from ome_zarr_models.common.omero import Omero
    from pydantic_zarr.v2 import ArraySpec

    # Left undone in ome-zarr-models 1.6 with new versions of pydantic.
    v04.Image.model_rebuild(_types_namespace={"ArraySpec": ArraySpec})
    group = zarr.open_group(str(result), mode="r")
    version = "0.5" if group.metadata.zarr_format == 3 else "0.4"
    kind, other = (v05, v04) if version == "0.5" else (v04, v05)
    image = kind.Image.from_zarr(group)
    assert image.ome_zarr_version == version
    assert len(image.ome_attributes.multiscales[0].datasets) == 2
    ome = group.attrs.get("ome", group.attrs)
    assert len(Omero.model_validate(ome["omero"]).channels) == 2
    with pytest.raises(Exception, match=r"zarr|ome"):
        other.Image.from_zarr(group)


def test_every_reader_of_zarr_2_knows_the_codec_of_the_old_version(
    source: Path, model: Model, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    stream(source, target, model, axes="TCZYX", version="0.4")
    described = json.loads((target / "0" / ".zarray").read_text())
    assert described["compressor"] == {
        "id": "blosc",
        "cname": "zstd",
        "clevel": 3,
        "shuffle": 1,
        "blocksize": 0,
    }
    assert (described["filters"], described["order"]) == (None, "C")


def test_pixels_places_and_channels_come_through(result: Path) -> None:
    with open_image(result) as image:
        said = image.picture.metadata.multiscale
        assert image.picture.axes == "TCZYX"
        assert image.picture.array.shape == (2, 2, 3, 600, 60)
        assert image.picture.pixel_size == pytest.approx((0.25, 0.25 / 3))
        assert image.picture.unit == "µm"
    assert said is not None
    assert said.scale == pytest.approx((1.5, 1, 2, 0.25, 0.25 / 3))
    first = (30 - 0.125, 40 - 0.25 / 3)
    assert said.translation == pytest.approx((0, 0, 7, *first))
    assert said.omero == OMERO
    assert said.name == "cells"
    assert [axis.unit for axis in said.axes] == [
        "second",
        None,
        *["micrometer"] * 3,
    ]


def test_napari_opens_it_with_its_own_reader_at_the_right_scale(result: Path) -> None:
    pytest.importorskip("napari_ome_zarr")
    from napari.components import ViewerModel
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    added = "napari-ome-zarr" not in manager
    if added:
        manager.register(PluginManifest.from_distribution("napari-ome-zarr"))
    layers = ViewerModel().open(str(result), plugin="napari-ome-zarr")
    if added:
        manager.unregister("napari-ome-zarr")
    assert [layer.name.split(": ")[-1] for layer in layers] == ["DNA", "actin"]
    for layer in layers:
        assert layer.multiscale
        assert [level.shape for level in layer.data] == [
            (2, 3, 600, 60),
            (2, 3, 300, 30),
        ]
        np.testing.assert_allclose(layer.scale, (1.5, 2, 0.25, 0.25 / 3))
        assert [str(unit) for unit in layer.units][-1] == "micrometer"
    assert list(layers[0].contrast_limits) == [10, 900]


def test_an_ome_tiff_becomes_an_ome_zarr_with_its_pixel_sizes(
    model: Model, tmp_path: Path
) -> None:
    fields = {
        "axes": "TZCYX",
        "PhysicalSizeY": 300.0,
        "PhysicalSizeYUnit": "nm",
        "PhysicalSizeX": 0.2,
        "PhysicalSizeZ": 1.5,
        "TimeIncrement": 2.5,
        "TimeIncrementUnit": "s",
        "Channel": {"Name": ["DNA", "actin"], "Color": [65535, -16776961]},
    }
    source = tmp_path / "a.ome.tif"
    tifffile.imwrite(source, noise((2, 3, 2, 30, 20)), metadata=fields)
    stream(source, tmp_path / "out.zarr", model, axes="TZCYX")
    with open_image(tmp_path / "out.zarr") as image:
        picture = image.picture
    said = picture.metadata.multiscale
    assert said is not None
    assert picture.axes == "TCZYX"
    assert picture.array.shape == (2, 2, 3, 60, 40)
    assert picture.pixel_size == pytest.approx((150, 100))
    assert picture.unit == "nm"
    scales = dict(zip(picture.axes, said.scale, strict=True))
    units = dict(zip(picture.axes, (axis.unit for axis in said.axes), strict=True))
    assert (scales["Z"], units["Z"]) == (1.5, "micrometer")
    assert (scales["T"], units["T"]) == (2.5, "second")
    assert said.omero is not None
    channels = said.omero["channels"]
    assert [channel["label"] for channel in channels] == ["DNA", "actin"]
    assert [channel["color"] for channel in channels] == ["0000FF", "FF0000"]
    assert 0 <= channels[0]["window"]["start"] < channels[0]["window"]["end"] < 9000


def test_an_imagej_stack_keeps_its_steps(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    tifffile.imwrite(
        source,
        noise((2, 3, 30, 20)),
        imagej=True,
        resolution=(10, 10),
        metadata={"axes": "TZYX", "unit": "um", "spacing": 0.7, "finterval": 4.0},
    )
    stream(source, tmp_path / "out.zarr", model, axes="TZYX")
    with open_image(tmp_path / "out.zarr") as image:
        said = image.picture.metadata.multiscale
    assert said is not None
    assert said.scale == pytest.approx((4, 0.7, 0.05, 0.05))


def test_colours_are_channels_that_others_show_as_red_green_and_blue(
    model: Model, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.tif", tmp_path / "out.zarr"
    tifffile.imwrite(source, noise((30, 20, 3), "uint8"), photometric="rgb")
    stream(source, target, model, axes="YXS")
    array = zarr.open_array(str(target / "0"), mode="r")
    assert array.shape == array.chunks == (3, 60, 40)
    ome = zarr.open_group(str(target), mode="r").attrs["ome"]
    channels = ome["omero"]["channels"]
    assert [each["color"] for each in channels] == ["FF0000", "00FF00", "0000FF"]
    assert channels[0]["window"] == {"min": 0, "max": 255, "start": 0, "end": 255}
    with open_image(target) as image:
        picture = image.read()
        assert (picture.axes, picture.rgb) == ("YXS", True)
        np.testing.assert_array_equal(picture.array, np.moveaxis(array[:], 0, -1))
        part = image.pixels[5:9, 7, 0:2]
        np.testing.assert_array_equal(part, picture.array[5:9, 7, 0:2])
    stream(target, tmp_path / "more.zarr", model, axes="YXS")
    again = zarr.open_group(str(tmp_path / "more.zarr"), mode="r").attrs["ome"]
    assert again["omero"] == ome["omero"]


def test_what_a_zarr_cannot_say_is_in_its_pixels(tmp_path: Path) -> None:
    model = tiny_model(residual=False)
    image = noise((30, 20), "uint8")
    tifffile.imwrite(tmp_path / "white.tif", image, photometric="miniswhite")
    tifffile.imwrite(tmp_path / "black.tif", 255 - image)
    alpha = np.dstack([np.full((30, 20, 3), 20, "u1"), np.full((30, 20), 50, "u1")])
    options = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    tifffile.imwrite(tmp_path / "alpha.tif", alpha, **options)
    for name, axes in (("white", "YX"), ("black", "YX"), ("alpha", "YXS")):
        stream(tmp_path / f"{name}.tif", tmp_path / f"{name}.zarr", model, axes=axes)
    white, black, made = (
        zarr.open_array(str(tmp_path / f"{name}.zarr" / "0"))[:].astype(int)
        for name in ("white", "black", "alpha")
    )
    assert np.abs(white - black).max() <= 1
    assert made[:, 5, 5].tolist() == [102, 102, 102, 50]


@pytest.mark.parametrize("axes", ["QPYX", "CQYX", "CYXS"])
def test_axes_that_ome_zarr_has_not_are_refused(
    axes: str, model: Model, tmp_path: Path
) -> None:
    source = plain_zarr(tmp_path / "in.zarr", noise((2, 3, 30, 20)[: len(axes)]))
    with open_image(source, axes_told=True) as image:
        from dataclasses import replace

        sizes: Any = {"S": 3}
        shape = tuple(sizes.get(axis, 8) for axis in axes)
        picture = replace(
            image.picture, axes=axes, array=np.broadcast_to(np.uint16(0), shape)
        )
        named = replace(image, picture=picture)
    with pytest.raises(InputError, match=f"one axis of channels.*{axes}"):
        stream(source, tmp_path / "out.zarr", model, axes=axes, opener=lambda: named)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("library", "modules"),
    [
        ("dask", "pipeline lazy.cluster layers.saving layers.upscale"),
        ("torch", "pipeline lazy.cluster lazy.upscale layers"),
    ],
)
def test_what_a_run_does_not_need_is_not_loaded(library: str, modules: str) -> None:
    """A scheduler passes work on without torch, a file is enlarged without dask."""
    code = f"""
import importlib, sys

for name in {modules.split()}:
    importlib.import_module("napari_vdsr." + name)
print({library!r} in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_settings_are_passed_on_without_loading_their_model() -> None:
    settings = UpscaleSettings(RunOptions(tiny_model(), device="cpu"))
    code = """
import pickle, sys

settings = pickle.load(sys.stdin.buffer)
sent = pickle.dumps(settings)
assert "torch" not in sys.modules
sys.stdout.buffer.write(sent)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(settings), capture_output=True
    )
    assert not done.returncode, done.stderr
    arrived = pickle.loads(done.stdout)
    assert arrived.key == settings.key
    assert arrived.options.key == settings.options.key

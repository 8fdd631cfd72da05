"""OME-Zarr in: places, units and channels, versions, and what is not right."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sample_pictures import noise

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files import Metadata, Picture, list_images, open_image, read_image
from napari_vdsr.files.ome_zarr_writer import described

AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]
OMERO = {
    "channels": [
        {"label": "DNA", "color": "0000FF", "window": {"start": 10, "end": 900}},
        {"label": "actin", "color": "FF0000", "window": {"start": 0, "end": 800}},
    ]
}


def scale(*values: float) -> dict[str, Any]:
    return {"type": "scale", "scale": list(values)}


def translation(*values: float) -> dict[str, Any]:
    return {"type": "translation", "translation": list(values)}


def ome_zarr(
    path: Path,
    array: np.ndarray[Any, Any],
    axes: list[dict[str, str]],
    steps: list[dict[str, Any]],
    *,
    version: str = "0.5",
    above: list[dict[str, Any]] | None = None,
    omero: dict[str, Any] | None = None,
) -> Path:
    """Write an image as another program might."""
    entry: dict[str, Any] = {
        "name": "cells",
        "axes": axes,
        "datasets": [
            {"path": "s0", "coordinateTransformations": steps},
            {"path": "s1", "coordinateTransformations": steps},
        ],
    }
    if above is not None:
        entry["coordinateTransformations"] = above
    ome: dict[str, Any] = {"multiscales": [entry]}
    if omero is not None:
        ome["omero"] = omero
    old = version == "0.4"
    if old:
        entry["version"] = version
    else:
        ome = {"ome": {"version": version, **ome}}
    group = zarr.create_group(str(path), zarr_format=2 if old else 3, attributes=ome)
    group.create_array("s0", data=array, chunks=(*array.shape[:-2], 7, 9))
    group.create_array("s1", data=array[..., ::2, ::2])
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_pixels_places_and_channels_are_read(version: str, tmp_path: Path) -> None:
    array = noise((2, 2, 3, 20, 30))
    path = ome_zarr(
        tmp_path / "a.zarr",
        array,
        AXES,
        [scale(1, 1, 2, 0.5, 250), translation(0, 0, 1, 3, 4)],
        version=version,
        above=[scale(0.1, 1, 1, 2, 2)],
        omero=OMERO,
    )
    with open_image(path) as image:
        picture = image.picture
        np.testing.assert_array_equal(
            image.pixels[1, 0, 2, 3:9, 10:30], array[1, 0, 2, 3:9, 10:30]
        )
    assert (picture.axes, picture.rgb) == ("TCZYX", False)
    assert picture.array.shape == array.shape
    assert picture.pixel_size == pytest.approx((1.0, 0.5))
    assert picture.unit == "µm"
    said = picture.metadata.multiscale
    assert said is not None
    assert said.scale == pytest.approx((0.1, 1, 2, 1, 500))
    assert said.translation == pytest.approx((0, 0, 1, 6, 8))
    assert said.omero == OMERO
    assert said.name == "cells"
    np.testing.assert_array_equal(read_image(path).array, array)


def test_axes_may_have_other_names(tmp_path: Path) -> None:
    axes = [
        {"name": "angle"},
        {"name": "time", "type": "time"},
        {"name": "lat", "type": "space"},
        {"name": "lon", "type": "space"},
    ]
    path = ome_zarr(tmp_path / "a", noise((4, 2, 8, 9)), axes, [scale(1, 1, 1, 1)])
    picture = read_image(path)
    assert picture.axes == "QTYX"
    assert picture.pixel_size is None


def test_a_plain_array_is_read_by_its_dimension_names(tmp_path: Path) -> None:
    array = noise((3, 8, 9))
    zarr.create_array(str(tmp_path / "a"), data=array, dimension_names=["c", "y", "x"])
    assert read_image(tmp_path / "a").axes == "CYX"
    old = zarr.create_array(str(tmp_path / "b.zarr"), data=array, zarr_format=2)
    assert read_image(tmp_path / "b.zarr").axes == "QYX"
    old.attrs["_ARRAY_DIMENSIONS"] = ["z", "y", "x"]
    assert read_image(tmp_path / "b.zarr").axes == "ZYX"


def test_a_plain_array_that_may_be_colours_is_refused(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=noise((20, 30, 3)))
    with pytest.raises(FileError, match="may be colours or X: name the axes"):
        read_image(tmp_path / "a.zarr")
    with open_image(tmp_path / "a.zarr", axes_told=True) as image:
        assert image.pixels.shape == (20, 30, 3)


def test_the_first_image_of_a_collection_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_group(str(path), attributes={"ome": {"bioformats2raw.layout": 3}})
    array = noise((8, 9))
    ome_zarr(path / "0", array, AXES[3:], [scale(1, 1)])
    np.testing.assert_array_equal(read_image(path).array, array)
    ome_zarr(path / "1", array, AXES[3:], [scale(1, 1)])
    with pytest.warns(VdsrWarning, match="several images"):
        read_image(path)


def edit(path: Path, change: Any) -> None:
    text = json.loads((path / "zarr.json").read_text())
    change(text["attributes"]["ome"])
    (path / "zarr.json").write_text(json.dumps(text))


def multiscale(ome: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = ome["multiscales"][0]
    return entry


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ome: ome.update(version="0.6"), r"OME-Zarr 0\.6, but 0\.4 and 0\.5"),
        (lambda ome: ome.update(multiscales=[]), "no valid OME-Zarr metadata"),
        (lambda ome: multiscale(ome).pop("axes"), "no valid OME-Zarr metadata.*axes"),
        (lambda ome: multiscale(ome)["axes"].pop(), "scale has 2 numbers for 1 axes"),
        (lambda ome: multiscale(ome)["datasets"].clear(), "no valid"),
        (
            lambda ome: multiscale(ome)["datasets"][0].update(path="s7"),
            r"a\.zarr: .*list a level s7",
        ),
        (
            lambda ome: multiscale(ome)["datasets"][0].update(
                coordinateTransformations=[{"type": "scale", "path": "somewhere"}]
            ),
            "neither a scale nor a translation",
        ),
        (
            lambda ome: multiscale(ome)["datasets"][0].update(
                coordinateTransformations=[{"type": "rotation"}]
            ),
            "neither a scale nor a translation",
        ),
        (lambda ome: ome.pop("multiscales"), "group without OME-Zarr metadata.*s0, s1"),
        (
            lambda ome: ome.update(plate=ome.pop("multiscales")),
            "is a plate of images",
        ),
    ],
)
def test_metadata_that_are_not_right_are_named(
    change: Any, message: str, tmp_path: Path
) -> None:
    path = ome_zarr(tmp_path / "a.zarr", noise((8, 9)), AXES[3:], [scale(1, 1)])
    edit(path, change)
    with pytest.raises(FileError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)


def test_damage_and_strange_folders_are_errors(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.zarr", noise((8, 9)), AXES[3:], [scale(1, 1)])
    (chunk,) = [file for file in (path / "s0" / "c" / "1").rglob("0") if file.is_file()]
    chunk.write_bytes(chunk.read_bytes()[:-9])
    with pytest.raises(FileError, match=r"a\.zarr: damaged"):
        read_image(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(FileError, match=r"a\.zarr: damaged"):
        read_image(path)
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(FileError, match=r"b\.zarr is no zarr"):
        read_image(tmp_path / "b.zarr")
    zarr.create_array(str(tmp_path / "c.zarr"), data=noise((8,)))
    with pytest.raises(FileError, match="no image plane"):
        read_image(tmp_path / "c.zarr")


def test_without_the_package_zarr_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    zarr.create_array(str(tmp_path / "a.zarr"), data=noise((8, 9)))
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(FileError, match=r'pip install "napari-vdsr\[zarr\]"'):
        read_image(tmp_path / "a.zarr")


def test_a_folder_lists_zarrs_as_images_and_not_what_is_in_them(
    tmp_path: Path,
) -> None:
    zarr.create_array(str(tmp_path / "b.zarr"), data=noise((8, 9)))
    (tmp_path / "b.zarr" / "c" / "thumbnail.png").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    zarr.create_array(str(tmp_path / "sub" / "d.zarr"), data=noise((8, 9)))
    zarr.create_array(str(tmp_path / "e.zarr.part"), data=noise((8, 9)))
    (tmp_path / "a.png").touch()
    names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert names == ["a.png", "b.zarr", "sub/d.zarr"]


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (("y", "x", "time"), "YXT"),
        (("band", "y", "x"), "QYX"),
        (("c", "y", "x"), "CYX"),
    ],
)
def test_axes_of_a_plain_zarr_go_by_their_names(
    names: tuple[str, ...], axes: str, tmp_path: Path
) -> None:
    array = noise((10, 12, 14), "uint16")
    path = tmp_path / "named.zarr"
    zarr.create_array(str(path), data=array, dimension_names=names)
    assert read_image(path).axes == axes


@pytest.mark.parametrize(
    ("unit", "time", "expected"),
    [
        ("µm", "ms", ("millisecond", "micrometer")),
        ("Å", "ns", ("nanosecond", "angstrom")),
        ("km", "h", ("hour", "kilometer")),
    ],
)
def test_units_are_spelled_as_the_format_asks(
    unit: str, time: str, expected: tuple[str, str]
) -> None:
    xml = (
        f'<OME><Pixels TimeIncrement="2" TimeIncrementUnit="{time}"'
        f' PhysicalSizeY="3" PhysicalSizeYUnit="{unit}"/></OME>'
    )
    picture = Picture(noise((2, 4, 5)), "TYX", False, (3, 3), unit, Metadata(ome=xml))
    said = described(picture)
    assert tuple(axis.unit for axis in said.axes) == (*expected, expected[1])
    assert said.scale == (2, 3, 3)

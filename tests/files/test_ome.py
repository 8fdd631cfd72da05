"""OME-TIFF in, OME-TIFF out."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from sample_pictures import doubled, noise

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.files import Picture, read_image, write_image

FIELDS = {
    "axes": "TCZYX",
    "Name": "embryo",
    "PhysicalSizeX": 0.1,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 200.0,
    "PhysicalSizeYUnit": "nm",
    "PhysicalSizeZ": 0.5,
    "TimeIncrement": 3.0,
    "Channel": {"Name": ["DAPI", "GFP"], "EmissionWavelength": [461, 509]},
    "Plane": {"DeltaT": [float(i) for i in range(12)]},
}


def hyperstack(path: Path) -> Picture:
    tifffile.imwrite(path, noise((2, 2, 3, 8, 6)), metadata=FIELDS)
    return read_image(path)


def elements(path: Path, name: str) -> list[ElementTree.Element]:
    xml = tifffile.TiffFile(path)
    with xml:
        root = ElementTree.fromstring(xml.ome_metadata)
    return [item for item in root.iter() if item.tag.endswith("}" + name)]


def test_axes_pixel_size_and_all_other_metadata_are_kept(tmp_path: Path) -> None:
    picture = hyperstack(tmp_path / "a.ome.tif")
    assert (picture.axes, picture.unit) == ("TCZYX", "nm")
    assert picture.pixel_size == pytest.approx((200, 100))
    large = doubled(picture)
    write_image(tmp_path / "b.tif", large)
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "TCZYX"
        np.testing.assert_array_equal(tif.asarray(), large.array)
    pixels = elements(tmp_path / "b.tif", "Pixels")[0]
    assert (pixels.get("SizeY"), pixels.get("SizeX")) == ("16", "12")
    assert pixels.get("PhysicalSizeY") == "100"
    assert pixels.get("PhysicalSizeX") == "50"
    assert {pixels.get("PhysicalSizeYUnit"), pixels.get("PhysicalSizeXUnit")} == {"nm"}
    assert pixels.get("PhysicalSizeZ") == "0.5"
    assert pixels.get("TimeIncrement") == "3.0"
    channels = elements(tmp_path / "b.tif", "Channel")
    assert [channel.get("Name") for channel in channels] == ["DAPI", "GFP"]
    assert channels[0].get("EmissionWavelength") == "461"
    times = [plane.get("DeltaT") for plane in elements(tmp_path / "b.tif", "Plane")]
    assert times == [str(float(i)) for i in range(12)]
    assert elements(tmp_path / "b.tif", "Image")[0].get("Name") == "embryo"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"PhysicalSizeX": 0.5}, {"PhysicalSizeX": "0.25"}),
        (
            {"PhysicalSizeX": 0.5, "PhysicalSizeY": 3.0, "PhysicalSizeYUnit": "pixel"},
            {
                "PhysicalSizeX": "0.25",
                "PhysicalSizeY": "1.5",
                "PhysicalSizeYUnit": "pixel",
            },
        ),
        ({"PhysicalSizeX": -0.5, "PhysicalSizeY": 0.5}, {"PhysicalSizeY": "0.25"}),
    ],
)
def test_sizes_that_are_not_understood_do_not_stay_those_of_the_source(
    said: dict[str, Any], expected: dict[str, str], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", noise((8, 6)), metadata=said)
    write_image(tmp_path / "b.ome.tif", doubled(read_image(tmp_path / "a.ome.tif")))
    found = elements(tmp_path / "b.ome.tif", "Pixels")[0].attrib
    assert {key: found[key] for key in found if key.startswith("Phys")} == expected


@pytest.mark.parametrize("axes", ["ZTCYX", "CZYX", "TYX", "YX"])
def test_any_order_of_axes_is_kept(axes: str, tmp_path: Path) -> None:
    array = noise((*range(2, len(axes)), 7, 9))
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata={"axes": axes})
    picture = read_image(tmp_path / "a.ome.tif")
    assert picture.axes == axes
    write_image(tmp_path / "b.ome.tif", doubled(picture))
    again = read_image(tmp_path / "b.ome.tif")
    assert again.axes == axes
    np.testing.assert_array_equal(again.array, doubled(picture).array)


def test_colours_are_kept(tmp_path: Path) -> None:
    array = noise((2, 6, 5, 3), "uint8")
    tifffile.imwrite(
        tmp_path / "a.ome.tif", array, photometric="rgb", metadata={"axes": "TYXS"}
    )
    picture = read_image(tmp_path / "a.ome.tif")
    assert (picture.axes, picture.rgb) == ("TYXS", True)
    write_image(tmp_path / "b.ome.tif", doubled(picture))
    again = read_image(tmp_path / "b.ome.tif")
    assert (again.axes, again.rgb) == ("TYXS", True)
    np.testing.assert_array_equal(again.array, doubled(picture).array)


def test_a_png_becomes_ome_where_the_name_asks_for_it(tmp_path: Path) -> None:
    picture = Picture(noise((4, 5)), "YX", False, (2e-6, 1e-6), "m")
    write_image(tmp_path / "a.ome.tiff", picture)
    again = read_image(tmp_path / "a.ome.tiff")
    assert again.metadata.ome is not None
    assert (again.pixel_size, again.unit) == ((2e-6, 1e-6), "m")


@pytest.mark.parametrize(
    ("picture", "wrong"),
    [
        (Picture(noise((4, 5), "int64"), "YX"), "int64"),
        (Picture(noise((2, 4, 5)), "QYX"), "QYX"),
    ],
)
def test_what_ome_cannot_hold_is_refused(
    picture: Picture, wrong: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=wrong):
        write_image(tmp_path / "a.ome.tif", picture)
    assert not list(tmp_path.iterdir())


def test_regions_of_interest_are_left_out_with_a_warning(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", noise((4, 5)))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        xml = tif.ome_metadata
    roi = '<ROI ID="ROI:0"><Union><Point ID="Shape:0" X="1" Y="2"/></Union></ROI>'
    xml = xml.replace("</Image>", '<ROIRef ID="ROI:0"/></Image>' + roi)
    tifffile.imwrite(
        tmp_path / "b.ome.tif", noise((4, 5)), description=xml.encode(), metadata=None
    )
    picture = read_image(tmp_path / "b.ome.tif")
    with pytest.warns(VdsrWarning, match="regions of interest"):
        write_image(tmp_path / "c.ome.tif", doubled(picture))
    assert not elements(tmp_path / "c.ome.tif", "ROI")
    assert not elements(tmp_path / "c.ome.tif", "ROIRef")
    assert read_image(tmp_path / "c.ome.tif").array.shape == (8, 10)


def test_only_the_first_of_several_images_is_described(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        tif.write(noise((2, 4, 5)), metadata={"axes": "ZYX", "Name": "first"})
        tif.write(noise((3, 3)), metadata={"axes": "YX", "Name": "second"})
    with pytest.warns(VdsrWarning, match="holds 2 images"):
        picture = read_image(tmp_path / "a.ome.tif")
    write_image(tmp_path / "b.ome.tif", doubled(picture))
    names = [image.get("Name") for image in elements(tmp_path / "b.ome.tif", "Image")]
    assert names == ["first"]
    assert read_image(tmp_path / "b.ome.tif").array.shape == (2, 8, 10)

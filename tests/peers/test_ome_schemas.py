"""What the command writes is valid by the schemas of the standards.

OME-XML: the 2016-06 schema, which comes with ome-types.
OME-Zarr: the JSON schemas of 0.4 and 0.5, strict ones too, which come with ngff-zarr,
and that library as a reader.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vdsr.cli import main

IMAGE = np.random.default_rng(0).integers(0, 4000, (2, 2, 3, 12, 10), dtype=np.uint16)
SAID = {
    "axes": "TCZYX",
    "Name": "embryo <1>",
    "PhysicalSizeX": 0.1,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 200.0,
    "PhysicalSizeYUnit": "nm",
    "PhysicalSizeZ": 0.5,
    "PhysicalSizeZUnit": "µm",
    "TimeIncrement": 3.0,
    "TimeIncrementUnit": "s",
    "Channel": {"Name": ["DAPI", "GFP"], "EmissionWavelength": [461, 509]},
    "Plane": {"DeltaT": [float(i) for i in range(12)]},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "embryo.ome.tif"
    tifffile.imwrite(path, IMAGE, metadata=SAID)
    return path


def enlarged(source: Path, name: str, *options: str) -> Path:
    target = source.with_name(name)
    options = ("--factor", "2", "--model", "vdsr5", *options)
    assert main(["upscale", str(source), str(target), *options]) == 0
    return target


def test_ome_xml_is_valid(source: Path) -> None:
    xmlschema = pytest.importorskip("xmlschema")
    place = find_spec("ome_types")  # which takes long to import
    if place is None or place.origin is None:
        pytest.skip("ome-types is not installed")
    schema = xmlschema.XMLSchema(Path(place.origin).with_name("ome-2016-06.xsd"))
    with tifffile.TiffFile(enlarged(source, "out.ome.tif")) as tif:
        document = tif.ome_metadata
    (image,) = schema.to_dict(document)["Image"]  # raises where it is not valid

    pixels = image["Pixels"]
    assert [pixels[f"@Size{axis}"] for axis in "TCZYX"] == [2, 2, 3, 24, 20]
    sizes = [pixels[f"@PhysicalSize{axis}"] for axis in "ZYX"]
    assert sizes == pytest.approx([0.5, 100, 50])
    assert [pixels[f"@PhysicalSize{axis}Unit"] for axis in "ZYX"] == ["µm", "nm", "nm"]
    assert [channel["@Name"] for channel in pixels["Channel"]] == ["DAPI", "GFP"]
    assert image["@Name"] == "embryo <1>"
    assert len(pixels["Plane"]) == 12


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_is_valid(source: Path, version: str) -> None:
    ngff_zarr = pytest.importorskip("ngff_zarr")
    target = enlarged(source, f"valid-{version}.zarr", "--ome-zarr", version)
    if version == "0.4":
        said = json.loads((target / ".zattrs").read_text(encoding="utf-8"))
    else:
        group = json.loads((target / "zarr.json").read_text(encoding="utf-8"))
        said = group["attributes"]
    for strict in (False, True):
        ngff_zarr.validate(said, version=version, model="image", strict=strict)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_another_library_reads_the_ome_zarr(source: Path, version: str) -> None:
    ngff_zarr = pytest.importorskip("ngff_zarr")
    target = enlarged(source, f"read-{version}.zarr", "--ome-zarr", version)
    image = ngff_zarr.from_ngff_zarr(str(target)).images[0]
    assert image.dims == ("t", "c", "z", "y", "x")
    assert {image.axes_units[axis] for axis in "yx"} == {"nanometer"}
    assert [image.scale[axis] for axis in "yx"] == pytest.approx([100, 50])
    tiff = enlarged(source, f"same-{version}.tif")
    np.testing.assert_array_equal(np.asarray(image.data), tifffile.imread(tiff))

"""Folders: every image once, and what is left out is said."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from sample_pictures import noise

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files import list_images, open_image
from napari_vdsr.files.folders import result_name, result_places

PLANES = noise((3, 20, 30))
XML = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
    'UUID="urn:uuid:{own}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
    'DimensionOrder="XYZCT" Type="uint16" '
    'SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="1">{planes}'
    "</Pixels></Image></OME>"
)
PLANE = (
    '<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
    '<UUID FileName="z{z}.ome.tif">urn:uuid:{z}</UUID></TiffData>'
)


def a_set(folder: Path) -> list[Path]:
    """Write a stack whose planes are in a file each, as OME-TIFF allows."""
    planes = "".join(PLANE.format(z=z) for z in range(3))
    paths = [folder / f"z{z}.ome.tif" for z in range(3)]
    for z, path in enumerate(paths):
        xml = XML.format(own=z, planes=planes)
        tifffile.imwrite(path, PLANES[z], description=xml, metadata=None)
    return paths


def test_files_that_are_one_image_count_once(tmp_path: Path) -> None:
    first, *_ = a_set(tmp_path)
    tifffile.imwrite(tmp_path / "other.tif", PLANES[0])
    with pytest.warns(VdsrWarning, match=r"2 files are read with the image z0\.ome"):
        found = list_images(tmp_path)
    assert [path.name for path in found] == ["other.tif", first.name]
    with open_image(first) as image:
        np.testing.assert_array_equal(image.read().array, PLANES)
        for z in range(3):
            part = image.pixels[z : z + 1, 5:9, 3:20]
            np.testing.assert_array_equal(part, PLANES[z : z + 1, 5:9, 3:20])


def test_a_change_in_any_file_of_a_set_is_another_image(tmp_path: Path) -> None:
    first, _, last = a_set(tmp_path)
    with open_image(first) as image:
        before = image.identity()
    with tifffile.TiffFile(last) as tif:
        xml = tif.pages.first.description
    tifffile.imwrite(last, PLANES[0], description=xml, metadata=None)
    with open_image(first) as image:
        assert image.identity() != before
        assert {**image.identity(), "set": []} == {**before, "set": []}


def test_images_of_other_formats_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANES[0])
    for name in ("b.czi", "c.CZI", "d.nd2", "notes.txt", ".e.czi"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.warns(VdsrWarning, match=r"2 \.czi, 1 \.nd2 cannot be read"):
        assert len(list_images(tmp_path)) == 1


def test_a_folder_of_plain_images_brings_no_words(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif", "c.ome.tif"):
        tifffile.imwrite(tmp_path / name, PLANES[0])
    (tmp_path / "d.tif").write_bytes(b"no image")
    (tmp_path / "readme.md").write_bytes(b"x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list_images(tmp_path)) == 4


@pytest.mark.parametrize(
    "suffix", ["svs", "ndpi", "scn", "bif", "qptiff", "lsm", "stk"]
)
def test_tiff_files_of_microscopes_are_read(suffix: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / f"a.{suffix.upper()}", PLANES[0])
    tifffile.imwrite(tmp_path / f"b.{suffix}", PLANES[0])
    found = list_images(tmp_path)
    assert len(found) == 2
    assert [result_name(path) for path in found] == ["a.tif", "b.tif"]
    assert result_name(Path("a.PNG")) == "a.PNG"


def test_every_result_of_a_folder_has_a_name_of_its_own() -> None:
    names = "a.svs a.lsm b.tif b.ndpi c.scn d.zarr d.zarr.zip e.ozx f.png"
    images = [Path("x", name) for name in names.split()] + [Path("y", "a.svs")]
    expected = "a.svs.tif a.lsm.tif b.tif b.ndpi.tif c.tif d.zarr d.zarr.zip.zarr "
    expected += "e.zarr f.png a.tif"
    places = result_places(images)
    assert [place.name for place in places] == expected.split()
    assert [place.parent for place in places] == [image.parent for image in images]


def test_what_a_folder_leads_to_is_read_or_named(tmp_path: Path) -> None:
    folder, other = tmp_path / "a", tmp_path / "b"
    folder.mkdir()
    other.mkdir()
    tifffile.imwrite(folder / "a.tif", PLANES[0])
    (folder / "linked").symlink_to(other)
    (folder / "gone.tif").symlink_to("nowhere")
    (folder / "packed.zarr.zip").write_bytes(b"PK")
    with pytest.warns(VdsrWarning, match="links to folders are left out: .*linked"):
        found = list_images(folder)
    assert [path.name for path in found] == ["a.tif", "gone.tif", "packed.zarr.zip"]
    with pytest.raises(FileError, match="does not exist"):
        open_image(found[1])

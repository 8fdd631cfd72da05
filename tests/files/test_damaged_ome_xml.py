"""Damaged OME-XML over good pixels: the pixels are read, with a word."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from sample_pictures import noise

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files import open_image, read_image, write_image

STACK = noise((3, 20, 30))
DAMAGE = {
    "cut": ("</Pixels>", "<Pixels/>"),
    "no end": ("</OME>", "<OME/>"),
    "ampersand": ("Creator=", "Cre&tor="),
    "no number": ('SizeX="30"', 'SizeX="xx"'),
    "nothing": ('SizeZ="3"', 'SizeZ="0"'),
    "negative": ('SizeC="1"', 'SizeC="-"'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_pixels_are_read_and_the_damage_is_told(
    damage: str, tmp_path: Path
) -> None:
    before, after = (text.encode() for text in DAMAGE[damage])
    path, result = tmp_path / "a.ome.tif", tmp_path / "r.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2}
    tifffile.imwrite(path, STACK, metadata=metadata)
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    with pytest.warns(VdsrWarning, match="its OME-XML is damaged"):
        picture = read_image(path)
    np.testing.assert_array_equal(picture.array, STACK)
    assert picture.axes.endswith("YX")
    with open_image(path, warn=False) as image:
        np.testing.assert_array_equal(
            image.pixels[1:2, 3:9, 4:20], STACK[1:2, 3:9, 4:20]
        )
    write_image(result, picture)
    with tifffile.TiffFile(result) as tif:
        said = tif.pages.first.description
    assert "PhysicalSize" not in said, "it would state the size of the source"


def test_missing_planes_are_no_damaged_xml(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "ZYX"})
    path.write_bytes(path.read_bytes().replace(b'SizeZ="3"', b'SizeZ="7"'))
    with pytest.raises(FileError, match="4 of 7 planes are missing"):
        read_image(path)

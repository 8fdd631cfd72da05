"""ImageJ hyperstacks in, ImageJ hyperstacks out."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from sample_pictures import doubled, noise

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.files import Metadata, Picture, read_image, write_image
from napari_vdsr.files import tiff_writer as writing

LUT = np.stack([np.arange(256, dtype=np.uint8), np.zeros(256, np.uint8)] * 2)[:3]
FIELDS = {
    "axes": "TZCYX",
    "unit": "micron",
    "spacing": 0.5,
    "finterval": 3.0,
    "min": 10.0,
    "max": 180.0,
    "mode": "composite",
    "Labels": [f"plane {i}" for i in range(12)],
    "Ranges": (0.0, 100.0, 5.0, 50.0),
    "LUTs": [LUT, LUT[::-1]],
    "Info": "taken at night",
}


def test_axes_calibration_and_display_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        noise((2, 3, 2, 8, 6)),
        imagej=True,
        resolution=(10, 5),
        metadata=dict(FIELDS),
    )
    picture = read_image(path)
    assert (picture.axes, picture.pixel_size, picture.unit) == (
        "TZCYX",
        (0.2, 0.1),
        "µm",
    )
    write_image(tmp_path / "b.tif", doubled(picture))
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        kept = tif.imagej_metadata
        assert tif.series[0].axes == "TZCYX"
        np.testing.assert_array_equal(tif.asarray(), doubled(picture).array)
        assert tif.pages[0].tags["XResolution"].value == (20, 1)
        assert tif.pages[0].tags["YResolution"].value == (10, 1)
    assert (kept["frames"], kept["slices"], kept["channels"]) == (2, 3, 2)
    for key in set(FIELDS) - {"axes", "LUTs"}:
        assert kept[key] == FIELDS[key], key
    np.testing.assert_array_equal(kept["LUTs"], FIELDS["LUTs"])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_dtype_of_imagej_is_kept(dtype: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((3, 4, 5), dtype), imagej=True)
    picture = read_image(tmp_path / "a.tif")
    write_image(tmp_path / "b.tif", picture)
    again = read_image(tmp_path / "b.tif")
    assert again.metadata.imagej is not None
    np.testing.assert_array_equal(again.array, noise((3, 4, 5), dtype))
    assert again.pixel_size is None


def test_colours_are_kept(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((6, 5, 3), "uint8"), imagej=True)
    picture = read_image(tmp_path / "a.tif")
    assert (picture.axes, picture.rgb) == ("YXS", True)
    write_image(tmp_path / "b.tif", picture)
    again = read_image(tmp_path / "b.tif")
    assert (again.rgb, again.metadata.imagej is not None) == (True, True)
    np.testing.assert_array_equal(again.array, picture.array)


def test_a_palette_only_colours_the_intensities(tmp_path: Path) -> None:
    colormap = LUT.astype(np.uint16) * 257
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise((6, 5), "uint8"),
        imagej=True,
        photometric="palette",
        colormap=colormap,
    )
    picture = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.array, noise((6, 5), "uint8"))
    write_image(tmp_path / "b.tif", doubled(picture))
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.is_imagej
        np.testing.assert_array_equal(tif.pages[0].colormap, colormap)


def test_regions_of_interest_are_left_out_with_a_warning(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise((4, 5)),
        imagej=True,
        metadata={"ROI": b"Iout" + bytes(60)},
    )
    picture = read_image(tmp_path / "a.tif")
    with pytest.warns(VdsrWarning, match="regions of interest"):
        write_image(tmp_path / "b.tif", picture)
    assert "ROI" not in (read_image(tmp_path / "b.tif").metadata.imagej or {})


def test_calibration_goes_on_into_ome(tmp_path: Path) -> None:
    metadata = {"axes": "TZYX", "unit": "um", "spacing": 0.5, "finterval": 3.0}
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise((2, 3, 4, 5)),
        imagej=True,
        resolution=(10, 5),
        metadata=metadata,
    )
    write_image(tmp_path / "b.ome.tif", doubled(read_image(tmp_path / "a.tif")))
    again = read_image(tmp_path / "b.ome.tif")
    assert (again.axes, again.pixel_size, again.unit) == ("TZYX", (0.1, 0.05), "µm")
    assert 'PhysicalSizeZ="0.5"' in (again.metadata.ome or "")
    assert 'TimeIncrement="3.0"' in (again.metadata.ome or "")


def test_beyond_4_gb_it_becomes_ome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(noise((3, 9, 9)), "ZYX", metadata=Metadata(imagej={}))
    monkeypatch.setattr(writing, "_CLASSIC_LIMIT", 400)
    with pytest.warns(VdsrWarning, match="4 GB"):
        write_image(tmp_path / "a.tif", picture)
    assert read_image(tmp_path / "a.tif").metadata.ome is not None

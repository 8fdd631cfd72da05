"""The size of a pixel in TIFF files: read wherever it stands, written anew."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from sample_pictures import doubled, noise

from napari_vdsr.files import read_image, write_image
from napari_vdsr.files.tiff_metadata import tiff_pixel_size

PLANE = noise((8, 6))


def size_in(path: Path, **options: Any) -> tuple[Any, Any]:
    tifffile.imwrite(path, PLANE, **options)
    picture = read_image(path)
    return picture.pixel_size, picture.unit


@pytest.mark.parametrize(("code", "unit"), [(2, "in"), (3, "cm"), (4, "mm"), (5, "µm")])
def test_every_unit_of_the_resolution_is_known(
    code: int, unit: str, tmp_path: Path
) -> None:
    options = {"resolution": (4, 2), "resolutionunit": code, "metadata": None}
    assert size_in(tmp_path / "a.tif", **options) == ((0.5, 0.25), unit)


@pytest.mark.parametrize("kind", [11, 12], ids=["float", "double"])
def test_a_resolution_stored_as_a_number_is_read(kind: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PLANE, resolution=(3, 7), resolutionunit=3, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name, value in {"XResolution": 4.0, "YResolution": 2.0}.items():
            tif.pages[0].tags[name].overwrite(value, dtype=kind)
    picture = read_image(path)
    assert (picture.pixel_size, picture.unit) == ((0.5, 0.25), "cm")


def again_as_imagej(path: Path) -> tuple[Any, dict[str, Any], bytes]:
    """Enlarge an image, write it, and return what is read and what was written."""
    result = path.with_name("result.tif")
    write_image(result, doubled(read_image(path)))
    with tifffile.TiffFile(result) as tif:
        return read_image(result), dict(tif.imagej_metadata or {}), result.read_bytes()


def test_the_unit_of_the_tags_counts_where_imagej_names_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    options = {"imagej": True, "resolution": (4e4, 2e4), "resolutionunit": 3}
    assert size_in(path, **options) == ((5e-5, 2.5e-5), "cm")
    picture, noted, _ = again_as_imagej(path)
    assert (picture.pixel_size, picture.unit) == ((2.5e-5, 1.25e-5), "cm")
    assert noted["unit"] == "cm"


def test_a_raw_micro_sign_is_read_and_written_as_imagej_does(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    options = {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "micron"}}
    tifffile.imwrite(path, PLANE, **options)
    with tifffile.TiffFile(path, mode="r+") as tif:
        text = tif.pages[0].description.encode()
        tif.pages[0].tags[270].overwrite(text.replace(b"micron", b"\xb5m"))
    picture, _, content = again_as_imagej(path)
    assert (picture.pixel_size, picture.unit) == ((0.125, 0.125), "µm")
    assert b"unit=\\u00B5m\n" in content


@pytest.mark.parametrize(
    ("unit", "other", "size"),
    [("micron", "nm", (0.25, 0.25)), ("nm", "micron", (250_000, 0.25))],
)
def test_y_may_have_a_unit_of_its_own(
    unit: str, other: str, size: tuple[float, float], tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    options = {"imagej": True, "resolution": (4, 0.004)}
    noted = {"unit": unit, "yunit": other}
    found, named = size_in(path, metadata=noted, **options)
    assert found == pytest.approx(size)
    assert named == {"micron": "µm"}.get(unit, unit)
    picture, said, _ = again_as_imagej(path)
    assert picture.pixel_size == pytest.approx([value / 2 for value in size])
    assert "yunit" not in said


def test_a_slide_keeps_its_pixel_size_and_no_text_that_says_another(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.svs"
    tifffile.imwrite(
        path,
        np.zeros((32, 48, 3), np.uint8),
        photometric="rgb",
        tile=(16, 16),
        metadata=None,
        description="Aperio Image Library v11\r\n48x32|AppMag = 40|MPP = 0.2500",
    )
    picture = read_image(path)
    assert (picture.pixel_size, picture.unit) == ((0.25, 0.25), "µm")
    write_image(tmp_path / "b.tif", doubled(picture))
    again = read_image(tmp_path / "b.tif")
    assert again.pixel_size == pytest.approx((0.125e-4, 0.125e-4))
    assert again.unit == "cm"
    assert b"MPP" not in (tmp_path / "b.tif").read_bytes()


def test_a_text_that_states_sizes_is_not_copied(tmp_path: Path) -> None:
    for number, text in enumerate(("MPP=0.5", "Pixel size: 3 um", "0.2 um/px")):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, PLANE, metadata=None, description=text)
        assert read_image(path).metadata.description is None


def test_notes_of_programs_on_sizes_are_not_copied(tmp_path: Path) -> None:
    array = noise((8, 6))
    info = "Pixel size: 0.5 um\nObjective 20x\nVoxel size: 0.5x0.5x1 micron^3\n"
    imagej = {"unit": "um", "Info": info}
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata=imagej)
    noted = {"PhysicalSizeX": 0.5, "mpp": 0.5, "stain": "DAPI", "PhysicalSizeZ": 2}
    tifffile.imwrite(tmp_path / "b.tif", array, metadata=noted)
    for name in ("a.tif", "b.tif"):
        write_image(tmp_path / f"large-{name}", doubled(read_image(tmp_path / name)))
    said = read_image(tmp_path / "large-a.tif").metadata.imagej or {}
    assert said["Info"] == "Objective 20x\n"
    kept = read_image(tmp_path / "large-b.tif").metadata.shaped
    assert kept == {"stain": "DAPI", "PhysicalSizeZ": 2}


def test_notes_within_ome_on_sizes_are_not_copied(tmp_path: Path) -> None:
    said = {"Description": "HeLa\nMPP = 0.5", "PhysicalSizeX": 0.5}
    said |= {"PhysicalSizeY": 0.5}
    notes = {"Namespace": "n", "Voxel size": "0.5", "Objective": "20x"}
    said |= {"MapAnnotation": notes}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise((8, 6)), metadata=said)
    write_image(tmp_path / "b.ome.tif", doubled(read_image(tmp_path / "a.ome.tif")))
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as tif:
        xml = tif.ome_metadata
    assert "HeLa" in xml
    assert "20x" in xml
    assert "MPP" not in xml
    assert "Voxel" not in xml
    assert read_image(tmp_path / "b.ome.tif").pixel_size == (0.25, 0.25)


def test_metamorph_states_its_calibration(tmp_path: Path) -> None:
    props = "".join(
        f'<prop id="spatial-calibration-{name}" type="{kind}" value="{value}"/>'
        for name, kind, value in [
            ("state", "bool", "on"),
            ("x", "float", "0.25"),
            ("y", "float", "0.5"),
            ("units", "string", "um"),
        ]
    )
    text = f"<MetaData><PlaneInfo>{props}</PlaneInfo></MetaData>"
    options = {"description": text, "metadata": None, "software": "MetaSeries"}
    assert size_in(tmp_path / "a.tif", **options) == ((0.5, 0.25), "µm")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"is_lsm": True, "lsm_metadata": {"VoxelSizeX": 2e-7, "VoxelSizeY": 4e-7}},
            ((0.4, 0.2), "µm"),
        ),
        (
            {
                "is_stk": True,
                "stk_metadata": {
                    "XCalibration": 0.2,
                    "YCalibration": 0.4,
                    "CalibrationUnits": "um",
                },
            },
            ((0.4, 0.2), "µm"),
        ),
        ({"is_lsm": True, "lsm_metadata": {}}, (None, None)),
    ],
    ids=["lsm", "stk", "nothing said"],
)
def test_what_programs_of_microscopes_say(said: dict[str, Any], expected: Any) -> None:
    usual = {"is_ome": False, "is_imagej": False, "shaped_metadata": None}
    page = SimpleNamespace(tags={})
    size, unit = tiff_pixel_size(SimpleNamespace(**usual, **said), page)
    assert (size if size is None else pytest.approx(size), unit) == expected

"""Planes, files, tiles and chunks that are not there: refused, never invented."""

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numcodecs import Blosc
from PIL import Image as Pillow
from sample_pictures import noise

from napari_vdsr import describe_image, evaluate, psnr, train
from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files import open_image, read_image
from napari_vdsr.training import recipe

PLANE = noise((9, 11))
SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def whole(path: Path) -> None:
    read_image(path)


def parts(path: Path) -> None:
    with open_image(path) as image:
        image.pixels[(slice(None),) * image.picture.array.ndim]


DOORS = pytest.mark.parametrize("door", [whole, parts])


def ome_xml(planes: int, storage: str, uuid: str = "") -> str:
    pixels = (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="11" '
        f'SizeY="9" SizeZ="{planes}" SizeC="1" SizeT="1">{storage}</Pixels>'
    )
    return f'<OME xmlns="{SCHEMA}"{uuid}><Image ID="Image:0">{pixels}</Image></OME>'


def write_set(folder: Path, numbers: Sequence[int]) -> None:
    """Write a set of three files, or some of them."""
    storage = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="z{z}.ome.tif">urn:uuid:{z}</UUID></TiffData>'
        for z in range(3)
    )
    for z in numbers:
        xml = ome_xml(3, storage, f' UUID="urn:uuid:{z}"')
        options = {"description": xml, "metadata": None, "photometric": "minisblack"}
        tifffile.imwrite(folder / f"z{z}.ome.tif", PLANE + z, **options)


@DOORS
def test_planes_that_an_ome_tiff_lacks_are_named(
    door: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path,
        np.stack([PLANE] * 3),
        description=ome_xml(5, "<TiffData/>"),
        metadata=None,
        photometric="minisblack",
    )
    with pytest.raises(FileError, match=r"2 of 5 planes are missing.*Z 3, Z 4\)"):
        door(path)


@DOORS
def test_a_set_with_a_file_missing_names_it(
    door: Callable[[Path], None], tmp_path: Path
) -> None:
    write_set(tmp_path, [0, 2])
    with pytest.raises(FileError, match=r"1 of 3 planes.*Z 1\).*z1\.ome\.tif"):
        door(tmp_path / "z0.ome.tif")
    write_set(tmp_path, [1])
    stack = np.stack([PLANE, PLANE + 1, PLANE + 2])
    np.testing.assert_array_equal(read_image(tmp_path / "z0.ome.tif").array, stack)


def micro_manager(path: Path, slices: int, there: Sequence[int]) -> Path:
    """Write a Micro-Manager stack that plans some slices and holds others."""
    summary = {"MicroManagerVersion": "2.0", "Frames": 1, "Slices": slices}
    summary |= {"Channels": 1, "Positions": 1, "Prefix": path.name.split("_MM")[0]}
    text = json.dumps(summary).encode()
    pixels = PLANE.astype("<u2").tobytes()
    first, size = 40 + len(text), 162 + len(pixels)
    ends = first + len(there) * size
    data = b"II*\0" + struct.pack("<I", first)
    data += struct.pack("<8I", 54773648, ends, 0, 0, 0, 0, 2355492, len(text)) + text
    for number, _ in enumerate(there):
        start = first + number * size
        tags = [
            (256, 3, 11),
            (257, 3, 9),
            (258, 3, 16),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, start + 162),
            (277, 3, 1),
            (278, 3, 9),
            (279, 4, len(pixels)),
        ]
        more = start + size if number + 1 < len(there) else 0
        head = struct.pack("<H", len(tags) + 1)
        head += b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in tags)
        head += struct.pack("<HHII", 51123, 2, 8, start + len(head) + 16)
        head += struct.pack("<I", more) + b'{"a":1}'
        data += head.ljust(162, b"\0") + pixels
    data += struct.pack("<2I", 3453623, len(there))
    for number, z in enumerate(there):
        data += struct.pack("<5I", 0, z, 0, 0, first + number * size)
    path.write_bytes(data)
    return path


@DOORS
def test_a_micro_manager_stack_with_a_gap_is_refused(
    door: Callable[[Path], None], tmp_path: Path
) -> None:
    path = micro_manager(tmp_path / "a_MMStack.ome.tif", 4, [0, 1, 3])
    with pytest.raises(FileError, match=r"1 of 4 planes are missing.*Z 2"):
        door(path)
    micro_manager(tmp_path / "b_MMStack.ome.tif", 3, [0, 1, 2])
    assert read_image(tmp_path / "b_MMStack.ome.tif").array.shape == (3, 9, 11)


def test_a_micro_manager_stack_stopped_early_says_so(tmp_path: Path) -> None:
    path = micro_manager(tmp_path / "a_MMStack.ome.tif", 9, [0, 1, 2])
    with pytest.warns(VdsrWarning, match="holds 3 of the 9 planes"):
        picture = read_image(path)
    np.testing.assert_array_equal(picture.array, [PLANE] * 3)


@DOORS
def test_a_micro_manager_set_with_a_part_missing_is_refused(
    door: Callable[[Path], None], tmp_path: Path
) -> None:
    path = micro_manager(tmp_path / "a_MMStack.ome.tif", 6, [0, 1])
    micro_manager(tmp_path / "a_MMStack_2.ome.tif", 6, [4, 5])
    with pytest.raises(FileError, match=r"2 of 6 planes are missing.*Z 2.*Z 3"):
        door(path)


def without(path: Path, index: int, **options: Any) -> Path:
    """Write tiles or strips and then say that one of them is nowhere."""
    tifffile.imwrite(path, noise((50, 60)), metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tags = tif.pages[0].tags
        for code in (324, 325) if "tile" in options else (273, 279):
            values = list(tags[code].value)
            values[index] = 0
            tags[code].overwrite(values)
    return path


@DOORS
@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 32)},
        {"tile": (16, 32), "compression": "zlib"},
        {"rowsperstrip": 8, "compression": "zlib"},
    ],
    ids=["tiles", "zlib tiles", "zlib strips"],
)
def test_missing_tiles_and_strips_are_refused(
    options: dict[str, Any], door: Callable[[Path], None], tmp_path: Path
) -> None:
    path = without(tmp_path / "a.tif", 3, **options)
    with pytest.raises(FileError, match=r"1 of \d (tiles|strips) are missing"):
        door(path)


def test_tiles_that_gdal_leaves_out_have_the_value_that_it_names(
    tmp_path: Path,
) -> None:
    options = {"tile": (16, 32), "extratags": [(42113, 2, 0, "7", True)]}
    path = without(tmp_path / "a.tif", 1, **options)
    expected = noise((50, 60))
    expected[:16, 32:] = 7
    np.testing.assert_array_equal(read_image(path).array, expected)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.pixels[0:50, 0:60], expected)


@DOORS
def test_a_cut_file_is_refused_whose_codec_would_not_mind(
    door: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((64, 64), "uint8"), compression="jpeg", metadata=None)
    door(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(FileError, match=r"cut short: 1 of 1 strips|ends too early"):
        door(path)


@pytest.mark.parametrize("within", ["lz4", "zstd"])
def test_a_cut_chunk_is_refused_before_blosc_reads_on_behind_its_end(
    within: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.zarr"
    blosc = Blosc(within)
    zarr.create_array(str(path), data=noise((64, 64)), zarr_format=2, compressors=blosc)
    read_image(path)
    whole_chunk = (path / "0.0").read_bytes()
    for length in (len(whole_chunk) - 1, len(whole_chunk) // 2, 9, 0):
        (path / "0.0").write_bytes(whole_chunk[:length])
        with pytest.raises(FileError, match=r"its chunk 0\.0 is cut short"):
            read_image(path)


def test_pages_that_an_ome_xml_passes_over_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    options = {"metadata": None, "photometric": "minisblack"}
    xml = ome_xml(2, "<TiffData/>")
    tifffile.imwrite(path, np.stack([PLANE] * 3), description=xml, **options)
    with pytest.warns(VdsrWarning, match="1 more page than its OME-XML describes"):
        assert read_image(path).array.shape == (2, 9, 11)


def test_an_ome_xml_in_another_file_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    xml = f'<OME xmlns="{SCHEMA}"><BinaryOnly MetadataFile="m.ome" UUID="a"/></OME>'
    tifffile.imwrite(path, PLANE, description=xml, metadata=None)
    with pytest.warns(VdsrWarning, match="whose metadata are in another file"):
        np.testing.assert_array_equal(read_image(path).array, PLANE)


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.jpg", "MPO")])
def test_further_images_of_a_photograph_are_told_of(
    name: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    first, second = (Pillow.fromarray(noise((9, 11), "uint8")) for _ in range(2))
    first.save(path, kind, save_all=True, append_images=[second, second])
    with pytest.warns(VdsrWarning, match="holds 3 images: the first one is read"):
        assert read_image(path).array.shape == (9, 11)


@pytest.mark.parametrize("dtype", [bool, np.complex64])
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_every_door_refuses_files_that_hold_no_intensities(
    suffix: str, dtype: Any, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    pixels = (noise((48, 48)) % 2).astype(dtype)
    if suffix == ".tif":
        tifffile.imwrite(path, pixels, metadata=None)
    else:
        zarr.create_array(str(path), data=pixels)
    config = recipe("quick", steps=1, depth=2, patch=16, batch=2)
    for act in (
        lambda: describe_image(path),
        lambda: psnr(path, path),
        lambda: evaluate(path, model="vdsr5", device="cpu"),
        lambda: train(path, config=config, device="cpu"),
    ):
        with pytest.raises(InputError, match=r"no intensities|take the real part"):
            act()

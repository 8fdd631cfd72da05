"""Zarrs as people have them: missing chunks, labels, levels, zip files, plates."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sample_pictures import noise

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files import open_image, read_image

FINE = noise((20, 24))
AXES = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]


def described(*levels: tuple[str, float]) -> dict[str, Any]:
    datasets = [
        {
            "path": path,
            "coordinateTransformations": [{"type": "scale", "scale": [step, step]}],
        }
        for path, step in levels
    ]
    return {"axes": AXES, "datasets": datasets}


def write(place: Any, *entries: dict[str, Any], above: Any = (), **ome: Any) -> None:
    """Write two levels, "0" and "1", and what is said about them."""
    said = {"ome": {"version": "0.5", "multiscales": list(entries), **ome}}
    group = zarr.create_group(place, attributes={**said, **dict(above)})
    group.create_array("0", data=FINE, chunks=(10, 12))
    group.create_array("1", data=FINE[::2, ::2])


def test_chunks_that_this_program_wrote_are_not_made_up(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(str(path), described(("0", 1)), above={"napari-vdsr": {}})
    opened = open_image(path)
    (path / "0" / "c" / "1" / "0").unlink()
    for act in (
        lambda: read_image(path),
        lambda: open_image(path),
        lambda: opened.pixels[12:15, 2:4],
        opened.read,
    ):
        with pytest.raises(FileError, match="chunk 0/c/1/0 is missing"):
            act()
    np.testing.assert_array_equal(opened.pixels[0:9, 1:24], FINE[0:9, 1:24])


def test_chunks_without_a_fill_value_are_not_made_up(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(
        str(path), data=FINE, chunks=(10, 12), zarr_format=2, fill_value=None
    )
    assert array.fill_value is None
    (path / "1.1").unlink()
    with pytest.raises(FileError, match=r"chunk 1\.1 is missing"):
        read_image(path)


def test_chunks_that_may_be_the_fill_value_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    sparse = FINE.copy()
    sparse[:10, :12] = 0
    zarr.create_array(str(path), data=sparse, chunks=(10, 12))
    with pytest.warns(VdsrWarning, match="1 of 4 chunks are not stored.* as 0"):
        np.testing.assert_array_equal(read_image(path).array, sparse)
    shutil.rmtree(path / "c")
    with pytest.warns(VdsrWarning, match="4 of 4 chunks are not stored"):
        assert not read_image(path).array.any()


@pytest.mark.parametrize("edge", [1, 10**6])
def test_a_zarr_of_absurd_size_is_refused_before_memory_is_taken(
    edge: int,
    tmp_path: Path,
    memory_below: Callable[[float], AbstractContextManager[None]],
) -> None:
    path = tmp_path / "a.zarr"
    chunks, shape = (edge, edge), (10**6, 10**6)
    zarr.create_array(str(path), shape=shape, chunks=chunks, dtype="uint8")
    with (
        memory_below(20e6),
        pytest.raises(FileError, match=r"larger chunks|GB of memory"),
    ):
        read_image(path)


def test_labels_are_refused_as_a_whole_and_by_level(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(str(path), described(("0", 1), ("1", 2)), **{"image-label": {}})
    for place in (path, path / "0"):
        with pytest.raises(FileError, match="holds labels"):
            read_image(place)


def test_the_finest_level_is_read_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(str(path), described(("1", 2), ("0", 1)))
    picture = read_image(path)
    np.testing.assert_array_equal(picture.array, FINE)
    assert picture.pixel_size == (1, 1)
    shutil.rmtree(path / "0")
    with pytest.raises(FileError, match="list a level 0, and there is no such array"):
        read_image(path)


def test_a_level_given_directly_has_its_own_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(str(path), described(("0", 0.5), ("1", 1.25)))
    picture = read_image(path / "1")
    assert (picture.pixel_size, picture.unit) == ((1.25, 1.25), "µm")
    np.testing.assert_array_equal(picture.array, FINE[::2, ::2])


def test_the_second_of_two_multiscales_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(str(path), described(("0", 1)), described(("1", 2)))
    with pytest.warns(VdsrWarning, match="2 images: the first one, 0"):
        np.testing.assert_array_equal(read_image(path).array, FINE)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("within", ["", "a.zarr"])
def test_a_zipped_zarr_is_read(within: str, tmp_path: Path) -> None:
    write(str(tmp_path / "in" / "a.zarr"), described(("0", 0.5)))
    root = tmp_path / "in" / ("" if within else "a.zarr")
    shutil.make_archive(str(tmp_path / "a.zarr"), "zip", root)
    path = tmp_path / "a.zarr.zip"
    picture = read_image(path)
    np.testing.assert_array_equal(picture.array, FINE)
    assert picture.pixel_size == (0.5, 0.5)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.pixels[3:9, 2:20], FINE[3:9, 2:20])
        assert image.identity()["files"] == 1


def test_another_zip_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("x")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "in")
    with pytest.raises(FileError, match="without a zarr in it"):
        read_image(tmp_path / "a.zip")


def test_the_hint_for_a_plate_names_an_image_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    plate = {"ome": {"version": "0.5", "plate": {"wells": [{"path": "B/07"}]}}}
    well = {"ome": {"version": "0.5", "well": {"images": [{"path": "2"}]}}}
    zarr.create_group(str(path), attributes=plate)
    zarr.create_group(str(path / "B" / "07"), attributes=well)
    write(str(path / "B" / "07" / "2"), described(("0", 1)))
    with pytest.raises(FileError, match=r"such as .*a\.zarr/B/07/2$"):
        read_image(path)
    with pytest.raises(FileError, match=r"such as .*a\.zarr/B/07/2$"):
        read_image(path / "B" / "07")
    np.testing.assert_array_equal(read_image(path / "B" / "07" / "2").array, FINE)


def test_an_address_is_no_path() -> None:
    with pytest.raises(FileError, match=r"is an address.*download it"):
        read_image("https://example.org/a.tif")


def test_a_level_that_is_listed_and_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(str(path), described(("0", 1), ("1", 2), ("2", 4)))
    with pytest.raises(FileError, match="list a level 2, and there is no such array"):
        read_image(path)

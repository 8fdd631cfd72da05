"""Names of many bytes: what is put round them while writing still fits."""

from pathlib import Path

import numpy as np
import pytest
from sample_pictures import noise

from napari_vdsr.errors import FileError
from napari_vdsr.files import Picture, check_output, read_image, write_image
from napari_vdsr.files.atomic import bounded_name
from napari_vdsr.files.ome_zarr_writer import (
    ZarrPlan,
    finish_zarr,
    part_of,
    start_zarr,
    writing_alone,
)
from napari_vdsr.files.picture import Axis, Multiscale

LONG = "細" * 80  # 240 bytes
PICTURE = Picture(noise((8, 9)), "YX")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_name_of_80_cjk_characters_can_be_written(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{LONG}{suffix}"
    write_image(path, PICTURE)
    np.testing.assert_array_equal(read_image(path).array, PICTURE.array)
    assert list(tmp_path.iterdir()) == [path]


def test_a_zarr_with_such_a_name_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / f"{LONG}.zarr"
    axes = (Axis("y", "space"), Axis("x", "space"))
    places = Multiscale(axes, (1, 1), (0, 0))
    plan = ZarrPlan([(8, 9)], "YX", np.dtype("uint16"), places)
    with writing_alone(target):
        part = start_zarr(target, plan, {}, overwrite=False)
        part.note(0, (0, 0), part.write(0, (0, 0), PICTURE.array))
        finish_zarr(part, target, plan, {}, overwrite=False)
    np.testing.assert_array_equal(read_image(target).array, PICTURE.array)
    assert part_of(target) == part_of(target) != part_of(tmp_path / f"{LONG}x.zarr")


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="has 259 bytes, and 255 are allowed"):
        check_output(tmp_path / f"{'細' * 85}.tif", PICTURE)


def test_bounded_names_stay_different() -> None:
    names = [bounded_name(LONG + end) for end in "ab"]
    assert names[0] != names[1]
    assert all(len(name.encode()) <= 200 for name in names)
    assert bounded_name("a.tif") == "a.tif"

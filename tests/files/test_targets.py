"""Names of results: what would be overwritten by mistake is refused before any work."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from sample_pictures import noise

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files import Picture, read_image, write_image
from napari_vdsr.files.atomic import replacing
from napari_vdsr.files.image_files import Inputs, check_name

GREY = Picture(noise((20, 30)), "YX")


def small_zarr(path: Path) -> Path:
    zarr.create_array(str(path), data=np.zeros((4, 4)))
    return path


def test_no_name_of_a_source_is_written_to(tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    write_image(source, GREY)
    link, hard = tmp_path / "link.tif", tmp_path / "hard.tif"
    link.symlink_to(source)
    hard.hardlink_to(source)
    for target in (source, link, hard, tmp_path / "x" / ".." / "a.tif"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=r"is the source itself, .*a\.tif"):
            write_image(target, GREY, overwrite=True, source=source)
    np.testing.assert_array_equal(read_image(source).array, GREY.array)


def test_a_source_within_the_target_is_kept(tmp_path: Path) -> None:
    plate = tmp_path / "plate.zarr"
    zarr.create_group(str(plate))
    source = small_zarr(plate / "0" / "img")
    with pytest.raises(InputError, match=r"the source .*img lies within .*plate"):
        check_name(plate, overwrite=True, source=source)
    with pytest.raises(InputError, match="lies within the source"):
        check_name(source / "new.zarr", overwrite=True, source=source)


def test_the_unfinished_form_of_a_target_may_be_a_source_too(tmp_path: Path) -> None:
    source = small_zarr(tmp_path / "out.zarr.part")
    with pytest.raises(InputError, match="is the source itself"):
        check_name(tmp_path / "out.zarr", overwrite=True, source=source)


def test_every_image_of_a_batch_is_a_source(tmp_path: Path) -> None:
    inputs, results = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    results.mkdir()
    for name in "ab":
        write_image(inputs / f"{name}.tif", GREY)
    (results / "a.tif").symlink_to(inputs / "b.tif")
    write_image(results / "d.tif", GREY)
    (inputs / "c.tif").symlink_to(results / "d.tif")
    batch = Inputs(sorted(inputs.iterdir()))
    for name, source in (("a", "b"), ("d", "c")):
        with pytest.raises(InputError, match=rf"is the source itself, .*{source}\.tif"):
            batch.check(results / f"{name}.tif")
    batch.check(results / "b.tif")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".zarr"])
def test_loops_of_links_and_long_paths_are_named(suffix: str, tmp_path: Path) -> None:
    loop = tmp_path / f"loop{suffix}"
    loop.symlink_to(loop)
    for target, message in (
        (loop, "Too many levels|no folder"),
        (loop / f"a{suffix}", "Too many levels|no folder"),
        (tmp_path / f"{'x' * 300}{suffix}", "has 30. bytes"),
    ):
        with pytest.raises(FileError, match=message):
            check_name(target, overwrite=True, source=None)
        with pytest.raises(FileError, match=f"cannot write .*|{message}"):
            write_image(target, GREY, overwrite=True)
    with (
        pytest.raises(FileError, match="Too many"),
        replacing(loop, overwrite=True),
    ):
        pass


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 30)])
def test_a_path_that_is_too_long_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="too long"):
        read_image(tmp_path / f"{name}.tif")


def test_junk_of_file_managers_is_no_reason_to_keep_a_zarr(tmp_path: Path) -> None:
    target = small_zarr(tmp_path / "a.zarr")
    (target / ".DS_Store").write_bytes(b"x")
    check_name(target, overwrite=True, source=None)
    (target / "mine.csv").write_bytes(b"x")
    with pytest.raises(FileError, match=r"also holds mine\.csv"):
        check_name(target, overwrite=True, source=None)
    shutil.rmtree(target)

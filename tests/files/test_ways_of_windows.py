"""What Windows does differently, imitated: open files, no links, long paths."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_pictures import noise

from napari_vdsr.errors import FileError
from napari_vdsr.files import Picture, read_image, write_image
from napari_vdsr.files.atomic import file_name, locked, replacing

PICTURE = Picture(noise((8, 9)), "YX")


def refusing(code: int, words: str) -> Any:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, words)

    return refuse


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "The process cannot access the file: it is being used"),
        (errno.ENOENT, "The system cannot find the path specified"),  # over 260 letters
    ],
)
def test_a_target_that_cannot_be_replaced_stays_as_it_is(
    code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.tif"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", refusing(code, words))
    with pytest.raises(FileError, match=rf"cannot write .*a\.tif: {words}"):
        write_image(target, PICTURE, overwrite=True)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_disks_without_links_are_written_and_nothing_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refusing(errno.ENOTSUP, "not supported"))
    target = tmp_path / "a.tif"
    write_image(target, PICTURE)
    np.testing.assert_array_equal(read_image(target).array, PICTURE.array)
    with (
        pytest.raises(FileError, match="exists already"),
        replacing(tmp_path / "b.tif", overwrite=False) as temporary,
    ):
        temporary.write_bytes(b"new")
        (tmp_path / "b.tif").write_bytes(b"somebody's")
    assert (tmp_path / "b.tif").read_bytes() == b"somebody's"


def test_a_temporary_file_that_a_scanner_holds_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", refusing(errno.EACCES, "in use"))
    write_image(tmp_path / "a.tif", PICTURE)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, PICTURE.array)


def test_a_lock_that_is_held_open_is_released_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "a.lock"
    with monkeypatch.context() as windows:
        windows.setattr(Path, "unlink", refusing(errno.EACCES, "in use"))
        with locked(lock, "taken"):
            with pytest.raises(FileError, match="taken"), locked(lock, "taken"):
                pass
    with locked(lock, "taken"):
        pass


def test_back_slashes_in_a_name_are_no_folders_elsewhere(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("here they are folders")
    path = tmp_path / "a\\b.tif"
    write_image(path, PICTURE)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a\\b.tif"]


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("con", "_con"),
        ("NUL.tif", "_NUL.tif"),
        ("COM1 ", "_COM1"),
        ("lpt¹", "_lpt¹"),
        ("console", "console"),
        ("my nul", "my nul"),
        ("C:\\a<b>|?*", "C__a_b____"),
        ("end. ", "end"),
    ],
)
def test_names_of_layers_become_names_that_windows_has_for_files(
    name: str, there: str
) -> None:
    assert file_name(name) == there

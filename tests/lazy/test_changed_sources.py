"""Somebody changes the source while it is enlarged: never a result of two images."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from streaming_helpers import Once, files_of, noise, plain_zarr, stream, tiny_model

import napari_vdsr
from napari_vdsr.errors import FileError
from napari_vdsr.files import open_image, write_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.picture import Picture, planned_array
from napari_vdsr.lazy import upscale_levels
from napari_vdsr.lazy.graph import files_of as sources_of
from napari_vdsr.lazy.graph import readable
from napari_vdsr.zoo import Model

IMAGE = noise((600, 620))
TIFFS = {
    "contiguous": {},
    "strips": {"rowsperstrip": 50, "compression": "zlib"},
    "tiles": {"tile": (64, 64)},
}


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def a_zarr(folder: Path) -> Path:
    return plain_zarr(folder / "in.zarr", IMAGE)


def a_tiff(folder: Path, kind: str = "contiguous") -> Path:
    tifffile.imwrite(folder / "in.tif", IMAGE, metadata=None, **TIFFS[kind])
    return folder / "in.tif"


def removed(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def half_removed(path: Path) -> None:
    for chunk in sorted((path / "c").iterdir())[3:]:
        shutil.rmtree(chunk)


def replaced(path: Path) -> None:
    other = path.with_name("other")
    (shutil.copytree if path.is_dir() else shutil.copy)(path, other)
    os.utime(other / "zarr.json" if path.is_dir() else other, (1, 1))
    path.rename(path.with_name("old"))
    other.rename(path)


def rewritten_zarr(path: Path) -> None:
    zarr.open_array(str(path), mode="r+")[:] = IMAGE[::-1]


def swapped(path: Path) -> None:
    """Two chunks change places, which changes no sum and no time of theirs."""
    one, two = path / "c" / "0" / "0", path / "c" / "3" / "3"
    one.rename(path / "kept")
    two.rename(one)
    (path / "kept").rename(two)


def rewritten_tiff(path: Path) -> None:
    tifffile.imwrite(path, IMAGE[::-1].copy(), metadata=None)
    os.utime(path, (1e9, 1e9))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


ATTACKS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], None]]] = {
    "zarr removed": (a_zarr, removed),
    "zarr half removed": (a_zarr, half_removed),
    "zarr replaced": (a_zarr, replaced),
    "zarr rewritten": (a_zarr, rewritten_zarr),
    "zarr swapped": (a_zarr, swapped),
    "tiff removed": (a_tiff, removed),
    "tiff replaced": (a_tiff, replaced),
    "tiff rewritten": (a_tiff, rewritten_tiff),
    "tiff cut": (a_tiff, cut),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_source_that_changes_gives_no_result(
    attack: str, model: Model, tmp_path: Path
) -> None:
    make, change = ATTACKS[attack]
    source, target = make(tmp_path), tmp_path / "out.zarr"
    progress = Once(2, lambda: change(source))
    with pytest.raises(FileError, match=r"missing|was changed while|cannot read"):
        stream(source, target, model, axes="YX", progress=progress)
    assert not target.exists()
    assert part_of(target).is_dir(), "what is finished is kept"


def test_what_comes_back_is_gone_on_with(model: Model, tmp_path: Path) -> None:
    source, target = a_zarr(tmp_path), tmp_path / "out.zarr"
    stream(source, tmp_path / "whole" / "out.zarr", model, axes="YX")

    def hide() -> None:
        source.rename(tmp_path / "away")

    with pytest.raises(FileError):
        stream(source, target, model, axes="YX", progress=Once(2, hide))
    (tmp_path / "away").rename(source)
    counts = stream(source, target, model, axes="YX")
    assert counts.good >= 2
    assert files_of(target) == files_of(tmp_path / "whole" / "out.zarr")


def test_after_a_change_no_chunk_is_trusted(model: Model, tmp_path: Path) -> None:
    source, target = a_tiff(tmp_path), tmp_path / "out.zarr"
    before = source.stat()
    with pytest.raises(FileError, match="was changed while"):
        stream(
            source,
            target,
            model,
            axes="YX",
            progress=Once(2, lambda: rewritten_tiff(source)),
        )
    tifffile.imwrite(source, IMAGE, metadata=None)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))  # as from a backup
    assert stream(source, target, model, axes="YX").good == 0


@pytest.mark.parametrize("kind", TIFFS)
def test_a_tiff_that_is_cut_while_it_is_read_is_an_error(
    kind: str, tmp_path: Path
) -> None:
    source = a_tiff(tmp_path, kind)
    with open_image(source) as image:
        image.pixels[0:10, 0:10]
        cut(source)
        with pytest.raises(FileError, match=r"in\.tif"):
            image.pixels[550:600, 0:620]
        with pytest.raises(FileError, match=r"in\.tif"):
            image.read()


def test_a_chunk_that_goes_is_not_the_fill_value(tmp_path: Path) -> None:
    source = a_zarr(tmp_path)
    with open_image(source, axes_told=True) as image:
        assert image.pixels[0:10, 0:10].any()
        half_removed(source)
        with pytest.raises(FileError, match=r"its chunk c/5/0 is missing"):
            image.pixels[550:600, 0:100]
        np.testing.assert_array_equal(image.pixels[0:100, 0:620], IMAGE[:100])


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.bmp", "in.tif"])
def test_pixels_never_get_the_identity_of_a_later_file(
    name: str, tmp_path: Path
) -> None:
    source = tmp_path / name
    write_image(source, Picture((IMAGE >> 8).astype(np.uint8), "YX"))
    with open_image(source) as image:
        replaced(source)
        for look in (image.identity, image.read):
            with pytest.raises(FileError, match=f"{name} was changed while"):
                look()
    with open_image(source) as image:  # it stays as it is
        assert image.identity() == image.identity()
        assert image.read().array.shape == IMAGE.shape


def test_a_file_that_fails_its_last_check_leaves_no_result(tmp_path: Path) -> None:
    source, target = a_tiff(tmp_path), tmp_path / "out.tif"
    with open_image(source) as image:
        before = image.identity()
        rewritten_tiff(source)
        picture = image.picture.enlarged(planned_array(IMAGE.shape, IMAGE.dtype))
        with pytest.raises(FileError, match=r"in\.tif was changed while"):
            write_image(
                target,
                picture,
                pixels=image.pixels,
                check=lambda: image.check_unchanged(before),
            )
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_a_damaged_source_leaves_nothing_that_blocks_the_mended_one(
    model: Model, tmp_path: Path
) -> None:
    source, target = a_tiff(tmp_path, "strips"), tmp_path / "out.zarr"
    whole = source.read_bytes()
    source.write_bytes(whole[:1000] + bytes(len(whole) - 1000))
    with pytest.raises(FileError):
        stream(source, target, model, axes="YX")
    assert list(tmp_path.iterdir()) == [source]
    source.write_bytes(whole)
    stream(source, target, model, axes="YX")


SMALL = IMAGE[:60, :70]


def grouped(folder: Path) -> Any:
    group = zarr.open_group(str(folder / "in.zarr"), mode="w")
    return group.create_array("0", data=SMALL, chunks=(30, 40))


ARRAYS: dict[str, Callable[[Path], Any]] = {
    "zarr": lambda path: zarr.open_array(str(path)),
    "zarr in a group": lambda path: grouped(path.parent),
    "zarr 2": lambda path: zarr.open_array(
        str(plain_zarr(path, SMALL, zarr_format=2, overwrite=True))
    ),
    "dask of a path": lambda path: da.from_zarr(str(path)),
    "dask of a zarr": lambda path: da.from_zarr(zarr.open_array(str(path)), chunks=30),
    "dask of parts": lambda path: da.from_zarr(str(path))[:, ::-1].rechunk(40),
}


@pytest.fixture(params=ARRAYS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    path = plain_zarr(tmp_path / "in.zarr", SMALL, chunks=(30, 40))
    return ARRAYS[request.param](path)


def test_arrays_of_zarrs_that_are_gone_are_not_read(
    stored: Any, model: Model, tmp_path: Path
) -> None:
    levels = upscale_levels(stored, 4, model=model, device="cpu")
    read = readable(stored)
    pixels = np.asarray(stored)
    expected = napari_vdsr.upscale(pixels, 4, model=model, device="cpu")
    assert (levels[0].compute() == expected).all()
    assert (read[:, :] == pixels).all()
    assert levels[1].shape == (120, 140), "made of the pixels of the source, too"
    assert sources_of(levels[0]) == sources_of(stored) == {tmp_path / "in.zarr"}
    removed(tmp_path / "in.zarr")
    for lazy in levels[:2]:
        with pytest.raises(FileError, match=r"in\.zarr.* is not there any more"):
            lazy.compute()
    with pytest.raises(FileError, match="is not there any more"):
        read[:, :]


def test_chunks_that_were_never_stored_are_the_fill_value(
    model: Model, tmp_path: Path
) -> None:
    path, options = str(tmp_path / "in.zarr"), {"model": model, "device": "cpu"}
    empty = zarr.create_array(
        path, shape=(60, 70), chunks=(30, 40), dtype="uint8", fill_value=7
    )
    for array in (empty, da.from_zarr(path)):
        assert (napari_vdsr.upscale(array, 2, **options).compute() == 7).all()

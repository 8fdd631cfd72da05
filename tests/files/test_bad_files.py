"""Files that cannot be read or written: a clear error, and nothing left behind."""

import contextlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image
from sample_pictures import noise

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files import (
    Picture,
    check_output,
    list_images,
    read_image,
    write_image,
)
from napari_vdsr.images.find import named

GREY = Picture(noise((40, 50), "uint8"), "YX")
COLOUR = Picture(noise((40, 50, 3), "uint8"), "YXS", rgb=True)

TIFF_KINDS = {
    "plain": {"metadata": None},
    "noted": {},
    "ome": {"ome": True, "metadata": {"axes": "CZYX"}},
    "imagej": {"imagej": True, "metadata": {"axes": "ZCYX"}},
    "zlib": {"compression": "zlib"},
    "tiled": {"tile": (16, 16), "compression": "zlib", "metadata": None},
    "strips": {"rowsperstrip": 8, "metadata": None},
}


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_a_cut_tiff_is_an_error_or_whole_never_less(kind: str, tmp_path: Path) -> None:
    stack = noise((3, 2, 40, 50))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, **TIFF_KINDS[kind])
    data = path.read_bytes()
    refused = 0
    for length in {*range(1, len(data), len(data) // 25), *range(1, 400, 23)}:
        path.write_bytes(data[:-length])
        try:
            np.testing.assert_array_equal(
                read_image(path).array.reshape(stack.shape), stack
            )
        except FileError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
def test_a_cut_picture_is_an_error(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(skimage.data.astronaut()[:60, :60]).save(path)
    data = path.read_bytes()
    for part in (0.001, 0.1, 0.5, 0.9):
        path.write_bytes(data[: 4 + int(part * len(data))])
        with pytest.raises(FileError, match=f"{path.name}.*damaged or cut short"):
            read_image(path)


def test_a_png_with_a_flipped_bit_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, GREY)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="damaged"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello world, this is text", "not TIFF, PNG, JPEG or BMP"),
        (os.urandom(10_000).replace(b"B", b"b"), "not TIFF, PNG, JPEG or BMP"),
        (b"II*\0" + bytes(200), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "damaged"),
        (b"\x89PNG\r\n\x1a\n", r"damaged or cut short \(it holds no PNG image\)"),
        (b"BM" + bytes(5), r"damaged or cut short \(it holds no BMP image\)"),
    ],
    ids=["empty", "text", "noise", "tiff", "png", "jpeg", "no png", "no bmp"],
)
def test_what_is_no_image_is_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(FileError, match=message):
        read_image(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        read_image(tmp_path / "a.png")
    with pytest.raises(FileError, match="is a folder"):
        read_image(tmp_path)


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((0, 5), np.uint8))
    with pytest.raises(FileError, match=r"no pixels: its shape is \(0, 5\)"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("photometric", ["separated", "cielab"])
def test_colours_of_other_kinds_are_refused(photometric: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    samples = 4 if photometric == "separated" else 3
    array = noise((5, 6, samples), "uint8")
    tifffile.imwrite(path, array, photometric=photometric, planarconfig="contig")
    with pytest.raises(FileError, match=f"{photometric.upper()} colours"):
        read_image(path)


def test_cmyk_jpeg_is_refused(tmp_path: Path) -> None:
    Image.fromarray(COLOUR.array).convert("CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(FileError, match="CMYK"):
        read_image(tmp_path / "a.jpg")


def test_an_image_named_as_another_kind_is_read_by_its_content(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", GREY)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").array, GREY.array)


@pytest.mark.parametrize(
    ("picture", "name", "message"),
    [
        (Picture(noise((4, 5), "float32"), "YX"), "a.png", "uint8 and uint16.*float32"),
        (Picture(noise((4, 5), "uint16"), "YX"), "a.jpg", "uint8.*uint16.*PNG or TIFF"),
        (Picture(noise((4, 5), "uint16"), "YX"), "a.bmp", "uint8.*uint16"),
        (Picture(noise((2, 4, 5), "uint8"), "ZYX"), "a.png", "one image plane.*ZYX"),
        (Picture(noise((4, 5, 4), "uint8"), "YXS", rgb=True), "a.jpg", "4 samples"),
        (Picture(noise((4, 5, 5), "uint8"), "YXS"), "a.png", "5 samples"),
        (
            Picture(np.broadcast_to(np.uint8(0), (2, 65501)), "YX"),
            "a.jpg",
            "ends at 65500",
        ),
        (GREY, "a.gif", "must end in .tif"),
        (GREY, "a", "must end in .tif"),
    ],
)
def test_a_format_that_cannot_hold_the_picture_is_refused(
    picture: Picture, name: str, message: str, tmp_path: Path
) -> None:
    for function in (check_output, write_image):
        target, arguments = tmp_path / name, (picture,)
        with pytest.raises(InputError, match=message):
            function(target, *arguments)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_refused_unless_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(FileError, match=r"a\.png exists already"):
        write_image(path, GREY)
    assert path.read_bytes() == b"precious"
    write_image(path, GREY, overwrite=True)
    np.testing.assert_array_equal(read_image(path).array, GREY.array)


def test_a_file_made_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_vdsr.files import image_files

    path = tmp_path / "a.png"
    real = image_files.write_raster

    def slow(*arguments: object) -> None:
        real(*arguments)
        path.write_bytes(b"precious")

    monkeypatch.setattr(image_files, "write_raster", slow)
    with pytest.raises(FileError, match="exists already"):
        write_image(path, GREY)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    write_image(source, GREY)
    before = source.read_bytes()
    link = tmp_path / "b.png"
    link.symlink_to(source)
    for target in (source, link, tmp_path / ".." / tmp_path.name / "a.png"):
        with pytest.raises(InputError, match="source itself"):
            write_image(target, COLOUR, overwrite=True, source=source)
    assert source.read_bytes() == before


def test_places_that_cannot_be_written_to_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    for name, message in {
        "missing/a.png": "does not exist",
        "file/a.png": "is no folder",
        "folder.png": "no regular file",
    }.items():
        with pytest.raises(FileError, match=message):
            write_image(tmp_path / name, GREY, overwrite=True)


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    write_image(tmp_path / "link.png", GREY, overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    np.testing.assert_array_equal(read_image(tmp_path / "real.png").array, GREY.array)


def test_new_files_have_usual_permissions_and_old_ones_keep_theirs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    (tmp_path / "usual").touch()
    write_image(path, GREY)
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o640)
    write_image(path, GREY, overwrite=True)
    if os.name == "posix":  # Windows knows only "read-only"
        assert path.stat().st_mode & 0o777 == 0o640


@pytest.fixture
def small_disk(mounted: Callable[[str], Path]) -> Path:
    """Give a file system of 1.5 MB."""
    return mounted("1536k")


def test_too_little_space_is_found_before_writing(small_disk: Path) -> None:
    picture = Picture(noise((1000, 1000), "uint8"), "YX")
    with pytest.raises(FileError, match=r"1\.6 MB free.*needs about 2\.0 MB"):
        check_output(small_disk / "a.tif", picture)
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    name: str, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_vdsr.files import image_files

    monkeypatch.setattr(image_files, "check_space", lambda *_: None)
    kept = small_disk / f"old-{name}"
    write_image(kept, GREY)
    before = kept.read_bytes()
    values = np.random.default_rng(0).integers(0, 255, (1500, 1500), np.uint8)
    with pytest.raises(FileError, match="disk is full"):
        write_image(kept, Picture(values, "YX"), overwrite=True)
    assert kept.read_bytes() == before
    assert list(small_disk.iterdir()) == [kept]


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.png", "a.jpg", "a.bmp"])
def test_a_limit_on_file_size_leaves_nothing(name: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(FileError, match="disk is full or a size limit"):
            write_image(tmp_path / name, Picture(values, "YX"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_vdsr.files import image_files

    def interrupted(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(image_files, "write_raster", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", GREY)
    assert not list(tmp_path.iterdir())


def test_a_folder_lists_its_images_and_no_hidden_files(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.ome.tif", "sub/c.jpeg", ".hidden.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "d.png").touch()
    names = [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)]
    assert names == ["a.ome.tif", "b.PNG", "sub/c.jpeg"]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(FileError, match="is not a folder"):
        list_images(tmp_path / "missing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_pipes_and_devices_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.tif").symlink_to("/dev/zero")
    for name in ("pipe.png", "link.tif"):
        with pytest.raises(FileError, match=f"{name} is no regular file"):
            read_image(tmp_path / name)
    with pytest.raises(FileError, match="holds no image"):
        named(tmp_path)


@pytest.mark.parametrize("tags", [0, 1])
def test_a_circle_of_pages_has_an_end(tags: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY.array, metadata=None)
    with tifffile.TiffFile(path) as tif:
        first = tif.pages.first.offset
        count = len(tif.pages.first.tags)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, first + 2 + 12 * count, len(data))
    entry = struct.pack("<HHII", 254, 4, 1, 0) * tags
    data += struct.pack("<H", tags) + entry + struct.pack("<I", len(data))
    path.write_bytes(data)
    with contextlib.suppress(FileError):  # what is left may be one whole page
        read_image(path)

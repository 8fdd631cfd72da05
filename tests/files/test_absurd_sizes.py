"""Headers that promise what no file can hold: refused in a moment, in words."""

import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import tifffile
from sample_pictures import noise

from napari_vdsr.errors import FileError
from napari_vdsr.files import open_image, read_image

ZLIB = {"compression": "zlib"}


@pytest.mark.parametrize(
    ("tag", "value", "options", "message"),
    [
        (322, 0, {"tile": (16, 16)}, "have .* x .* pixels"),
        (323, 0, {"tile": (16, 16), **ZLIB}, "have .* x .* pixels"),
        (278, 0, {"rowsperstrip": 8, **ZLIB}, "have 0 x 44 pixels"),
        (257, 2**31, {"rowsperstrip": 8, **ZLIB}, "promises 94,489,280,512 pixels"),
        (257, 2**31 - 1, ZLIB, "cannot be in"),
        (256, 2**31 - 1, {"rowsperstrip": 8, **ZLIB}, "cannot be in"),
        (257, 2**31 - 1, {}, "cannot be in"),
        (257, 2**31 - 1, {"compression": "zstd"}, "GB of memory|strips are missing"),
    ],
)
def test_sizes_that_cannot_be_are_refused_before_memory_is_taken(
    tag: int,
    value: int,
    options: dict[str, Any],
    message: str,
    tmp_path: Path,
    memory_below: Callable[[float], AbstractContextManager[None]],
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((36, 44)), metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags[tag].overwrite(value)
    with memory_below(20e6):
        with pytest.raises(FileError, match=message):
            read_image(path)
        with pytest.raises(FileError, match=message), open_image(path) as image:
            image.pixels[0:1, 0:1]


def test_more_than_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    class Little:
        available = 2**28
        free = 0

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, shape=(20_000, 20_000), dtype="uint8", metadata=None)
    monkeypatch.setattr(psutil, "virtual_memory", Little)
    monkeypatch.setattr(psutil, "swap_memory", Little)
    with open_image(path) as image:
        assert image.pixels[5:6, 7:9].shape == (1, 2)
        with pytest.raises(FileError, match=r"a\.tif needs 0\.4 GB of memory"):
            image.read()


@pytest.mark.parametrize("colours", [0, 2, 6])
def test_a_png_that_cannot_hold_its_pixels_is_refused_at_once(
    colours: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    header = struct.pack(">IIBBBBB", 65_000, 65_000, 8, colours, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(2**20))), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
            for name, content in chunks
        )
    )
    with pytest.raises(FileError, match="promises 4,225,000,000 pixels"):
        read_image(path)

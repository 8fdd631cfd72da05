"""Damaged files of every kind: ``python tests/files/mutants.py 3000`` reads so many.

Each is read whole and in part. Right is an image or a `FileError`, within seconds and
within bounded memory; anything else is listed.
"""

import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from PIL import Image

from napari_vdsr.errors import FileError, VdsrError
from napari_vdsr.files import open_image, write_image
from napari_vdsr.files.ngff import ngff_attributes
from napari_vdsr.files.ome_zarr_writer import described

PIXELS = np.random.default_rng(0).integers(0, 250, (48, 40, 3), np.uint8)
GREY = PIXELS[..., 0].astype("u2") * 16
SECONDS = 5.0
NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**16 - 1, 255)


def tiffs() -> Iterator[bytes]:
    """Give a TIFF file of each kind."""
    stack = np.stack([GREY] * 3)
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (GREY, {"metadata": None}),
        (PIXELS, {"photometric": "rgb", "compression": "zlib", "rowsperstrip": 7}),
        (PIXELS, {"photometric": "rgb", "compression": "jpeg", "tile": (16, 16)}),
        (stack, {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.2}}),
        (stack, {"imagej": True, "metadata": {"axes": "ZYX", "unit": "micron"}}),
        (GREY, {"compression": "lzw", "predictor": True, "bigtiff": True}),
        (GREY, {"compression": "zstd", "tile": (16, 32), "byteorder": ">"}),
        (PIXELS, {"photometric": "rgb", "planarconfig": "separate"}),
        (PIXELS[..., 0], {"compression": "packbits", "photometric": "miniswhite"}),
    ]
    for data, options in kinds:
        if "planarconfig" in options:
            data = np.ascontiguousarray(data.transpose(2, 0, 1))
        file = BytesIO()
        tifffile.imwrite(file, data, **{"photometric": "minisblack", **options})
        yield file.getvalue()


def pictures(kind: str) -> Iterator[bytes]:
    """Give files of a kind that Pillow writes, with what else they may hold."""
    exif = Image.Exif()
    exif[0x0112] = 6
    options: dict[str, Any] = {"dpi": (300, 200)}
    if kind != "BMP":
        options |= {"exif": exif, "icc_profile": b"profile" * 20}
    for array in (PIXELS, PIXELS[..., 0]):
        for mode in (None, "1", "P") if kind != "JPEG" else (None,):
            image = Image.fromarray(array)
            file = BytesIO()
            (image if mode is None else image.convert(mode)).save(file, kind, **options)
            yield file.getvalue()
    if kind == "JPEG":
        file = BytesIO()
        Image.fromarray(PIXELS).save(file, kind, progressive=True)
        yield file.getvalue()
    if kind == "PNG":
        file = BytesIO()
        Image.fromarray(GREY).save(file, kind)
        yield file.getvalue()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes, mostly of the header."""
    content = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        end = min(len(content), chance.choice((64, 400, len(content))))
        place = chance.randrange(max(1, end))
        match chance.randrange(6):
            case 0:
                content[place] ^= 1 << chance.randrange(8)
            case 1:
                content[place] = chance.choice((0, 1, 127, 128, 255))
            case 2:
                size = chance.choice((2, 4, 8))
                number = chance.choice(NUMBERS) % (1 << 8 * size)
                order = "little" if chance.random() < 0.5 else "big"
                content[place : place + size] = number.to_bytes(size, order)
            case 3:
                del content[place : place + chance.choice((1, 4, 30))]
            case 4:
                content[place:place] = content[place : place + 12]
            case 5:
                del content[max(8, chance.randrange(len(content))) :]
        if len(content) < 9:
            content = bytearray(data[:40])
    return bytes(content)


VALUES: tuple[Any, ...] = (
    None, -1, 0, 1, 2**31, 10**12, 1.5, float("nan"), "", "x", "yx", "|O", "<f8",
    [], [0], [1, 1], [10**9, 10**9], [-1, 4], {}, {"name": "x"}, True, [None],
    [[1]], "0.1", "9", "../..", "nothing",
)  # fmt: skip


def mutated_json(content: Any, chance: random.Random) -> Any:
    """Change, remove or move one value somewhere within."""
    places: list[tuple[Any, Any]] = []
    stack = [content]
    while stack:
        each = stack.pop()
        pairs = each.items() if isinstance(each, dict) else enumerate(each)
        for key, value in list(pairs):
            places.append((each, key))
            if isinstance(value, (dict, list)):
                stack.append(value)
    holder, key = chance.choice(places)
    if isinstance(holder, dict) and chance.random() < 0.2:
        del holder[key]
    elif isinstance(holder, list) and chance.random() < 0.3:
        holder.append(holder[key])
    else:
        holder[key] = chance.choice(VALUES)
    return content


def make_zarr(path: Path, version: int) -> Path:
    """Write an OME-Zarr of two levels, of zarr 2 or 3."""
    steps = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    window = {"min": 0, "max": 9, "start": 0, "end": 5}
    channels = [{"label": n, "color": "FF0000", "window": window} for n in "ab"]
    datasets = [{"path": p, "coordinateTransformations": steps} for p in "01"]
    ome: dict[str, Any] = {
        "multiscales": [{"name": "n", "axes": axes, "datasets": datasets}],
        "omero": {"channels": channels},
    }
    if version == 3:
        ome = {"ome": {"version": "0.5", **ome}}
    group: Any = zarr.create_group(str(path), zarr_format=version, attributes=ome)
    for name, size in (("0", 24), ("1", 12)):
        data = np.arange(2 * size * size, dtype="u2").reshape(2, size, size)
        group.create_array(name, data=data, chunks=(1, 8, 8))
    return path


def mutants(folder: Path, seed: int) -> Iterator[tuple[str, Path]]:
    """Write damaged files one after the other, without end."""
    chance = random.Random(seed)
    files = {"tif": list(tiffs())}
    for kind in ("PNG", "JPEG", "BMP"):
        files[kind.lower()] = list(pictures(kind))
    whole = [make_zarr(folder / f"whole{version}", version) for version in (2, 3)]
    while True:
        for suffix, originals in files.items():
            path = folder / f"mutant.{suffix}"
            path.write_bytes(mutated(chance.choice(originals), chance))
            yield suffix, path
        path = folder / "mutant.zarr"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(chance.choice(whole), path)
        documents = [
            each
            for each in sorted(path.rglob("*"))
            if each.name.startswith(("zarr.json", ".z")) and each.stat().st_size > 9
        ]
        document = chance.choice(documents)
        if chance.random() < 0.2:
            document.write_bytes(mutated(document.read_bytes(), chance))
        else:
            changed = mutated_json(json.loads(document.read_text()), chance)
            document.write_text(json.dumps(changed))
        yield "zarr", path


class Slow(BaseException):
    """It took too long."""


def fault_of(path: Path) -> str | None:
    """Read a file whole and in part; None when it is an image or a clear error."""

    def stop(*_: object) -> None:
        raise Slow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_image(path, axes_told=True) as image:
                shape = image.picture.array.shape
                if image.picture.array.nbytes < 2**24:
                    picture = image.read()
                    assert picture.array.shape == shape
                    result = path.with_name("result.tif")
                    write_image(result, picture.enlarged(picture.array), overwrite=True)
                    json.dumps(ngff_attributes(described(picture), [shape], "0.5"))
                corner = tuple(slice(0, min(size, 9)) for size in shape)
                part = image.pixels[corner]
                assert part.shape == tuple(one.stop for one in corner)
    except (FileError, VdsrError):
        return None
    except Slow:
        return f"no answer in {SECONDS} s: {traceback.format_exc(limit=-3)}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}: {traceback.format_exc(limit=-3)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return None


def main(count: int, seed: int) -> int:
    """Read so many mutants, and list those that are faults."""
    limit = 8 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    faults: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        for number, (kind, path) in enumerate(mutants(Path(name), seed)):
            if number == count:
                break
            started = time.perf_counter()
            fault = fault_of(path)
            slowest = max(slowest, time.perf_counter() - started)
            kinds[kind] += 1
            if fault is not None:
                if not faults[fault.partition("\n")[0]]:
                    print(number, kind, fault)
                faults[fault.partition("\n")[0]] += 1
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    print(
        f"{count} mutants ({counts}), seed {seed}: {sum(faults.values())} faults, "
        f"slowest {slowest:.1f} s"
    )
    return int(bool(faults))


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    sys.exit(main(*(given + [500, 0][len(given) :])))

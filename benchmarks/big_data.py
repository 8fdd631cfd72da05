"""Images larger than memory: how long, and how much memory.

    python benchmarks/big_data.py stream

`stream` enlarges generated files of 4,096 x 4,096 and 8,192 x 8,192 pixels into files,
OME-Zarr and TIFF, each in a process of its own. The model has five layers and random
weights: what it makes does not matter for time and memory.

Times are of the wall: measure on a machine that does nothing else. Memory is the most
that the process had, libraries included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_CHUNK = 512
_SIZES = (4096, 8192)

_COMMAND = """
import re, sys
from napari_vdsr.cli import main
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print("PEAK", re.search(r"VmHWM:\\s*(\\d+)", file.read())[1])
sys.exit(status)
"""


def main() -> None:
    """Run one of the measurements and print what came out as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    measure = {"stream": stream}
    parser.add_argument("what", choices=[*measure])
    options = parser.parse_args()
    result = {
        "measurement": options.what,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        **measure[options.what](options),
    }
    print(json.dumps(result, indent=2))


def stream(options: argparse.Namespace) -> dict[str, Any]:
    """Enlarge files of two sizes into files, and compare the memory that it takes."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        model = _model_of_five_layers(Path(folder) / "five.safetensors")
        for kind in ("zarr", "tif"):
            for size in _SIZES:
                source = Path(folder) / f"{size}.{kind}"
                (_write_zarr if kind == "zarr" else _write_tiff)(source, size)
                target = Path(folder) / f"{size}-x2.{kind}"
                command = ["upscale", source, target, "--model", model]
                rows.append({"kind": kind, "size": size, **_run(command)})
                print(rows[-1], file=sys.stderr, flush=True)
    ratios = {
        kind: round(large["peak MB"] / small["peak MB"], 3)
        for kind, small, large in zip(
            ("zarr", "tif"), rows[::2], rows[1::2], strict=True
        )
    }
    return {"model": "5 layers", "runs": rows, "memory 8192 : 4096": ratios}


def _model_of_five_layers(path: Path) -> Path:
    """Write a model in a process of its own, so that this one stays small."""
    code = (
        "import sys, torch; from napari_vdsr.network import VDSR; "
        "from napari_vdsr.zoo import Model; torch.manual_seed(0); "
        "Model(VDSR(5).requires_grad_(False), 'five').save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    return path


def _tile(y: int, x: int) -> "np.ndarray[Any, np.dtype[np.uint16]]":
    """Part of an image that is not the same everywhere."""
    generator = np.random.default_rng((y, x))
    return generator.integers(0, 4096, (_CHUNK, _CHUNK), dtype=np.uint16)


def _write_zarr(path: Path, size: int) -> None:
    import zarr

    array = zarr.create_array(
        str(path),
        shape=(size, size),
        chunks=(_CHUNK, _CHUNK),
        dtype="uint16",
        dimension_names=["y", "x"],
    )
    for y in range(0, size, _CHUNK):
        for x in range(0, size, _CHUNK):
            array[y : y + _CHUNK, x : x + _CHUNK] = _tile(y, x)


def _write_tiff(path: Path, size: int) -> None:
    import tifffile

    places = range(0, size, _CHUNK)
    tiles = (_tile(y, x) for y in places for x in places)
    options: dict[str, Any] = {"tile": (_CHUNK, _CHUNK), "compression": "zlib"}
    tifffile.imwrite(path, tiles, shape=(size, size), dtype=np.uint16, **options)


def _run(command: list[str | Path]) -> dict[str, float]:
    """Time and memory of a command of napari-vdsr, in a fresh process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    peak = int(done.stdout.split("PEAK")[1]) / 1000
    return {"seconds": round(seconds, 1), "peak MB": round(peak)}


if __name__ == "__main__":
    main()

"""Images larger than memory: how long, and how much memory.

    python benchmarks/big_data.py viewer
    python benchmarks/big_data.py workers
    python benchmarks/big_data.py stream

`viewer` enlarges a generated image of 20,000 x 20,000 pixels lazily, adds it to napari
and waits until one screenful at full magnification is there. It needs a display; where
there is none, put ``xvfb-run -a`` before the line. `workers` enlarges one image on
clusters of one and of two processes, with one thread each. `stream` enlarges generated
files of 4,096 x 4,096 and 8,192 x 8,192 pixels into files, OME-Zarr and TIFF, each in a
process of its own, with the model of five layers.

Times are of the wall: measure on a machine that does nothing else. Memory is the most
that the process had, libraries included.
"""

import argparse
import json
import os
import resource
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
    measure = {"viewer": viewer, "workers": workers, "stream": stream}
    parser.add_argument("what", choices=[*measure, "generate"])
    parser.add_argument("path", type=Path, nargs="?", help="of an image to generate")
    parser.add_argument("--size", type=int, help="pixels per edge of the source")
    parser.add_argument("--model", help="vdsr20, and vdsr5 for stream, if not given")
    options = parser.parse_args()
    options.model = options.model or ("vdsr5" if options.what == "stream" else "vdsr20")
    if options.what == "generate":
        generate(options.path, options.size)
        return
    result = {
        "measurement": options.what,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "model": options.model,
        **measure[options.what](options),
    }
    print(json.dumps(result, indent=2))


def viewer(options: argparse.Namespace) -> dict[str, Any]:
    """Add a large image, enlarged lazily, to napari and look at a part of it."""
    import napari
    import zarr

    from napari_vdsr.lazy import upscale_levels

    with tempfile.TemporaryDirectory() as folder:
        size = options.size or 20_000
        source = _generated(Path(folder) / "source.zarr", size)
        window = napari.Viewer(show=True)
        before = _peak()
        start = time.perf_counter()
        levels = upscale_levels(zarr.open(source), 2, model=options.model)
        described = time.perf_counter()
        layer = window.add_image(
            levels, multiscale=True, contrast_limits=(0, 4095), name="large"
        )
        _draw(window)
        added = time.perf_counter()
        camera = getattr(window, "scene", window).camera  # as of napari 0.9
        camera.center, camera.zoom = (size + 100.0, size + 100.0), 1.0
        _draw(window)
        shown = time.perf_counter()
        screenful = layer._slice.image.raw.shape
        level = layer.data_level
        window.close()
    return {
        "source": [size, size],
        "result": list(levels[0].shape),
        "screenful": list(screenful),
        "level": level,
        "seconds": {
            "describing it": round(described - start, 2),
            "adding it": round(added - described, 2),
            "a screenful": round(shown - added, 2),
            "together": round(shown - start, 2),
        },
        "peak MB": {"before": before, "after": _peak()},
    }


def workers(options: argparse.Namespace) -> dict[str, Any]:
    """Enlarge an image on one and on two worker processes, in turn."""
    import zarr
    from distributed import Client, LocalCluster

    import napari_vdsr

    seconds: dict[str, list[float]] = {"1": [], "2": []}
    images = []
    with tempfile.TemporaryDirectory() as folder:
        size = options.size or 2048
        source = zarr.open(_generated(Path(folder) / "source.zarr", size))
        for turn in range(2):
            for count in seconds:
                cluster = LocalCluster(
                    n_workers=int(count),
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                )
                with cluster, Client(cluster):
                    lazy = napari_vdsr.upscale(source, 2, model=options.model)
                    lazy.blocks[:2, :1].compute()  # the model is made ready
                    target = Path(folder) / f"{turn}-{count}.zarr"
                    start = time.perf_counter()
                    lazy.to_zarr(str(target))
                    seconds[count].append(round(time.perf_counter() - start, 1))
                images.append(zarr.open(target)[:])
    best = {count: min(times) for count, times in seconds.items()}
    return {
        "source": [size, size],
        "seconds": seconds,
        "times faster with 2": round(best["1"] / best["2"], 2),
        "identical": all(np.array_equal(images[0], image) for image in images),
    }


def generate(path: Path, size: int) -> None:
    """Write a zarr of uint16 with detail everywhere, chunk by chunk."""
    import zarr

    random = np.random.default_rng(0)
    image = zarr.create_array(
        path, shape=(size, size), chunks=(_CHUNK, _CHUNK), dtype="uint16"
    )
    for y in range(0, size, _CHUNK):
        rows = min(_CHUNK, size - y)
        noise = random.normal(2000, 100, (rows, size)).astype(np.float32)
        noise += 800 * np.sin(np.arange(size, dtype=np.float32) / 7)
        image[y : y + rows] = noise.clip(0, 4095).astype(np.uint16)


def _generated(path: Path, size: int) -> Path:
    """Generate an image in another process, whose memory does not count here."""
    command = [sys.executable, __file__, "generate", str(path), "--size", str(size)]
    subprocess.run(command, check=True)
    return path


def _draw(window: Any) -> None:
    """Let napari do all that it has to do for the next picture."""
    from qtpy.QtWidgets import QApplication

    for _ in range(5):
        QApplication.processEvents()
    window.window._qt_viewer.canvas.on_draw(None)
    for _ in range(5):
        QApplication.processEvents()


def _peak() -> int:
    """The most memory that this process has had, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


def stream(options: argparse.Namespace) -> dict[str, Any]:
    """Enlarge files of two sizes into files, and compare the memory that it takes."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("zarr", "tif"):
            for size in _SIZES:
                source = Path(folder) / f"{size}.{kind}"
                (_write_zarr if kind == "zarr" else _write_tiff)(source, size)
                target = Path(folder) / f"{size}-x2.{kind}"
                command = ["upscale", source, target, "--model", options.model]
                rows.append({"kind": kind, "size": size, **_run(command)})
                print(rows[-1], file=sys.stderr, flush=True)
    ratios = {
        kind: round(large["peak MB"] / small["peak MB"], 3)
        for kind, small, large in zip(
            ("zarr", "tif"), rows[::2], rows[1::2], strict=True
        )
    }
    return {"runs": rows, "memory 8192 : 4096": ratios}


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

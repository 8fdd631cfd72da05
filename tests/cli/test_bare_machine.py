"""A machine with torch, numpy and what reads files: a server with a GPU, say."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_vdsr.files import read_image

# As if they were not installed: found by nobody, not even by `find_spec`.
CODE = """
import sys
from importlib.machinery import PathFinder

names = "napari npe2 qtpy PyQt5 PyQt6 PySide6 pyqtgraph superqt magicgui dask "
names += "distributed pooch openvino zarr numcodecs scipy skimage onnx onnxruntime "
missing = {*(names + sys.argv[1]).split()}
found = PathFinder.find_spec

def find(cls, name, path=None, target=None):
    return None if name.partition(".")[0] in missing else found(name, path, target)

PathFinder.find_spec = classmethod(find)
from napari_vdsr.cli import main

for command in sys.argv[2:]:
    status = main(command.split())
    if status:
        sys.exit(status)
"""


def run(*commands: str, missing: str = "") -> str:
    """Run commands in one process without some libraries; what they print."""
    # Whoever runs the tests may allow warnings, as those of old libraries.
    allowed = os.environ.get("PYTHONWARNINGS")
    warnings = f"error,{allowed}" if allowed else "error"
    done = subprocess.run(
        [sys.executable, "-c", CODE, missing, *commands],
        env=os.environ | {"PYTHONWARNINGS": warnings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_speed_is_measured_with_torch_alone() -> None:
    files = "tifffile PIL imagecodecs psutil platformdirs filelock tqdm"
    said = run("bench --device cpu --largest 64 --repeats 1", missing=files)
    rows = [line.split() for line in said.splitlines() if line.startswith("  cpu ")]
    sizes = [row for row in rows if row[3:5] == ["20", "64"]]
    assert sizes
    # Without psutil nothing tells the memory of the process.
    assert all(row[2] == "torch" and row[-1] == "-" for row in sizes)


def test_a_network_is_trained_from_files_and_enlarges_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for index in range(3):
        pixels = (random.random((40, 48)) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    model, result = tmp_path / "mine.safetensors", tmp_path / "large.tif"
    options = "--recipe quick --steps 2 --depth 3 --batch 2 --patch 16 --device cpu"
    run(
        f"train {tmp_path} --output {model} {options}",
        f"upscale {tmp_path / '0.png'} {result} --model {model} --device cpu",
    )
    assert read_image(result).array.shape == (80, 96)

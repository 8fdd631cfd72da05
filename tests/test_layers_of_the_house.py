"""Imports run downward only, and what is heavy stays in its room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_vdsr

PACKAGE = Path(napari_vdsr.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Lower rooms have lower numbers; a room may use its own level's neighbours not at all.
LEVELS = {
    "errors": 0,
    "progress": 0,
    "network": 1,
    "imaging": 1,
    "files": 1,
    "models": 2,
    "inference": 3,
    "training": 3,
    "evaluation": 3,
    "layers": 4,
    "lazy": 4,
    "api": 5,
    "plugin": 6,
    "cli": 6,
}
# Evaluation scores what inference makes, and training is scored by evaluation.
NEIGHBOURS = {("evaluation", "inference"), ("training", "evaluation")}
NEIGHBOURS |= {("training", "inference"), ("layers", "lazy"), ("errors", "progress")}
NEIGHBOURS |= {("progress", "errors")}

ONLY_IN = {
    "PyQt5": set(),
    "PyQt6": set(),
    "PySide6": set(),
    "dask": {"lazy"},
    "distributed": {"lazy"},
    "magicgui": {"plugin"},
    "napari": {"layers", "plugin"},
    "pyqtgraph": {"plugin"},
    "qtpy": {"plugin"},
    "superqt": {"plugin"},
    "tifffile": {"files"},
    "typer": {"cli"},
    "zarr": {"files"},
}


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(module: Path) -> Iterator[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            yield node.module
            if node.module == "napari_vdsr":
                yield from (f"napari_vdsr.{alias.name}" for alias in node.names)


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_imports_run_downward(module: Path) -> None:
    room = room_of(module)
    if room == "__init__":
        return
    for name in imported(module):
        parts = name.split(".")
        if parts[0] != "napari_vdsr" or len(parts) < 2 or parts[1] not in LEVELS:
            continue
        target = parts[1]
        allowed = (
            target == room
            or (room, target) in NEIGHBOURS
            or LEVELS[target] < LEVELS[room]
        )
        assert allowed, f"{name_of(module)} imports {name}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_heavy_libraries_stay_in_their_room(module: Path) -> None:
    for name in imported(module):
        rooms = ONLY_IN.get(name.split(".")[0])
        assert rooms is None or room_of(module) in rooms, f"{name} in {module.name}"


def test_the_engine_runs_with_torch_numpy_and_safetensors_alone() -> None:
    rooms = ("network", "imaging", "inference", "training")
    names = [
        ".".join(("napari_vdsr", *module.relative_to(PACKAGE).with_suffix("").parts))
        for module in MODULES
        if room_of(module) in rooms
    ]
    code = f"""
import importlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"skimage", "scipy", "pooch", "platformdirs", "dask",
                                  "napari", "tifffile", "zarr", "typer", "tqdm"}}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
for name in {names}:
    importlib.import_module(name.removesuffix(".__init__"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_file_is_far_above_300_lines(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 360

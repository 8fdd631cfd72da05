"""Imports run downward only, and what is heavy stays in its room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import napari_vdsr

PACKAGE = Path(napari_vdsr.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import what has a lower number.
LEVELS = {
    "errors": 0,
    "version": 0,
    "last_used": 1,
    "memory": 1,
    "progress": 1,
    "network": 2,
    "imaging": 2,
    "files": 2,
    "simulation": 3,
    "zoo": 3,
    "images": 3,
    "options": 4,
    "inference": 5,
    "evaluation": 6,
    "lazy": 6,
    "training": 7,
    "pipeline": 7,
    "layers": 8,
    "benchmark": 8,
    "api": 9,
    "plugin": 10,
    "cli": 10,
    "__main__": 11,
}
PANELS = ("enlarge", "scores", "training")

ONLY_IN = {
    "PyQt5": set(),
    "PyQt6": set(),
    "PySide6": set(),
    "dask": {"lazy"},
    "distributed": {"lazy"},
    "filelock": {"files"},
    "magicgui": {"plugin"},
    "napari": {"layers", "plugin"},
    "psygnal": {"plugin"},
    "pyqtgraph": {"plugin"},
    "qtpy": {"plugin"},
    "requests": {"zoo"},
    "tifffile": {"files"},
    "typer": {"cli"},
    "zarr": {"files"},
}

QT = {"PyQt5", "PyQt6", "PySide6", "magicgui", "pyqtgraph", "qtpy", "superqt"}


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def dotted(module: Path) -> str:
    parts = module.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("napari_vdsr", *parts)).removesuffix(".__init__")


def imported(module: Path, members: bool = False) -> Iterator[str]:
    """Modules that are imported; with members what is taken of them, too."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            yield node.module
            if members or node.module == "napari_vdsr":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def is_allowed(room: str, target: str) -> bool:
    return target == room or LEVELS[target] < LEVELS[room]


def test_imports_run_downward() -> None:
    upward = []
    for module in MODULES:
        room = room_of(module)
        for name in imported(module) if room != "__init__" else ():
            package, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if package != "napari_vdsr" or target not in LEVELS:
                continue
            if not is_allowed(room, target):
                upward.append(f"{name_of(module)} imports {name}")
    assert not upward


def test_every_room_has_its_level() -> None:
    assert {room_of(module) for module in MODULES} - {"__init__"} <= set(LEVELS)


def test_no_files_import_one_another_in_a_circle() -> None:
    known = {dotted(module): module for module in MODULES}
    graph: dict[str, set[str]] = {}
    for name, module in known.items():
        wanted = set(imported(module, members=True))
        graph[name] = wanted & set(known) - {"napari_vdsr"}
    tuple(TopologicalSorter(graph).static_order())  # CycleError names a circle


def test_panels_do_not_know_one_another() -> None:
    rooms = [f"napari_vdsr.plugin.{panel}" for panel in PANELS]
    astray = [
        f"{name_of(module)} imports {name}"
        for module in MODULES
        for name in imported(module)
        if module.parent.name in PANELS and room_of(module) == "plugin"
        if name.startswith(tuple(rooms))
        and not name.startswith(f"napari_vdsr.plugin.{module.parent.name}")
    ]
    assert not astray
    assert {path.parent.name for path in MODULES} >= set(PANELS)


def test_heavy_libraries_stay_in_their_room() -> None:
    astray = []
    for module in MODULES:
        for name in imported(module):
            rooms = ONLY_IN.get(name.split(".")[0])
            if rooms is not None and room_of(module) not in rooms:
                astray.append(f"{name_of(module)} imports {name}")
    assert not astray


def test_what_the_panels_know_needs_no_qt() -> None:
    """So it can be read and tested without a window."""
    names = ("checks jobs layers plan planning settings unfinished words work").split()
    rooms = [path for path in MODULES if room_of(path) == "plugin"]
    assert set(names) <= {path.stem for path in rooms}
    astray = [
        f"{name_of(module)} imports {name}"
        for module in rooms
        for name in imported(module)
        if module.stem in names and name.split(".")[0] in QT
    ]
    assert not astray


def test_the_simulated_microscope_needs_numpy_and_scipy_alone() -> None:
    room = [module for module in MODULES if room_of(module) == "simulation"]
    names = {name for module in room for name in imported(module)}
    others = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert others == {"napari_vdsr", "numpy", "scipy"}
    own = {name.split(".")[1] for name in names if name.startswith("napari_vdsr.")}
    assert own == {"errors", "imaging", "memory", "simulation"}


def test_the_engine_runs_with_torch_numpy_and_safetensors_alone() -> None:
    rooms = ("network", "imaging", "images", "inference", "training")
    names = [
        dotted(module)
        for module in MODULES
        if room_of(module) in rooms and module.stem != "triton_layers"
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
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_file_is_far_above_300_lines() -> None:
    lengths = {
        name_of(module): len(module.read_text(encoding="utf-8").splitlines())
        for module in MODULES
    }
    assert not {name: length for name, length in lengths.items() if length > 390}

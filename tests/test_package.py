"""The installed package: metadata, start-up, examples in docstrings."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import entry_points, metadata, requires

import pytest

import napari_vdsr

MODULES = [
    module.name
    for module in pkgutil.walk_packages(napari_vdsr.__path__, "napari_vdsr.")
    if not module.name.endswith("__main__")
]


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_version_has_one_source() -> None:
    assert metadata("napari-vdsr")["Version"] == napari_vdsr.__version__


def test_no_qt_binding_is_required() -> None:
    needed = [line for line in requires("napari-vdsr") or () if "extra ==" not in line]
    assert needed
    assert not [line for line in needed if line.lower().startswith(("pyqt5", "pyqt6"))]
    assert not [line for line in needed if line.lower().startswith("pyside")]
    assert not [line for line in needed if line.lower().startswith("napari[")]


def test_napari_and_the_shell_find_the_package() -> None:
    (manifest,) = entry_points(group="napari.manifest", name="napari-vdsr")
    assert manifest.value == "napari_vdsr:napari.yaml"
    (command,) = entry_points(group="console_scripts", name="napari-vdsr")
    assert callable(command.load())


def test_import_loads_neither_torch_nor_qt_nor_napari() -> None:
    heavy = {"torch", "napari", "qtpy", "magicgui", "numpy", "dask", "PyQt6"}
    loaded = run("import sys, napari_vdsr; print(*sys.modules)").split()
    assert "napari_vdsr" in loaded
    assert not heavy & set(loaded)


def test_import_loads_nothing_but_a_few_modules_of_the_package_and_python() -> None:
    code = "import sys; known = {*sys.modules}; import napari_vdsr"
    loaded = set(run(f"{code}; print(*{{*sys.modules}} - known)").split())
    own = {name for name in loaded if name.startswith("napari_vdsr")}
    assert len(own) < 10
    assert {name.partition(".")[0] for name in loaded - own} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", napari_vdsr.__all__)
def test_public_names_are_there_and_documented(name: str) -> None:
    assert getattr(napari_vdsr, name).__doc__


def test_public_functions_stay_functions_when_all_is_imported() -> None:
    # A subpackage of the same name would take a function's place.
    code = f"""
import importlib, napari_vdsr
for name in {[name for name in MODULES if name.count(".") == 1]}:
    importlib.import_module(name)
names = napari_vdsr.__all__
print(*(name for name in names if not callable(getattr(napari_vdsr, name))))
"""
    assert run(code) == ""


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        napari_vdsr.no_such_name  # noqa: B018


def test_examples_in_docstrings_run() -> None:
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    results = {
        name: doctest.testmod(importlib.import_module(name), optionflags=flags)
        for name in MODULES
        if not name.endswith("triton_layers")  # tests/inference has them
    }
    assert sum(result.attempted for result in results.values()) > 10
    assert not {name: result for name, result in results.items() if result.failed}

"""Triton and the OpenGL of Mesa, which bring an LLVM each, in one process."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from napari_vdsr.inference.torch_engine import keep_llvm_apart

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")

# A window drawn by OpenGL, then a training: the order in which napari's users go.
CODE = """
from qtpy.QtWidgets import QApplication
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

application = QApplication([])
surface = QOffscreenSurface()
surface.create()
context = QOpenGLContext()
assert context.create() and context.makeCurrent(surface)

from napari_vdsr.network import VDSR
from napari_vdsr.training import recipe
from napari_vdsr.training.optimise import make_optimiser

make_optimiser(VDSR(depth=3), recipe("quick"))
"""


@needs_linux
@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_a_training_beside_opengl_lives() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def imitated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a Triton whose library is no library."""
    library = tmp_path / "triton" / "_C" / "libtriton.so"
    library.parent.mkdir(parents=True)
    (tmp_path / "triton" / "__init__.py").touch()
    library.write_bytes(b"no library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    keep_llvm_apart.cache_clear()
    yield library
    keep_llvm_apart.cache_clear()


@needs_linux
def test_the_library_is_loaded_by_itself(
    imitated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[Any, int]] = []
    monkeypatch.setattr(
        ctypes, "CDLL", lambda path, mode: loaded.append((path, mode & 8))
    )
    keep_llvm_apart()
    assert loaded == [(str(imitated), os.RTLD_DEEPBIND)]


def test_a_damaged_library_is_left_to_who_needs_it(imitated: Path) -> None:
    keep_llvm_apart()

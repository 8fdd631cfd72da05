"""What to paste into a bug report."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import napari_vdsr

Run = Callable[..., Any]


def test_info_names_devices_versions_and_cache_and_loads_no_window(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; from napari_vdsr.cli import main; main(['info', '--json']); "
        "heavy = {'napari', 'qtpy', 'PyQt6'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NAPARI_VDSR_CACHE": str(tmp_path)},
        check=True,
        stdout=subprocess.PIPE,
    )
    found = json.loads(done.stdout)
    assert found["napari_vdsr"] == napari_vdsr.__version__
    assert found["versions"]["torch"] == version("torch")
    assert found["versions"]["napari"] == version("napari")
    assert found["cache"] == str(tmp_path)
    cpu = found["devices"][-1]
    assert cpu["name"] == "cpu"
    assert cpu["default_precision"] == "float32"
    assert "float32" in cpu["precisions"]
    assert "float16" not in cpu["precisions"]
    assert found["cores"] >= 1
    assert found["threads"] >= 1


def test_info_is_as_complete_for_people(run: Run) -> None:
    outcome = run("info")
    assert outcome.status == 0
    for words in ("cpu: float32", f"torch {version('torch')}", "cache", "threads"):
        assert words in outcome.out

"""The command, run in this process or as a program of its own."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from napari_vdsr.cli import main


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run the command in this process, which is faster than a program."""
    monkeypatch.setenv("COLUMNS", "500")  # messages in one line

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Outcome(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def program() -> str:
    """Give the path of the installed command."""
    found = shutil.which("napari-vdsr", path=str(Path(sys.executable).parent))
    assert found is not None, "napari-vdsr is not installed beside this Python"
    return found

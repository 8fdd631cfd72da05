"""Signals while a library is imported, and a second one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_vdsr.cli.console import signals_to_heed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT")

PROGRAM = """
import signal
import sys
import time
from napari_vdsr.cli.console import Interrupted, signals_raise

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may run the tests
with signals_raise():
    try:
        {work}
        print("waiting", flush=True)
        time.sleep(60)
    except Interrupted as end:
        print("tidying", flush=True)
        if {hangs}:
            time.sleep(60)
        sys.exit(end.status)
"""

# A library that takes whatever goes wrong for a missing part of it.
LIBRARY = """
try:
    print("importing", flush=True)
    input()
except BaseException as error:
    raise ImportError(error)
"""


def started(
    folder: Path, work: str = "", hangs: bool = False
) -> "subprocess.Popen[str]":
    (folder / "a_library.py").write_text(LIBRARY)
    program = PROGRAM.format(work=work or "pass", hangs=hangs)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_signal_waits_while_a_library_is_imported(tmp_path: Path) -> None:
    with started(tmp_path, "import a_library") as process:
        assert line_of(process) == "importing"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate("go on\n")
    assert out.splitlines()[-1] == "tidying"
    assert process.returncode == 130


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_program(
    second: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path, hangs=True) as process:
        assert line_of(process) == "waiting"
        process.send_signal(signal.SIGINT)
        assert line_of(process) == "tidying"
        process.send_signal(second)
        process.wait()
    assert process.returncode == -second


def test_the_end_of_a_terminal_lets_files_be_tidied_up(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        assert line_of(process) == "waiting"
        process.send_signal(signal.SIGHUP)
        assert line_of(process) == "tidying"
        process.wait()
    assert process.returncode == 128 + signal.SIGHUP


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert set(signals_to_heed()) == {signal.SIGINT, signal.SIGTERM}
    finally:
        signal.signal(signal.SIGHUP, before)

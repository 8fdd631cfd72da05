"""Streams that are missing, full, closed or poor in characters."""

import errno
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_vdsr.cli import main
from napari_vdsr.cli.console import SteadyStream, note, print_json, show, steady_streams
from napari_vdsr.files import Picture, read_image, write_image

Run = Callable[..., Any]

WORDS = "9 × 8 – 0.1 µm 漢字 \udcff"
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


class Failing(io.StringIO):
    """A stream whose end is closed or full."""

    def __init__(self, number: int, *, when_flushed: bool = False) -> None:
        super().__init__()
        self._number, self._when_flushed = number, when_flushed

    def write(self, text: str) -> int:
        if not self._when_flushed:
            raise OSError(self._number, "No space left on device")
        return len(text)

    def flush(self) -> None:
        raise OSError(self._number, "No space left on device")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "cp932"])
def test_messages_survive_every_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    poor = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", poor)
    monkeypatch.setattr(sys, "stderr", poor)
    with steady_streams():
        show(WORDS)
        note(WORDS)
    lines = raw.getvalue().decode(encoding).splitlines()
    assert lines[1] == f"napari-vdsr: {lines[0]}"
    assert lines[0].startswith("9 ")
    assert lines[0].endswith("\\udcff")
    if encoding == "utf-8":
        assert lines[0].startswith("9 × 8 – 0.1 µm 漢字")
    assert sys.stdout is poor


def test_a_stream_keeps_its_own_way_with_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="replace")
    steady = SteadyStream(stream)
    steady.write("µ")
    steady.finish()
    assert raw.getvalue() == b"?"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_missing_or_closed_stream_takes_everything(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.random.default_rng(0).integers(0, 255, (9, 8), np.uint8)
    write_image(tmp_path / "a.png", Picture(array, "YX"))
    closed = io.StringIO()
    closed.close()
    for number, stream in enumerate((None, closed)):
        monkeypatch.setattr(sys, name, stream)
        target = tmp_path / f"{number}.png"
        status = main(["upscale", str(tmp_path / "a.png"), str(target)])
        assert status == 0
        assert read_image(target).array.shape == (18, 16)


@pytest.mark.parametrize("when_flushed", [True, False])
@pytest.mark.parametrize(
    "command", [["models", "path"], ["models", "path", "--json"], ["--version"], ["-h"]]
)
def test_a_full_output_is_said_and_fails(
    command: list[str],
    when_flushed: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = Failing(errno.ENOSPC, when_flushed=when_flushed)
    monkeypatch.setattr(sys, "stdout", full)
    assert main(command) == 1
    assert capsys.readouterr().err == (
        "napari-vdsr: error: cannot write to standard output: No space left on device\n"
    )


@needs_posix
def test_a_reader_that_has_had_enough_is_no_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(errno.EPIPE))
    assert main(["models", "path"]) == 0
    assert capsys.readouterr().err == ""


def test_full_messages_lose_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.random.default_rng(0).integers(0, 255, (9, 8), np.uint8)
    write_image(tmp_path / "a.png", Picture(array, "YX"))
    monkeypatch.setattr(sys, "stderr", Failing(errno.ENOSPC))
    assert main(["upscale", str(tmp_path / "a.png"), str(tmp_path / "b.png")]) == 0
    assert read_image(tmp_path / "b.png").array.shape == (18, 16)
    assert main(["psnr", "nosuch.png", "nosuch.png"]) == 1


@needs_posix
def test_a_result_never_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os, sys; from napari_vdsr.cli import main; main(['--version']); "
        f"file = open({str(tmp_path / 'file')!r}, 'w'); sys.exit(file.fileno() < 3)"
    )
    command = f'"{sys.executable}" -c "{code}" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command]).returncode == 0


@needs_posix
def test_the_module_is_the_program() -> None:
    command = f'"{sys.executable}" -m napari_vdsr --help 2>&1'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Usage: napari-vdsr" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["--json"],
        ["upscale", "--json"],
        ["upscale", "a.png", "b.png", "--nonsense", "--json"],
        ["psnr", "a.png", "b.png", "--luminance", "perhaps", "--json"],
        ["models", "nonsense", "--json"],
    ],
)
def test_with_json_wrong_use_is_an_object(command: list[str], run: Run) -> None:
    outcome = run(*command)
    assert outcome.status == 2
    error = json.loads(outcome.out)["error"]
    assert error["type"] == "UsageError"
    assert error["message"] in outcome.err


def test_a_file_called_json_asks_for_nothing(run: Run) -> None:
    assert run("describe", "--", "--json").out == ""


def test_json_is_one_object_with_numbers_that_json_knows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with steady_streams():
        print_json({"a": float("nan"), "b": [(float("inf"), 1.5)], "c": {"d": "NaN"}})
        print_json({"error": "too late"})
    found = json.loads(capsys.readouterr().out)
    assert found == {"a": None, "b": [[None, 1.5]], "c": {"d": "NaN"}}

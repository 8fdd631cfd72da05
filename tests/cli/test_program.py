"""The installed program itself: start-up, signals, streams."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import napari_vdsr
from napari_vdsr.files import Picture, read_image, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_posix = pytest.mark.skipif(
    sys.platform == "win32", reason="signals are another thing on Windows"
)


def test_help_is_quick_because_torch_is_not_imported() -> None:
    code = (
        "import sys; from napari_vdsr.cli import main; main(['upscale', '--help']); "
        "loaded = {'torch', 'napari', 'qtpy', 'tifffile', 'numpy'} & set(sys.modules); "
        "sys.exit(f'imported {loaded}' if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_program_says_its_version(program: str) -> None:
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{napari_vdsr.__version__}\n")


def test_the_program_works(program: str, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (9, 8), np.uint8)
    write_image(tmp_path / "a.png", Picture(array, "YX"))
    done = subprocess.run(
        [program, "upscale", "a.png", "b.png", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["output"] == "b.png"
    assert read_image(tmp_path / "b.png").array.shape == (18, 16)


@needs_posix
def test_a_folder_that_is_gone_is_named_before_anything_is_loaded(
    program: str, tmp_path: Path
) -> None:
    """A library ended the process: it was killed."""
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(
        ["sh", "-c", f"rmdir '{folder}'; exec '{program}' upscale a.png b.png --json"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: the current folder is gone" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(done.stdout)["error"]["type"] == "FileError"


@needs_posix
def test_a_reader_that_has_had_enough_is_no_fault(program: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{program}' models list | true"], capture_output=True, text=True
    )
    assert done.stderr == ""


@pytest.fixture
def long_job(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Start work that takes minutes, and wait until it is under way."""
    stack = np.zeros((160, 300, 300), np.uint8)
    write_image(tmp_path / "a.tif", Picture(stack, "ZYX"))
    code = """
import sys
from napari_vdsr import pipeline
from napari_vdsr.cli import main

work = pipeline.upscale_array

def begun(*arguments, **options):
    print("begun", flush=True)
    return work(*arguments, **options)

pipeline.upscale_array = begun
options = "--model vdsr5 --tile 64 --json".split()
sys.exit(main(["upscale", "a.tif", "b.tif", *options]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        try:
            assert job.stdout is not None
            assert job.stdout.readline() == "begun\n"
            yield job
        finally:
            job.kill()


@needs_posix
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
    ],
)
def test_a_signal_ends_the_program_and_leaves_no_file(
    number: int, status: int, long_job: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    time.sleep(0.5)
    long_job.send_signal(number)
    out, err = long_job.communicate(timeout=120)
    assert long_job.returncode == status
    assert json.loads(out)["error"] == {"type": "Interrupted", "message": "interrupted"}
    assert "interrupted" in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@needs_posix
def test_a_kill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "b.tif").write_bytes(b"precious")
    code = f"""
import os, signal
import numpy as np
from napari_vdsr.files import Picture, image_files, write_image

def killed(path, *_, **__):
    path.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

image_files.write_tiff = killed
picture = Picture(np.zeros((4, 5), np.uint8), "YX")
write_image({str(tmp_path / "b.tif")!r}, picture, overwrite=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "b.tif").read_bytes() == b"precious"


@needs_posix
def test_lines_on_a_terminal_begin_where_lines_begin(
    program: str, tmp_path: Path
) -> None:
    """A bar that was there for a moment only was left standing before a message."""
    import pty

    (tmp_path / "in").mkdir()
    for name in "abc":
        array = np.random.default_rng(0).integers(0, 255, (9, 8), np.uint8)
        write_image(tmp_path / "in" / f"{name}.png", Picture(array, "YX"))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [program, "upscale", "in", "out", "--model", "vdsr5"],
        cwd=tmp_path,
        stderr=theirs,
    ) as job:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while part := os.read(ours, 4096):
                written += part
    os.close(ours)
    assert job.returncode == 0
    assert written.count(b"napari-vdsr: ") >= 3
    for before in written.split(b"napari-vdsr: ")[:-1]:
        assert before.endswith((b"\r", b"\n")) or not before

"""What all tests share."""

import errno
import gc
import os
import signal
import subprocess
import tempfile
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from napari_vdsr.errors import Cancelled

# Images in tests are small: more threads would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# napari reads this when it is imported. Tests reset its settings, and those of whoever
# runs them are to stay as they are.
_SETTINGS = tempfile.TemporaryDirectory(prefix="napari-vdsr-tests-")
os.environ["NAPARI_CONFIG"] = os.path.join(_SETTINGS.name, "settings.yaml")

# A machine under load is slow, which is no fault of what is tested.
settings.register_profile("project", deadline=None, max_examples=30)
settings.load_profile("project")

Hold = Callable[[Callable[[], None]], object]

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Benchmark images and reference weights, kept beside the repository.

Their owners do not allow us to pass them on, so a clone has none of them.
"""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its argument, not by what is in it.

    A file's bytes may hold the time at which they were made. Processes that share the
    tests (``-n 2``) stop when names of tests differ between them.
    """
    return argname if isinstance(val, str | bytes) and len(val) > 100 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked ``needs_shared`` where there is no such folder."""
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason=f"benchmark images and weights not at {SHARED}")
    for item in items:
        if item.get_closest_marker("needs_shared"):
            item.add_marker(skip)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is imported, which takes seconds.

    dask asks when it is imported whether the collector is enabled, so it is.
    """
    usual = gc.get_threshold()
    gc.set_threshold(0)
    result = yield
    gc.set_threshold(*usual)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Look for garbage among what a test makes, not in all that was there before.

    Going through torch, napari and what pytest keeps took a quarter of the time of
    some tests.
    """
    gc.freeze()
    result = yield
    gc.unfreeze()
    return result


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of benchmark images and weights, or skip."""
    if not SHARED.is_dir():
        pytest.skip(f"benchmark images and weights not at {SHARED}")
    return SHARED


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give what mounts a file system of so many bytes, such as "3m", or skips."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small file system can be mounted by root only")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def memory_below() -> Callable[[float], AbstractContextManager[None]]:
    """Give what fails where more than so many bytes are in use at once."""

    @contextmanager
    def below(most: float) -> Iterator[None]:
        tracemalloc.start()
        try:
            yield
            assert tracemalloc.get_traced_memory()[1] < most
        finally:
            tracemalloc.stop()

    return below


class CountingBar:
    """A progress bar that nobody sees; `last` is the update at which it cancels."""

    def __init__(self) -> None:
        self.total: float | None = None
        self.done = 0.0
        self.updates = 0
        self.last: int | None = None

    def reset(self, total: float | None = None) -> None:
        self.total, self.done = total, 0.0

    def update(self, n: float = 1) -> None:
        self.done += n
        self.updates += 1
        if self.updates == self.last:
            raise Cancelled("stopped")


@pytest.fixture
def progress() -> CountingBar:
    """What counts how far the work is, and can cancel it."""
    return CountingBar()


@pytest.fixture
def child_code() -> Callable[[Hold, Callable[[], int]], int]:
    """Fork while another thread holds something; the child's exit code is its work's.

    What holds gets a function that it has to call while it does.
    """

    def code(hold: Hold, work: Callable[[], int]) -> int:
        held, go = threading.Event(), threading.Event()

        def wait() -> None:
            held.set()
            go.wait()

        thread = threading.Thread(target=hold, args=(wait,))
        thread.start()
        held.wait()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads
            child = os.fork()
        if child == 0:
            os._exit(work())
        go.set()
        thread.join()
        end = threading.Timer(30, os.kill, (child, signal.SIGKILL))  # if it waits
        end.start()
        status = os.waitpid(child, 0)[1]
        end.cancel()
        return os.waitstatus_to_exitcode(status)

    return code


@pytest.fixture
def refuse_to_list(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let nobody list a folder; root, who may, would not notice its permissions."""
    usual = os.scandir

    def refuse(folder: Path) -> None:
        def scandir(path: Any) -> Any:
            if Path(path) == folder:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return usual(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return refuse

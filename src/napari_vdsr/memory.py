"""How much memory is free: of the machine, and of the container around us."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OWN_GROUPS = Path("/proc/self/cgroup")
_ALL_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Bytes that can be taken before the system ends this process."""
    import psutil

    machine: int = psutil.virtual_memory().available + psutil.swap_memory().free
    return max(0, min((machine, *_left_to_groups())))


def _left_to_groups() -> Iterator[int]:
    """Bytes left to each control group of Linux around this process, if it has a limit.

    A container is such a group; the kernel ends a process that goes beyond.
    """
    with suppress(OSError):
        for line in _OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":  # version 2
                files = "memory.max", "memory.current"
                yield from _left(_ALL_GROUPS, path, *files, "inactive_file")
            elif "memory" in controllers.split(","):  # version 1
                memory = _ALL_GROUPS / "memory"
                files = "memory.limit_in_bytes", "memory.usage_in_bytes"
                yield from _left(memory, path, *files, "total_inactive_file")


def _left(root: Path, path: str, limit: str, used: str, cache: str) -> Iterator[int]:
    """The same for a group and those that it lies in.

    In a container its own group can be the root, and `path` be known outside alone.
    """
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        with suppress(OSError, ValueError):  # "max", or no such group
            most = int((folder / limit).read_text())
            yield most - int((folder / used).read_text()) + _cached(folder, cache)


def _cached(folder: Path, kind: str) -> int:
    """Bytes of files that the kernel gives back when somebody needs them."""
    lines = (folder / "memory.stat").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(kind)), 0)

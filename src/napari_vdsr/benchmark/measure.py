"""Time and memory of a call, and what the machine could do at best."""

import platform
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from threading import Event, Thread
from typing import NamedTuple

import torch

from napari_vdsr.inference.device import processor_name, usable_threads

_SAMPLING = 0.002  # seconds between two looks at the memory of the process


class Cost(NamedTuple):
    """Seconds of every call, and the most bytes in use beyond those before.

    Bytes are those of the device where it counts them, otherwise of the process; None
    where nothing tells them.
    """

    seconds: list[float]
    memory: int | None

    @property
    def median(self) -> float:
        """Median time of a call in seconds."""
        return median(self.seconds)


def cost_of_each(
    calls: dict[str, Callable[[], object]], device: torch.device, repeats: int
) -> dict[str, Cost]:
    """Time calls round-robin, so that drifting load affects all alike.

    Each is called once more, before, and its memory measured.
    """
    memory = {name: _peak(call, device) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(_timed(call, device))
    return {name: Cost(seconds[name], memory[name]) for name in calls}


def synchronise(device: torch.device) -> None:
    """Wait until a device has done all that it was told."""
    if device.type in ("cuda", "xpu"):
        getattr(torch, device.type).synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _timed(call: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - start


def _peak(call: Callable[[], object], device: torch.device) -> int | None:
    """Most memory in use during a call, beyond what was in use before."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        before = int(torch.cuda.memory_allocated(device))
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    try:
        import psutil
    except ModuleNotFoundError:  # on a machine with torch alone
        call()
        return None
    process, done = psutil.Process(), Event()
    before = peak = int(process.memory_info().rss)

    def watch() -> None:
        nonlocal peak
        while not done.wait(_SAMPLING):
            peak = max(peak, int(process.memory_info().rss))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return int(peak - before)


def matrix_rate(device: torch.device, precision: torch.dtype) -> float:
    """Operations per second of a large matrix product: the limit of the network."""
    edge = 2048 if device.type == "cpu" else 8192
    matrix = torch.rand(edge, edge, device=device).to(precision)
    best = min(_after_warm_up(lambda: matrix @ matrix, device))
    return 2 * edge**3 / best


def copy_rate(device: torch.device) -> float:
    """Bytes per second that a copy within the device reads and writes."""
    source = torch.zeros(1 << 28, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = min(_after_warm_up(lambda: target.copy_(source), device))
    return 2 * source.numel() / best


def _after_warm_up(call: Callable[[], object], device: torch.device) -> list[float]:
    call()
    return [_timed(call, device) for _ in range(5)]


def machine(devices: Iterable[torch.device]) -> dict[str, str]:
    """What was measured on."""
    found = {
        "system": platform.platform(),
        "processor": processor_name(),
        "threads": str(usable_threads()),
    }
    for device in devices:
        if device.type in ("cuda", "xpu"):
            name = getattr(torch, device.type).get_device_name(device)
            found[str(device)] = str(name)
    for package in ("napari-vdsr", "torch", "openvino", "numpy"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found

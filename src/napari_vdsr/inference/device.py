"""Which devices there are, which one a name means, and what fits into its memory."""

import math
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

import torch

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.network import ConvStack
from napari_vdsr.options import budget, checked_device, checked_tile

_locks: dict[torch.device, Lock] = {}

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_UNLIMITED = 1 << 30
_limit = _UNLIMITED
_alone = False  # in a process whose other threads are gone


def available_devices() -> list[str]:
    """Devices of this machine: the one that "auto" takes first, "cpu" last."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    if torch.xpu.is_available():
        devices += [f"xpu:{index}" for index in range(torch.xpu.device_count())]
    return [*devices, "cpu"]


def resolve_device(name: str | torch.device) -> torch.device:
    """Find the device meant by a name: "auto", "cpu", "cuda", "cuda:1", "mps"."""
    wanted = checked_device(name)
    devices = available_devices()
    if wanted == "auto":
        return torch.device(devices[0])
    if wanted in ("cpu:0", "mps:0"):  # as torch may call the only one that there is
        wanted = wanted.removesuffix(":0")
    matches = [device for device in devices if wanted in (device, device.split(":")[0])]
    if not matches:
        raise InputError(
            f"device is {str(name)!r}: this machine has auto, {', '.join(devices)}"
        )
    return torch.device(matches[0])


def device_lock(device: torch.device) -> Lock:
    """What a thread holds while it computes on a device: one lock for each.

    Two windows at once would share the speed of the device and each take memory;
    engines and torch's settings are not made for it either.
    """
    return _locks.setdefault(device, Lock())


def free_memory(device: torch.device) -> int | None:
    """Memory of a device that torch may still use, in bytes.

    None where the device does not tell: MPS, some Intel GPUs, older releases of torch.
    """
    if device.type not in ("cuda", "xpu"):
        return None
    library = getattr(torch, device.type)
    try:
        free, _ = library.mem_get_info(device)
        # What torch keeps from former runs is in use for the driver, but not for us.
        kept = library.memory_reserved(device) - library.memory_allocated(device)
    except (RuntimeError, AttributeError):
        return None
    return int(free + kept)


def release_memory(device: torch.device) -> None:
    """Give memory that torch keeps for later back to a device."""
    if device.type in ("cuda", "mps", "xpu"):
        with suppress(RuntimeError):  # of one that stopped working
            getattr(torch, device.type).empty_cache()


# As torch, numpy, cuDNN, cuBLAS, oneDNN, Level Zero, Metal and HIP put it.
_FULL = re.compile(
    r"out ?of ?((device|host) ?)?(memory|resources)|alloc(ation)? ?failed|bad ?alloc"
    r"|(can't|cannot|could not|unable to|failed to) allocate|invalid buffer size"
    r"|(not enough|insufficient) memory"
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory of a device or of the host is full."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return _FULL.search(str(error).lower().replace("_", " ")) is not None


# What CUDA, cuDNN, HIP, Level Zero and Metal say of a device that stopped working.
_FAILED = re.compile(
    r"\b(cuda|cudnn|cublas|hip|miopen|hipblas|ur|xpu)( driver)? error\b"
    r"|device lost|backend failed|command buffer|unable to find an engine"
)


@contextmanager
def device_failures(device: torch.device) -> Iterator[None]:
    """Turn the error of a device that stopped working into a VdsrError.

    Whatever the process asks of it afterwards fails with the same error.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        failed = _FAILED.search(text.lower().replace("_", " "))
        if device.type == "cpu" or not failed or is_out_of_memory(error):
            raise
        raise VdsrError(
            f"{device} stopped working ({text.splitlines()[0]}): start this "
            "program again, or choose another device"
        ) from error


@contextmanager
def memory_errors(device: torch.device, purpose: str, advice: str) -> Iterator[None]:
    """Turn errors about a full memory into a VdsrError that says what to do.

    Those of a device that stopped working as well.
    """
    try:
        with device_failures(device):
            yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise VdsrError(
            f"{device} has too little memory {purpose}: {advice}"
        ) from error


if hasattr(os, "register_at_fork"):
    # A child process has only one thread; those that held a lock will never free it.
    os.register_at_fork(after_in_child=_locks.clear)


def processor_name() -> str:
    """Name of the processor, as far as the system tells it: "AMD EPYC", "x86_64"."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


SMALLEST_TILE = 32
"""Tiles are not made smaller than this to save memory: the halo would be most of it."""

# The larger, the fewer pixels around them are computed twice. Cancel takes effect
# between tiles, which take longer on the CPU.
_LARGEST = {"cpu": 512, "cuda": 2048}
_LARGEST_ELSEWHERE = 1024
_BUDGET = 750e6  # wide networks get smaller tiles, so that a gigabyte is enough
_MOST = 0.8  # of the free memory, where that is less
_INDEXED = 2.0**33  # bytes of a window: libraries count its features with 32 bits


def bytes_per_pixel(
    network: ConvStack, precision: torch.dtype, *, first_in_float32: bool = True
) -> int:
    """Memory in use at a network's widest layer, per pixel of a window.

    That is a layer's input and output, which are of this precision; what the first
    layer makes may be in float32.
    """
    widest = max(layer.out_channels for layer in network.layers)
    return int(widest * max(2 * precision.itemsize, 8 * first_in_float32))


def tile_edge(tile: int | str, per_pixel: int, halo: int, device: torch.device) -> int:
    """Output pixels per edge of a tile: given in pixels, as "500 MB" or as "auto".

    `per_pixel` are the bytes that a pixel of a window takes; `halo` pixels around a
    tile are computed as well. A tile that no library could index is made smaller.
    """
    tile = checked_tile(tile)
    most = max(SMALLEST_TILE, _edge_within(_INDEXED, per_pixel, halo))
    if tile == "auto":
        free, memory = free_memory(device), _BUDGET
        if free is not None:
            memory = min(memory, free * _MOST)
        largest = _LARGEST.get(device.type, _LARGEST_ELSEWHERE)
        fits = _edge_within(memory, per_pixel, halo)
        return max(SMALLEST_TILE, min(largest, fits))
    if isinstance(tile, int):
        return min(tile, most)
    edge = _edge_within(budget(tile), per_pixel, halo)
    if edge < SMALLEST_TILE:
        least = (SMALLEST_TILE + 2 * halo) ** 2 * per_pixel / 1e6
        raise InputError(f"tile is {tile!r}: this model needs at least {least:.0f} MB")
    return min(edge, most)


def _edge_within(memory: float, per_pixel: int, halo: int) -> int:
    """The largest tile whose window fits into so many bytes."""
    return int((memory / per_pixel) ** 0.5) - 2 * halo


def usable_threads() -> int:
    """Processor cores that the scheduler, a container and `limit_threads` leave us."""
    if _alone:
        return 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _quota(), _limit))


def limit_threads(count: int | None) -> None:
    """Use at most so many cores from now on; None lifts the limit.

    Call it before any model is made ready.
    """
    global _limit
    _limit = _UNLIMITED if count is None else count
    torch.set_num_threads(usable_threads())


def keep_to_one_thread() -> None:
    """Compute with this thread alone from now on, as has to be after a fork.

    torch would wait for ever for the threads that its parent computed with.
    """
    global _alone
    _alone = True
    torch.set_num_threads(1)


def _quota() -> int:
    """Cores that a Linux container may use, or very many."""
    try:
        quota, period = _QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or one without a quota ("max")
        return _UNLIMITED

"""Which devices there are, and which one a name means."""

import os
from threading import Lock

import torch

from napari_vdsr.errors import InputError
from napari_vdsr.options import checked_device

_locks: dict[torch.device, Lock] = {}


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
    """Free memory of a device in bytes, None where it does not tell."""
    if device.type in ("cuda", "xpu"):
        free, _ = getattr(torch, device.type).mem_get_info(device)
        return int(free)
    return None


def release_memory(device: torch.device) -> None:
    """Give memory that torch keeps for later back to a device."""
    if device.type in ("cuda", "mps", "xpu"):
        getattr(torch, device.type).empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch or numpy says that the memory of a device or the host is full."""
    text = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        words in text
        for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


if hasattr(os, "register_at_fork"):
    # A child process has only one thread; those that held a lock will never free it.
    os.register_at_fork(after_in_child=_locks.clear)

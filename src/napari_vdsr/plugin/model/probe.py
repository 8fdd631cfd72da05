"""Which devices this machine has and how fast the chosen one is."""

import time
from dataclasses import dataclass, replace

import numpy as np

from napari_vdsr.errors import VdsrError
from napari_vdsr.plugin.jobs import device_in_use
from napari_vdsr.plugin.model.settings import Settings
from napari_vdsr.plugin.model.upscalers import ready_upscaler

_EDGE = 160  # output pixels: enough for an estimate, takes a tenth of a second


@dataclass(frozen=True)
class Probe:
    """What was found out."""

    devices: list[str]  # the first is the one that "auto" takes
    pixels: int = 0  # output pixels of the measurement; 0 when it failed
    seconds: float = 0.0  # that they took
    needs_range: bool = False  # the model has to know black and white


def probe_machine(settings: Settings, measure: bool) -> Probe:
    """List the devices and, if asked, measure how fast the settings run.

    Do not measure a model that has to be fetched.
    """
    from napari_vdsr.inference.device import available_devices

    devices = available_devices()
    if not measure or not device_in_use.acquire(blocking=False):
        return Probe(devices)
    try:
        return _measured(settings, devices)
    except (VdsrError, RuntimeError):
        # Run will meet the same error and report it.
        return Probe(devices)
    finally:
        device_in_use.release()


def _measured(settings: Settings, devices: list[str]) -> Probe:
    plane = np.random.default_rng(0).random((_EDGE // 2, _EDGE // 2), np.float32)
    upscaler = ready_upscaler(replace(settings.options, tile="auto"), plane)
    upscaler.region(plane, (_EDGE, _EDGE))  # the first call is always slower
    start = time.perf_counter()
    upscaler.region(plane, (_EDGE, _EDGE))
    seconds = time.perf_counter() - start
    return Probe(devices, _EDGE**2, seconds, not upscaler.model.equivariant)

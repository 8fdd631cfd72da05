"""What this machine offers and how fast it is, found out in the background."""

import time
from dataclasses import dataclass, replace

import numpy as np

from napari_vdsr.errors import VdsrError
from napari_vdsr.plugin.model.settings import Settings
from napari_vdsr.plugin.model.upscalers import device_in_use, kept_upscaler

_EDGE = 160  # output pixels: enough to tell, done in a tenth of a second


@dataclass(frozen=True)
class Probe:
    """What was found out.

    Attributes
    ----------
    devices : list of str
        The one that "auto" takes first.
    pixels : int
        Output pixels that were made to measure the speed; 0 when that failed.
    seconds : float
        What that took.
    needs_range : bool
        Whether the model has to know black and white.
    """

    devices: list[str]
    pixels: int = 0
    seconds: float = 0.0
    needs_range: bool = False


def probe_machine(settings: Settings, measure: bool) -> Probe:
    """List the devices and measure how fast the settings run.

    Parameters
    ----------
    settings : Settings
        Model, device and precision to measure.
    measure : bool
        Whether to measure; a model that would have to be fetched is not.

    Returns
    -------
    Probe
    """
    from napari_vdsr.inference.device import available_devices

    devices = available_devices()
    if not measure or not device_in_use.acquire(blocking=False):
        return Probe(devices)
    try:
        return _measured(settings, devices)
    except (VdsrError, RuntimeError):
        # Run will meet the same trouble and say so; an estimate is not worth it.
        return Probe(devices)
    finally:
        device_in_use.release()


def _measured(settings: Settings, devices: list[str]) -> Probe:
    plane = np.random.default_rng(0).random((_EDGE // 2, _EDGE // 2), np.float32)
    upscaler = kept_upscaler(replace(settings, tile="auto"), lambda _: (0.0, 1.0))
    upscaler.region(plane, (_EDGE, _EDGE))  # the first one is always slower
    start = time.perf_counter()
    upscaler.region(plane, (_EDGE, _EDGE))
    seconds = time.perf_counter() - start
    return Probe(devices, _EDGE**2, seconds, not upscaler.model.equivariant)

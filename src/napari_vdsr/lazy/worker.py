"""Enlarging one block, in whatever thread or process dask chooses."""

import pickle
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.lazy.blocks import Part, Window, assembled
from napari_vdsr.options import RunOptions

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler


_PREFIX = "vdsr-model-"


class UpscaleSettings:
    """Options with their model, as they are sent to workers.

    When they are sent, the model is pickled by itself, so that a scheduler that passes
    them on need not import what it is made of.
    """

    def __init__(self, options: RunOptions) -> None:
        self._sent: tuple[RunOptions, bytes]
        self.options = options
        self.key = f"{_PREFIX}{options.key}"  # equal for equal options

    def __getstate__(self) -> dict[str, Any]:
        model = pickle.dumps(self.options.model)
        return {"key": self.key, "_sent": (replace(self.options, model=""), model)}

    @cached_property
    def options(self) -> RunOptions:
        """As they arrived in this process."""
        options, model = self._sent
        return replace(options, model=pickle.loads(model))


@dataclass(frozen=True)
class PlaneGeometry:
    """What all blocks of one array share: Y and X of a full plane before and after."""

    axes: Axes
    shape: tuple[int, int]
    out_shape: tuple[int, int]


def enlarge_block(
    settings: UpscaleSettings,
    planes: PlaneGeometry,
    dtype: np.dtype[Any],
    parts: Sequence[Part],
    chunks: Sequence[Any],
) -> NDArray[Any]:
    """Enlarge one block, exactly as it is in the whole enlarged array.

    `parts` says for each axis which block it is and what it is made from, `chunks` are
    the chunks of the source that they name.
    """
    full = [part.window.stop for part in parts]
    full[planes.axes.y], full[planes.axes.x] = planes.shape
    first = [part.window.start for part in parts]
    window = Window(assembled(chunks, parts, dtype), first, full)
    upscaler = upscaler_for(settings)
    made = settings.options.result_dtype(window.dtype)
    enlarged = EnlargedArray(
        window, planes.axes, planes.out_shape, upscaler, dtype=made
    )
    return enlarged[tuple(part.out for part in parts)]


def upscaler_for(settings: UpscaleSettings) -> "Upscaler":
    """The upscaler of this process for these settings, made when first needed.

    Raises `InputError` when this machine cannot do what the settings say.
    """
    from napari_vdsr.inference.device import available_devices, limit_threads
    from napari_vdsr.inference.upscaler import kept_upscaler

    options, key = settings.options, settings.key.removeprefix(_PREFIX)
    worker = _cluster_worker()
    if worker is not None:
        limit_threads(worker.state.nthreads)
        if options.device == "auto":
            device = own_device(worker.name, available_devices())
            options, key = replace(options, device=device), f"{key} {device}"
    return kept_upscaler(options, key)


def _cluster_worker() -> Any:
    """The worker of dask.distributed that runs this, or None."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


def own_device(name: object, devices: Sequence[str]) -> str:
    """The device of a worker: each its own, where a machine has several.

    Workers that are started together are numbered: 0, 1, 2 or name-0, name-1, name-2;
    one without a name is called by its address. `devices` are those of its machine,
    the best first.

    Examples
    --------
    >>> own_device("node-3", ["cuda:0", "cuda:1", "cpu"])
    'cuda:1'
    """
    kind = devices[0].split(":")[0]
    alike = [device for device in devices if device.split(":")[0] == kind]
    number = re.search(r"(^|-)(\d+)$", str(name))
    return alike[int(number[2]) % len(alike) if number else 0]

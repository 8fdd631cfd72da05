"""The weights of bicubic enlargement, kept from tile to tile."""

from collections import OrderedDict
from threading import Lock

import torch
from torch import Tensor

from napari_vdsr.imaging.resample import Kernel, resize_rows
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.transfer import uploaded

_AXES = 4  # two of a plane, twice where it is enlarged in two passes
_BUDGET = 100e6  # bytes of an axis on a GPU, where making them would take longer
_BUDGET_OF_CPU = 8e6  # where it takes little beside the tile, and memory is the user's

Part = tuple[slice, Tensor]  # source pixels, and their weights on the device


class AxisWeights:
    """Weights of the windows along an axis, made once and kept on a device.

    Tiles run through an axis again and again, row by row and plane by plane. Where an
    axis exceeds the budget, what came last is dropped: of a cycle, most is then still
    there when its turn comes.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lock = Lock()
        self._axes: OrderedDict[object, dict[tuple[int, int], Part]] = OrderedDict()

    def part(
        self,
        size: int,
        new_size: int,
        window: slice,
        device: torch.device,
        work: torch.dtype,
    ) -> Part:
        """The weights of output pixels `window` of an axis, in the precision `work`."""
        axis, key = (size, new_size, device, work), (window.start, window.stop)
        with self._lock:
            kept = self._axes.setdefault(axis, {})
            self._axes.move_to_end(axis)
            while len(self._axes) > _AXES:
                self._axes.popitem(last=False)
            if key in kept:
                return kept[key]
        with shielded():
            rows = resize_rows(size, new_size, *key, self._kernel)
            part = rows.source, uploaded(rows.weights, device, work)
        with self._lock:
            budget = _BUDGET_OF_CPU if device.type == "cpu" else _BUDGET
            room = budget - part[1].nbytes
            while kept and sum(weights.nbytes for _, weights in kept.values()) > room:
                kept.popitem()
            kept[key] = part
        return part

    def clear(self) -> None:
        """Free all of them."""
        with self._lock:
            self._axes.clear()

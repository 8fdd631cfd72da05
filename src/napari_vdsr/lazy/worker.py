"""Enlarging one block, in whatever thread or process dask chooses."""

import hashlib
import pickle
import re
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.axes import Axes
from napari_vdsr.lazy.blocks import Part, Window, assembled

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler
    from napari_vdsr.zoo import Model


_KEPT = 4
_ready: OrderedDict["Recipe", "Upscaler"] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Recipe:
    """With what blocks are enlarged: what a worker has to be told once.

    Attributes
    ----------
    token : str
        Tells models apart.
    device, precision : str
        As for `Upscaler`, on the machine of the worker.
    tile : int or str
        As for `Upscaler`.
    intensity_range : tuple of float or None
        As for `Upscaler`.
    model : bytes
        Pickled, so that only who uses it has to import what it is made of. The token
        stands for it in comparisons.
    """

    token: str
    device: str
    precision: str
    tile: int | str
    intensity_range: tuple[float, float] | None
    model: bytes = field(compare=False, repr=False)

    @property
    def key(self) -> str:
        """Equal for equal recipes, in any process."""
        return f"vdsr-model-{hashlib.sha256(repr(self).encode()).hexdigest()[:32]}"

    @classmethod
    def of(
        cls,
        model: "Model",
        *,
        device: str,
        precision: str,
        tile: int | str,
        intensity_range: tuple[float, float] | None,
    ) -> "Recipe":
        """Write down a model and how it is to be run.

        Parameters
        ----------
        model : Model
            Left as it is.
        device, precision, tile, intensity_range
            As for `Upscaler`.

        Returns
        -------
        Recipe

        Raises
        ------
        InputError
            When no machine could do it.
        """
        from napari_vdsr.inference.settings import check_settings, checked_range

        check_settings(
            model,
            device=device,
            precision=precision,
            tile=tile,
            intensity_range=intensity_range,
        )
        return cls(
            model.fingerprint,
            str(device),
            str(precision),
            tile,
            checked_range(model, intensity_range),
            pickle.dumps(model),
        )


@dataclass(frozen=True)
class Planes:
    """What all blocks of one array have in common.

    Attributes
    ----------
    axes : Axes
        Which ones are enlarged.
    shape, out_shape : tuple of int
        Y and X of a whole plane before and after.
    """

    axes: Axes
    shape: tuple[int, int]
    out_shape: tuple[int, int]


def enlarge_block(
    recipe: Recipe, planes: Planes, parts: Sequence[Part], chunks: Sequence[Any]
) -> NDArray[Any]:
    """Enlarge one block, as it is in the whole enlarged array.

    Parameters
    ----------
    recipe : Recipe
        With what.
    planes : Planes
        Of the whole array.
    parts : sequence of Part
        Which block, and what it is made from; one for each axis.
    chunks : sequence of array-like
        The chunks of the source that the parts name.

    Returns
    -------
    ndarray
        Of the dtype of the source.

    Raises
    ------
    InputError
        When there are infinite pixels.
    """
    upscaler = upscaler_for(recipe)
    window = assembled(chunks, parts)
    result = np.empty([part.out.stop - part.out.start for part in parts], window.dtype)
    order = planes.axes.moved_last(len(parts))
    source, target = window.transpose(order), result.transpose(order)
    y, x = parts[planes.axes.y], parts[planes.axes.x]
    first = y.window.start, x.window.start
    stacked = -2 if planes.axes.samples is None else -3
    for index in np.ndindex(source.shape[:stacked]):
        plane = Window(source[index], first, planes.shape)
        upscaler.region(plane, planes.out_shape, (y.out, x.out), out=target[index])
    return result


def upscaler_for(recipe: Recipe) -> "Upscaler":
    """The upscaler of this process for a recipe; made when it is first needed.

    Parameters
    ----------
    recipe : Recipe
        The last few are kept ready.

    Returns
    -------
    Upscaler
        May be used by several threads at once.

    Raises
    ------
    InputError
        When this machine cannot do what the recipe says.
    """
    with _lock:
        if recipe not in _ready:
            _ready[recipe] = _made(recipe)
            if len(_ready) > _KEPT:
                _ready.popitem(last=False)
        _ready.move_to_end(recipe)
        return _ready[recipe]


def forget_upscalers() -> None:
    """Forget the models that were kept ready in this process."""
    with _lock:
        _ready.clear()


def _made(recipe: Recipe) -> "Upscaler":
    from napari_vdsr.inference.device import available_devices
    from napari_vdsr.inference.threads import limit_threads
    from napari_vdsr.inference.upscaler import Upscaler

    device = recipe.device
    worker = _cluster_worker()
    if worker is not None:
        limit_threads(worker.state.nthreads)
        if device == "auto":
            device = own_device(worker.name, available_devices())
    return Upscaler(
        pickle.loads(recipe.model),
        device=device,
        precision=recipe.precision,
        tile=recipe.tile,
        intensity_range=recipe.intensity_range,
    )


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
    """The device that a worker takes: each its own, where there are several.

    Parameters
    ----------
    name : str or int
        Of the worker. Workers that are started together are numbered: 0, 1, 2 or
        name-0, name-1, name-2; one without a name is called by its address.
    devices : sequence of str
        Of its machine, the best first.

    Returns
    -------
    str

    Examples
    --------
    >>> own_device("node-3", ["cuda:0", "cuda:1", "cpu"])
    'cuda:1'
    """
    kind = devices[0].split(":")[0]
    alike = [device for device in devices if device.split(":")[0] == kind]
    number = re.search(r"(^|-)(\d+)$", str(name))
    return alike[int(number[2]) % len(alike) if number else 0]

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

from numpy.typing import NDArray

from napari_vdsr.imaging.axes import Axes
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.lazy.blocks import Part, Window, assembled

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler
    from napari_vdsr.zoo import Model


_KEPT = 4
_ready: OrderedDict["UpscaleSettings", "Upscaler"] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class UpscaleSettings:
    """A model and how it is run: what a worker is sent once.

    All but `token`, which identifies the model, and `model` are as for `Upscaler`, on
    the machine of the worker. The model is pickled, so that only who uses it has to
    import what it is made of.
    """

    token: str
    device: str
    precision: str
    tile: int | str
    intensity_range: tuple[float, float] | None
    model: bytes = field(compare=False, repr=False)

    @property
    def key(self) -> str:
        """Equal for equal settings, in any process."""
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
    ) -> "UpscaleSettings":
        """Check the settings, as far as any machine can, and pickle the model."""
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
class PlaneGeometry:
    """What all blocks of one array share: Y and X of a full plane before and after."""

    axes: Axes
    shape: tuple[int, int]
    out_shape: tuple[int, int]


def enlarge_block(
    settings: UpscaleSettings,
    planes: PlaneGeometry,
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
    window = Window(assembled(chunks, parts), first, full)
    upscaler = upscaler_for(settings)
    enlarged = EnlargedArray(window, planes.axes, planes.out_shape, upscaler)
    return enlarged[tuple(part.out for part in parts)]


def upscaler_for(settings: UpscaleSettings) -> "Upscaler":
    """The upscaler of this process for these settings, made when first needed.

    The last few are kept. Several threads may use one at once. Raises `InputError`
    when this machine cannot do what the settings say.
    """
    with _lock:
        if settings not in _ready:
            _ready[settings] = _made(settings)
            if len(_ready) > _KEPT:
                _ready.popitem(last=False)
        _ready.move_to_end(settings)
        return _ready[settings]


def forget_upscalers() -> None:
    """Free the models that this process keeps."""
    with _lock:
        _ready.clear()


def _made(settings: UpscaleSettings) -> "Upscaler":
    from napari_vdsr.inference.device import available_devices
    from napari_vdsr.inference.threads import limit_threads
    from napari_vdsr.inference.upscaler import Upscaler

    device = settings.device
    worker = _cluster_worker()
    if worker is not None:
        limit_threads(worker.state.nthreads)
        if device == "auto":
            device = own_device(worker.name, available_devices())
    return Upscaler(
        pickle.loads(settings.model),
        device=device,
        precision=settings.precision,
        tile=settings.tile,
        intensity_range=settings.intensity_range,
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

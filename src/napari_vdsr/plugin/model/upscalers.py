"""Keeps the model that was used last, until its memory is wanted back."""

import gc
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_vdsr.plugin.jobs import Ticker
from napari_vdsr.plugin.model.settings import Settings

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler
    from napari_vdsr.zoo import Model


IntensityRange = tuple[float, float] | None

_kept: dict[tuple[Any, ...], "Upscaler"] = {}


def kept_upscaler(
    settings: Settings,
    intensity_range: "Callable[[Model], IntensityRange]",
    ticker: Ticker | None = None,
) -> "Upscaler":
    """The upscaler for these settings: the last one again where it fits.

    `intensity_range` finds black and white for a model; `ticker` shows downloads and
    may stop them.
    """
    from napari_vdsr.inference.upscaler import Upscaler
    from napari_vdsr.zoo import load_model

    model = load_model(settings.model, progress=ticker)
    wanted = (settings.device, settings.precision, settings.tile)
    key = (model.name, model.sha256, *wanted, intensity_range(model))
    if key not in _kept:
        _kept.clear()
        device, precision, tile = wanted
        _kept[key] = Upscaler(
            model,
            device=device,
            precision=precision,
            tile=tile,
            intensity_range=key[-1],
        )
    return _kept[key]


def release_memory() -> None:
    """Forget the model and give back all unused device memory."""
    _kept.clear()
    if (worker := sys.modules.get("napari_vdsr.lazy.worker")) is not None:
        worker.forget_upscalers()
    if (engine := sys.modules.get("napari_vdsr.inference.engine")) is not None:
        engine.forget_engines()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:  # no device memory was ever taken
        return
    for kind in ("cuda", "mps", "xpu"):
        library = getattr(torch, kind, None)
        if library is not None and library.is_available():
            library.empty_cache()

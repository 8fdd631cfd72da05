"""Keeps the network that was used last, until its memory is wanted back."""

import gc
import sys
from typing import TYPE_CHECKING, Any

from napari_vdsr.options import RunOptions

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler
    from napari_vdsr.progress import Progress


def ready_upscaler(
    options: RunOptions, image: Any, progress: "Progress | None" = None
) -> "Upscaler":
    """The upscaler for an image: the one of the last run where it fits.

    `progress` is told of downloads and may stop them.
    """
    from napari_vdsr.inference.kept import kept_upscaler
    from napari_vdsr.inference.settings import with_range

    return kept_upscaler(with_range(options.loaded(progress), image))


def release_memory() -> None:
    """Forget the networks and give back all unused device memory."""
    if (kept := sys.modules.get("napari_vdsr.inference.kept")) is not None:
        kept.forget_upscalers()
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

"""Arrays larger than memory, computed block by block where somebody looks.

The functions below are loaded when they are first used: not every run needs dask.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vdsr.lazy.upscale import upscale_lazy, upscale_levels

__all__ = ["upscale_lazy", "upscale_levels"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.upscale"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Arrays larger than memory, computed block by block where somebody looks.

The functions below are loaded when they are first used: they need dask, which is not
installed on every machine that enlarges files.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vdsr.lazy.graph import as_dask, readable
    from napari_vdsr.lazy.pyramid import levels_below
    from napari_vdsr.lazy.upscale import enlarge_lazily, upscale_lazy, upscale_levels

__all__ = [
    "as_dask",
    "enlarge_lazily",
    "levels_below",
    "readable",
    "upscale_lazy",
    "upscale_levels",
]

_MODULES = {
    "as_dask": "graph",
    "enlarge_lazily": "upscale",
    "levels_below": "pyramid",
    "readable": "graph",
    "upscale_lazy": "upscale",
    "upscale_levels": "upscale",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

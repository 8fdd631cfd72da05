"""Arrays larger than memory, computed block by block where somebody looks."""

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

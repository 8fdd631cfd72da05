"""VDSR super-resolution for napari: measurable, exact and fast.

The functions below are loaded when they are first used, so that importing the
package costs nothing.
"""

from typing import TYPE_CHECKING

from napari_vdsr.version import __version__ as __version__

if TYPE_CHECKING:
    from napari_vdsr.api import (
        describe_image,
        evaluate,
        load_model,
        models,
        psnr,
        simulate,
        train,
        upscale,
    )

__all__ = [
    "describe_image",
    "evaluate",
    "load_model",
    "models",
    "psnr",
    "simulate",
    "train",
    "upscale",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        from napari_vdsr import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

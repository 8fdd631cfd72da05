"""Upscalers that this process keeps for the next image."""

from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.last_used import LastUsed
from napari_vdsr.options import RunOptions

_kept: LastUsed[str, Upscaler] = LastUsed(4)


def kept_upscaler(options: RunOptions, key: str | None = None) -> Upscaler:
    """The upscaler for these options, made when first needed; the last few are kept.

    Several threads may use one at once. `key` is that of the options where it is known,
    as to blocks of one image: making it reads all weights.
    """
    return _kept.get(key or options.key, lambda: Upscaler(options))


def forget_upscalers() -> None:
    """Free the networks that this process keeps."""
    _kept.forget()

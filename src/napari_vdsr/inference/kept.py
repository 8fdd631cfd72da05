"""Upscalers that this process keeps for the next image."""

import os
from collections import OrderedDict
from threading import Lock

from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions

_MOST = 4
_kept: OrderedDict[str, Upscaler] = OrderedDict()
_lock = Lock()
_of_the_parent: list[object] = []


def kept_upscaler(options: RunOptions) -> Upscaler:
    """The upscaler for these options, made when first needed; the last few are kept.

    Several threads may use one at once.
    """
    key = options.key
    with _lock:
        if key not in _kept:
            _kept[key] = Upscaler(options)
            if len(_kept) > _MOST:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]


def forget_upscalers() -> None:
    """Free the networks that this process keeps."""
    with _lock:
        _kept.clear()


def _after_fork() -> None:
    """Let a child process make its own: another thread may have held the lock."""
    global _lock, _kept
    _lock = Lock()
    # Not freed: OpenVINO's would wait for threads that a child process does not have.
    _of_the_parent.append(_kept)
    _kept = OrderedDict()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

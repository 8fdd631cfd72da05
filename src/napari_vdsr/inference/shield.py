"""Computing the same bits whatever the caller's process has set.

torch and numpy have switches that change results or raise errors: autocast, the default
dtype and device, TF32, streams of CUDA and many more. `shielded` sets all of them to
what this package is made for and puts the caller's back afterwards.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from threading import RLock, local
from typing import Any

import numpy as np
import torch

from napari_vdsr.inference.device import keep_to_one_thread

_DEVICES = ("cpu", "cuda", "xpu", "mps")
_NUMPY: dict[str, Any] = {
    "divide": "warn",
    "over": "warn",
    "under": "ignore",
    "invalid": "warn",
}

# What reads a switch of the process, what sets it, and how it is set here. The same
# algorithms each time: results are to depend on nothing but what is computed.
_SWITCHES: list[tuple[Callable[[], Any], Callable[[Any], None], Any]] = [
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    (torch._C._get_cudnn_enabled, torch._C._set_cudnn_enabled, True),
    (torch._C._get_cudnn_benchmark, torch._C._set_cudnn_benchmark, False),
    (torch._C._get_cudnn_deterministic, torch._C._set_cudnn_deterministic, True),
    (torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, True),
]

# Newer releases of torch say for each backend and operation in which precision
# float32 is computed. What is "none" follows the line above it.
_PRECISIONS = [
    ("generic", "all"),
    *((kind, op) for kind in ("cuda", "mkldnn") for op in ("all", "conv", "rnn")),
    ("cuda", "matmul"),
    ("mkldnn", "matmul"),
]
_HAS_PRECISIONS = hasattr(torch._C, "_get_fp32_precision_getter")

# Some releases advise once, whoever asks, against the older switches, which have to be
# kept in step with the newer ones.
with warnings.catch_warnings(), suppress(RuntimeError):
    warnings.simplefilter("ignore")
    torch._C._get_cublas_allow_tf32()


@contextmanager
def shielded(*, grad: bool = False) -> Iterator[None]:
    """Compute within this block as in a process where nothing was ever set.

    Autograd works in it if `grad`, and is off otherwise. It takes some 50 microseconds
    and may be nested. Code of the caller (progress, reading of lazy pixels) should run
    outside of it, as it would meet our settings.

    Some switches are the process's, not the thread's. They are set while any thread is
    within such a block, so other threads of the caller compute with ours meanwhile;
    what they set themselves may change what is computed here, and is undone when the
    last block ends.
    """
    # Default devices are modes that change calls of torch's functions on their way.
    has_modes = torch._C._len_torch_function_stack() > 0
    with (
        _process,
        np.errstate(**_NUMPY),
        torch.inference_mode(not grad),
        torch.set_grad_enabled(grad),
        torch._C.DisableTorchFunction() if has_modes else nullcontext(),
        _no_autocast(),
        _usual_streams(),
    ):
        yield


@contextmanager
def _no_autocast() -> Iterator[None]:
    """Every operation in the dtype of its operands."""
    enabled = [kind for kind in _DEVICES if torch.is_autocast_enabled(kind)]
    for kind in enabled:
        torch.set_autocast_enabled(kind, False)
    try:
        yield
    finally:
        for kind in enabled:
            torch.set_autocast_enabled(kind, True)


@contextmanager
def _usual_streams() -> Iterator[None]:
    """Each CUDA device's own stream, in turn with the one that the caller chose.

    Weights are kept between calls and memory goes from call to call: in one stream
    both are safe, whichever threads and streams they are called from.
    """
    with ExitStack() as restore:
        # Nobody can have chosen a stream before; not to be initialised for this.
        initialised = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        for device in range(torch.cuda.device_count() if initialised else 0):
            usual = torch.cuda.default_stream(device)
            theirs = torch.cuda.current_stream(device)
            if theirs != usual:
                usual.wait_stream(theirs)
                # A stream alone would make its device the current one, and on leaving
                # take half a gigabyte of the one that was.
                restore.enter_context(torch.cuda.device(device))
                restore.enter_context(torch.cuda.stream(usual))
                restore.callback(theirs.wait_stream, usual)
        yield


class _Process:
    """The process's switches: the first block sets them, the last one restores them."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._blocks = 0
        self._restore: Callable[[], None] = lambda: None
        self._mine = local()
        self.used = False  # in this process, or in the one that it is a fork of

    def __enter__(self) -> None:
        with self._lock:
            if self._blocks == 0:
                self._restore = _set_ours()
            self._blocks += 1
            self._mine.blocks = getattr(self._mine, "blocks", 0) + 1
            self.used = True

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._blocks -= 1
            self._mine.blocks -= 1
            if self._blocks == 0:
                self._restore()

    def after_fork(self) -> None:
        """Go on without the other threads, which a child process does not have."""
        self._lock = RLock()
        others = self._blocks > 0
        self._blocks = getattr(self._mine, "blocks", 0)
        if others and self._blocks == 0:
            self._restore()


def _set_ours() -> Callable[[], None]:
    """Set the process's switches; gives what sets them back."""
    changed = []
    for read, write, ours in _SWITCHES:
        theirs = read()
        if theirs != ours:
            write(ours)
            changed.append((write, theirs))
    restore_precision = _compute_float32_as_such()

    def restore() -> None:
        restore_precision()
        for write, theirs in changed:
            write(theirs)

    return restore


def _compute_float32_as_such() -> Callable[[], None]:
    """Round no float32 to TF32 or bfloat16; gives what sets the switches back."""
    theirs: dict[tuple[str, str], str] = {}
    for key in _PRECISIONS if _HAS_PRECISIONS else ():
        # In this order each tells its own value, not that of the line it follows.
        theirs[key] = torch._C._get_fp32_precision_getter(*key)
        torch._C._set_fp32_precision_setter(*key, "none")
    # The older switches are still there behind the new ones, and set them as well.
    products = torch.get_float32_matmul_precision()
    convolutions = _older_tf32(theirs.get(("cuda", "conv"), "none"))
    torch.set_float32_matmul_precision("highest")
    torch._C._set_cudnn_allow_tf32(False)

    def restore() -> None:
        torch.set_float32_matmul_precision(products)
        torch._C._set_cudnn_allow_tf32(convolutions)
        for key, precision in theirs.items():
            torch._C._set_fp32_precision_setter(*key, precision)

    return restore


def _older_tf32(newer: str) -> bool:
    """The older switch of TF32 in convolutions, which tells only what the newer say."""
    if _HAS_PRECISIONS:
        for op in ("conv", "rnn"):
            torch._C._set_fp32_precision_setter("cuda", op, newer)
    try:
        return torch._C._get_cudnn_allow_tf32()
    except RuntimeError:  # it differs from them
        return newer != "tf32"


_process = _Process()


def _after_fork() -> None:
    _process.after_fork()
    if _process.used:
        keep_to_one_thread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

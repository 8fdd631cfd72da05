"""Triton beside OpenGL in one process."""

import contextlib
import ctypes
import functools
import os
from importlib.util import find_spec
from pathlib import Path


@functools.cache
def keep_llvm_apart() -> None:
    """Load Triton's library so that it uses the LLVM in it; nothing without Triton.

    Mesa's OpenGL, which napari draws with, shows its own LLVM to every library that is
    loaded later. Triton would call into it, and the process would die. torch imports
    Triton by itself, at the latest when an optimiser is made: call this before.
    """
    here = find_spec("triton")
    apart = getattr(os, "RTLD_DEEPBIND", None)  # Linux only, as is the trouble
    if here is None or here.origin is None or apart is None:
        return
    library = Path(here.origin).with_name("_C") / "libtriton.so"
    with contextlib.suppress(OSError):  # whoever needs it says what is wrong with it
        ctypes.CDLL(str(library), mode=os.RTLD_NOW | apart)

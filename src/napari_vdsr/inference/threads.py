"""How many threads this process may use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_UNLIMITED = 1 << 30
_limit = _UNLIMITED
_alone = False  # in a process whose other threads are gone


def usable_threads() -> int:
    """Processor cores that the scheduler, a container and `limit_threads` leave us."""
    if _alone:
        return 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _quota(), _limit))


def limit_threads(count: int | None) -> None:
    """Use at most so many cores from now on; None lifts the limit.

    Call it before any model is made ready.
    """
    import torch

    global _limit
    _limit = _UNLIMITED if count is None else count
    torch.set_num_threads(usable_threads())


def keep_to_one_thread() -> None:
    """Compute with this thread alone from now on, as has to be after a fork.

    torch would wait for ever for the threads that its parent computed with.
    """
    import torch

    global _alone
    _alone = True
    torch.set_num_threads(1)


def _quota() -> int:
    """Cores that a Linux container may use, or very many."""
    try:
        quota, period = _QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or one without a quota ("max")
        return _UNLIMITED

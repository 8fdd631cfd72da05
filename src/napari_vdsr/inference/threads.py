"""How many threads this process may use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_UNLIMITED = 1 << 30
_limit = _UNLIMITED


def usable_threads() -> int:
    """Processor cores that this process may use.

    Returns
    -------
    int
        At least 1; what the scheduler allows, and no more than a container's quota
        and what `limit_threads` left.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _quota(), _limit))


def limit_threads(count: int | None) -> None:
    """Leave cores to other processes from now on; before any model is made ready.

    Parameters
    ----------
    count : int or None
        Threads that this process may use at most; None lifts the limit.
    """
    import torch

    global _limit
    _limit = _UNLIMITED if count is None else count
    torch.set_num_threads(usable_threads())


def _quota() -> int:
    """Cores that a Linux container may use, or very many."""
    try:
        quota, period = _QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or one without a quota ("max")
        return _UNLIMITED

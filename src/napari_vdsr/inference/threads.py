"""How many threads this process may use."""

import math
import os
from pathlib import Path

__all__ = ["usable_threads"]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_threads() -> int:
    """Processor cores that this process may use.

    Returns
    -------
    int
        At least 1; what the scheduler allows, and no more than a container's quota.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _quota()))


def _quota() -> int:
    """Cores that a Linux container may use, or very many."""
    try:
        quota, period = _QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or one without a quota ("max")
        return 1 << 30

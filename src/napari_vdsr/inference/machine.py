"""What a machine calls itself, for reports."""

import platform
from contextlib import suppress
from pathlib import Path


def processor_name() -> str:
    """Name of the processor, as far as the system tells it: "AMD EPYC", "x86_64"."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""Age of this process, so that what a user waits for is told whole, interpreter and imports included."""

from __future__ import annotations

import os
import time

_IMPORTED = time.monotonic()


def age() -> float:
    """Seconds since the process began (where the system tells; else since this module was imported)."""
    try:
        with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
            ticks = int(stat.read().rpartition(")")[2].split()[19])
            return float(uptime.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return time.monotonic() - _IMPORTED

"""How much CPU time processes have used: Linux tells to the nanosecond, other systems are not asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

IS_MEASURED: Final = sys.platform == "linux"
_SCHEDULED: Final = 2
"""CPUCLOCK_SCHED of Linux's include/linux/posix-timers_types.h: time on a CPU, of a whole process."""

Used = dict[int, int]
"""Nanoseconds on a CPU by process id."""


def used(*roots: int) -> Used:
    """Return what these processes, and all that they started and that still run, have used since their start."""
    found: Used = {}
    for root in roots if IS_MEASURED else ():
        for pid in _family(root):
            try:
                # The clock's id is what clock_getcpuclockid(3) makes of a process id; Python has no name for it.
                found[pid] = time.clock_gettime_ns(~pid << 3 | _SCHEDULED)
            except OSError:  # it has ended
                continue
    return found


def spent(before: Used, after: Used) -> float:
    """Return the seconds used in between by what runs at the end."""
    return sum(total - before.get(pid, 0) for pid, total in after.items()) / 1e9


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:  # it has ended
        return
    for child in children:
        yield from _family(int(child))

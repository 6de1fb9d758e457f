"""What is read of a process while something runs in it: memory, and how long the loop is held."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Final

BEAT: Final = 0.001


def memory(field: str) -> int:
    """``VmRSS``, what this process holds, or ``VmHWM``, the most it ever held, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


async def beating(late: array[float], busy: array[float]) -> None:
    """Every millisecond: how much later it was, and this thread's CPU time, which nobody can lengthen."""
    last, used = time.perf_counter(), time.thread_time()
    while True:
        await asyncio.sleep(BEAT)
        now, cpu = time.perf_counter(), time.thread_time()
        late.append(now - last - BEAT)
        busy.append(cpu - used)
        last, used = now, cpu


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that so many of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

"""How cost grows with the size of a fleet: `fleet_execution` at the sandbox, whose VMs take their time."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression

from ..fleet_execution import VMS_PER_SERVICE, Ask, Seen, measure
from .setting import Setting, say
from .table import Bound, Findings, Table


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """The slope of the times over the sizes, both as logarithms: 1 is linear."""
    return linear_regression([*map(math.log, sizes)], [*map(math.log, times)]).slope


def scale(setting: Setting) -> Findings:
    """A stop of every VM that is read back, without a journal and with one; memory by tracemalloc."""
    sizes = (1_000, 5_000) if setting.quick else (100, 1_000, 10_000, 100_000)
    found = Findings()
    for kept in (False,) if setting.quick else (False, True):
        which = "with a journal" if kept else "without a journal"
        rows: dict[int, Seen] = {}
        for size in sizes:
            say(f"  scale: {size:,} VMs {which}")
            with tempfile.TemporaryDirectory() as directory:
                path = str(Path(directory) / "runs.sqlite") if kept else None
                rows[size] = measure(Ask(vms=size, journal=path))
                assert rows[size].ok
                assert rows[size].posts == size
        found.tables.append(
            Table(
                f"fleets {which}, each VM stopped and read back; stalls of 1 ms beats in CPU time",
                ("CPU µs a VM", "VMs/s", "polls a service", "bytes a VM", "p99.9 ms", "most ms"),
                {f"{size:,} VMs": _row(size, seen) for size, seen in rows.items()},
            )
        )
        # Of the two largest: the start-up is half of what 1,000 VMs take, and makes any growth look flat.
        fitted = sizes[-2:]
        slope = exponent(fitted, [rows[size].cpu for size in fitted])
        most = f"{sizes[-1]:,} VMs {which}"
        late = 1e3 * rows[sizes[-1]].cpu_stalls[1]
        found.bounds.extend(
            [
                Bound(f"{fitted[0]:,} to {most}: exponent of the CPU time", slope, 1.05, ""),
                Bound(f"{most}: p99.9 of the stalls in CPU time", late, 50, "ms"),
            ]
        )
    small, large = (500, 2_000) if setting.quick else (1_000, 20_000)
    say(f"  scale: memory of {small:,} and {large:,} VMs")
    few, many = (measure(Ask(vms=size, traced=True, first_poll=1.0)) for size in (small, large))
    more = large - small
    top, report = (many.peak - few.peak) / more, (many.kept - few.kept) / more
    title = f"bytes a VM by tracemalloc, of what {large:,} VMs take more than {small:,}"
    each = (top, report, top - report)
    found.tables.append(Table(title, ("at most", "of it the report", "the rest"), {"a VM": each}, digits=0))
    found.bounds.append(Bound("fleet: bytes a VM at most, the report with it", top, 1500, "B"))
    return found


def _row(size: int, seen: Seen) -> tuple[float, ...]:
    services = max(1, size // VMS_PER_SERVICE)
    stalls = 1e3 * seen.cpu_stalls[1], 1e3 * seen.cpu_stalls[2]
    return 1e6 * seen.cpu / size, size / seen.wall, seen.polls / services, seen.grown / size, *stalls

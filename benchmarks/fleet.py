"""What a fleet run costs, and how long it takes compared with what is possible.

    python -m benchmarks.fleet [--quick] [--frozen] [--only scale|memory|journal|makespan] [--sizes 1000 …]

*scale*: a streaming stop of every VM (50 a service), each read back as stopped; panel and client in a process
of their own on loopback. *memory*: the same under tracemalloc; what the report holds on to is the user's, the
rest is ours. *journal*: a stop without reading back, with a journal and without, in turns. *makespan*: very
unequal services on a virtual clock, against the longest of these: all work by what may be in flight, each
service's by what it may take at once, and the longest VM. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from . import makespan
from .fleet_execution import VMS_PER_SERVICE, Ask, Seen, measure


@contextmanager
def journal() -> Iterator[str]:
    """A file on the disk of the temporary directory."""
    with tempfile.TemporaryDirectory(prefix="aioseflow-fleet-") as directory:
        yield str(Path(directory) / "runs.sqlite")


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """The slope of the times over the sizes, both as logarithms: 1 is linear."""
    xs, ys = [math.log(size) for size in sizes], [math.log(max(1e-9, value)) for value in times]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sum((x - mx) ** 2 for x in xs)


def scale(sizes: Sequence[int], *, frozen: bool) -> bool:
    """Whether what is promised of size holds."""
    print(
        "\nscale: stop, read back; stalls in ms at p99 / p99.9 / most\n"
        "   VMs journal   wall s   VMs/s   CPU s  B/VM grown   polls  a service  overlap"
        "   stalls by the clock   stalls in CPU          beats"
    )
    fine = True
    for kept in (False, True):
        rows: list[Seen] = []
        for size in sizes:
            with journal() as path:
                seen = measure(Ask(vms=size, journal=path if kept else None, frozen=frozen))
            rows.append(seen)
            services = size // VMS_PER_SERVICE
            cells = [
                f"{size:6} {'yes' if kept else 'no':7} {seen.wall:8.2f} {size / seen.wall:7.0f}",
                f"{seen.cpu:7.2f} {seen.grown / size:11.0f} {seen.polls:7} {seen.polls / services:10.2f}",
                f"{seen.overlap:8.0%}  {_stalls(seen.stalls)}  {_stalls(seen.cpu_stalls)} {seen.beats:8}",
                "" if seen.ok else "NOT OK",
            ]
            print(*cells, flush=True)
            fine = fine and seen.ok and seen.posts == size
        if len(sizes) > 1:
            by_wall, by_cpu = (
                exponent(sizes, [row.wall for row in rows]),
                exponent(sizes, [row.cpu for row in rows]),
            )
            print(f"       exponent of the time {by_wall:.3f}, of the CPU time {by_cpu:.3f} (at most 1.05)")
            fine = fine and by_cpu <= 1.05
    return fine


def _stalls(values: tuple[float, float, float]) -> str:
    return " / ".join(f"{1000 * value:5.1f}" for value in values)


def memory(sizes: Sequence[int]) -> bool:
    """Whether a VM costs no more than is promised."""
    print("\nmemory by tracemalloc, bytes a VM: the most, of it the report's, the rest (at most 1,500)")
    fine = True
    for size in sizes:
        for kept in (False, True):
            with journal() as path:
                seen = measure(Ask(vms=size, journal=path if kept else None, traced=True, first_poll=1.0))
            rest = (seen.peak - seen.kept) / size
            print(
                f"{size:6} {'with journal' if kept else 'without':12} {seen.peak / size:7.0f} "
                f"{seen.kept / size:7.0f} {rest:7.0f}",
                flush=True,
            )
            fine = fine and rest <= 1500
    return fine


def cost_of_journal(size: int, times: int) -> bool:
    """Print what a journal costs."""
    print(f"\njournal: {size} VMs stopped without reading back, {times} times each in turns, medians")
    rows: dict[bool, list[Seen]] = {False: [], True: []}
    for _ in range(times):
        for kept in rows:
            with journal() as path:
                rows[kept].append(measure(Ask(vms=size, wait=False, journal=path if kept else None)))
    for kept, seens in rows.items():
        rate, cpu = median(size / seen.wall for seen in seens), median(seen.cpu / size for seen in seens)
        print(f"  {'with' if kept else 'without':8} {rate:7.0f} VMs/s {1e6 * cpu:7.0f} µs CPU a VM")
    ratio = median(seen.wall for seen in rows[False]) / median(seen.wall for seen in rows[True])
    more = median(s.cpu for s in rows[True]) - median(s.cpu for s in rows[False])
    print(f"  {1e6 * more / size:.0f} µs CPU more an action; {ratio:.0%} of the throughput")
    return all(seen.ok for seens in rows.values() for seen in seens)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if one of them is not as it is promised."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small fleets, under a minute")
    parser.add_argument("--only", choices=["scale", "memory", "journal", "makespan"])
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of VMs")
    parser.add_argument("--frozen", action="store_true", help="scale without full garbage collections")
    given = parser.parse_args(argv)
    sizes = given.sizes or ([500, 2_000] if given.quick else [1_000, 10_000, 100_000])
    fine = True
    if given.only in (None, "scale"):
        fine = scale(sizes, frozen=given.frozen) and fine
    if given.only in (None, "memory"):
        fine = memory(given.sizes or ([2_000] if given.quick else [10_000])) and fine
    if given.only in (None, "journal"):
        fine = cost_of_journal(*((2_000, 1) if given.quick else (10_000, 3))) and fine
    if given.only in (None, "makespan"):
        fine = makespan.table(quick=given.quick) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

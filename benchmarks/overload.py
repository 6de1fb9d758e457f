"""How near to the best fixed limit an adaptive one comes, on providers that differ in every way.

    python -m benchmarks.overload [--quick] [--json FILE] [--seed 1] [--only rate] [--sockets]

*Goodput* is the time until 95 % are done with the best fixed limit that keeps refusals at or under 3 % (where
the capacity drops: an oracle that switches with it), divided by the time with the algorithm; for a rate it is
the share of the rate that was used, the burst left out. *Lost/wait* is the time lost against the rate,
divided by the waits that all refusals asked for. AIMD, fixed limits and no limit stand beside it; the last
two sleep before a retry as a plain client does (0.5 s doubling to 8 s, full jitter). What has sent 20 times
as much as it had to and is still not done counts as a goodput of nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Literal

from aioseflow import AdaptiveLimit, FixedLimit, Limit

from . import sockets
from .simulation import Provider, lognormal, run, three_kinds

Says = Literal["nothing", "true", "whole"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One provider: `queue` in multiples of the workers; `drop` to a quarter and back."""

    workers: int
    queue: float
    service: float
    sigma: float = 0.5
    drop: bool = False
    rate: float | None = None
    burst: int = 1
    says: Says = "nothing"
    requests: int = 3_000

    @property
    def name(self) -> str:
        what = (
            f"C={self.workers} Q={self.queue:g}C" if self.rate is None else f"{self.rate:g}/s b={self.burst}"
        )
        tail = "" if self.says == "nothing" else f" {self.says}"
        return f"{what} S={self.service:g}{' drop' if self.drop else ''}{tail}"

    def provider(self) -> Provider:
        draw = three_kinds() if self.service == 0 else lognormal(self.service, self.sigma)
        phases: list[tuple[float, float, float]] = [(0.0, self.workers, self.queue * self.workers)]
        if self.drop:
            low = max(1, self.workers // 4)
            whole = self.requests * self.service / self.workers
            phases += [(whole / 3, low, self.queue * low), (whole, self.workers, self.queue * self.workers)]
        return Provider(tuple(phases), draw, self.rate, self.burst, self.says)


@dataclass(slots=True)
class Row:
    """What one algorithm did in one cell."""

    goodput: float
    refused: float
    timed_out: float
    lost_per_wait: float | None = None
    cut_short: bool = False


class Aimd:
    """The textbook: +1 a round, nine tenths at a refusal, once an episode."""

    not_before = 0.0

    def __init__(self, maximum: int, factor: float = 0.9) -> None:
        self._size, self._maximum, self._factor, self._cut = 16.0, maximum, factor, -math.inf
        self.value = 16

    def sent(self, now: float, *, in_flight: int) -> None: ...

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        if in_flight + 1 >= self.value:
            self._size = min(self._maximum, self._size + 1 / self._size)
            self.value = int(self._size)

    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None:
        if retry_after:
            self.not_before = max(self.not_before, now + retry_after)
        if sent_at >= self._cut:
            self._cut = now
            self._size = max(1.0, self._size * self._factor)
            self.value = int(self._size)

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        self.refused(now, sent_at=sent_at, in_flight_then=in_flight_then, in_flight=in_flight)


@dataclass
class Switch:
    """A limit that knows the capacity and when it changes."""

    high: int
    low: int
    value: int = 0
    not_before: float = 0.0

    def __post_init__(self) -> None:
        self.value = self.high

    def sent(self, now: float, *, in_flight: int) -> None: ...
    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None: ...
    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None: ...
    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None: ...

    def turn(self, now: float, limit: Limit) -> None:
        """The capacity has changed."""
        self.value = self.low if self.value == self.high else self.high


@cache
def best_fixed(cell: Cell, most: int, seed: int) -> int:
    """The fixed limit with the least time until 95 %, among those that keep refusals at or under 3 %."""
    steady = replace(cell, drop=False)
    workers, places = steady.workers, steady.queue * steady.workers
    extra = workers * steady.provider().rtt / max(0.05, steady.service)
    candidates = {workers, workers + 1, math.ceil(workers + extra), math.ceil(workers + 2 * extra)}
    # One below, for a worker that is busy with a request whose sender has given up.
    candidates |= {math.ceil(workers + extra / 2), workers - 1, workers - 2}
    if places:
        full = int(workers + min(places, 4 * workers))
        candidates |= {full, full + math.ceil(extra / 2), math.ceil(1.5 * workers)}
    best, least = 1, math.inf
    for size in sorted({min(most, max(1, c)) for c in candidates}):
        got = run(FixedLimit(size), steady.provider(), steady.requests, seed, most_sent=2 * steady.requests)
        if not got.cut_short and got.refused_share <= 0.03 and got.until_95 < least:
            best, least = size, got.until_95
    return best


@cache
def oracle(cell: Cell, most: int, seed: int) -> float:
    """Seconds until 95 % are done with the best that a limit could do."""
    high = best_fixed(cell, most, seed)
    if not cell.drop:
        return run(FixedLimit(high), cell.provider(), cell.requests, seed).until_95
    low = best_fixed(replace(cell, workers=max(1, cell.workers // 4), drop=False), most, seed)
    switch = Switch(high, low)
    return run(switch, cell.provider(), cell.requests, seed, until=switch.turn).until_95


def measure(cell: Cell, make: Callable[[], Limit], maximum: int, seed: int, *, plain: bool = False) -> Row:
    """Drive one limit through one cell."""
    got = run(
        make(),
        cell.provider(),
        cell.requests,
        seed,
        backoff=plain,
        most_sent=20 * cell.requests,
    )
    if got.cut_short:
        return Row(0.0, got.refused_share, got.timed_out_share, None, cut_short=True)
    if cell.rate is None:
        return Row(
            oracle(cell, maximum, seed) / got.until_95,
            got.refused_share,
            got.timed_out_share,
            None,
            got.cut_short,
        )
    ideal = max(1e-9, (math.ceil(0.95 * cell.requests) - cell.burst) / cell.rate)
    lost = max(0.0, got.seconds - (cell.requests - cell.burst) / cell.rate)
    return Row(
        ideal / got.until_95,
        got.refused_share,
        got.timed_out_share,
        None if cell.says != "whole" else lost / got.waits if got.waits else math.inf if lost > 1 else 0.0,
        got.cut_short,
    )


def cells(*, quick: bool) -> dict[str, list[Cell]]:
    """The matrix, by group."""
    small, large = ([2, 6, 24, 48], [96]) if quick else ([2, 3, 6, 12, 24, 48], [96, 128])
    queues, times = (0.0, 1.0, 4.0), (0.05, 1.0)
    drops = [8, 32] if quick else [8, 16, 32, 64, 128]
    tails = [4, 24] if quick else [4, 12, 24, 48, 96]
    bursts = [10] if quick else [10, 20, 50]
    told: tuple[Says, ...] = ("nothing", "true", "whole")
    paces = [(rate, burst, 0.05) for rate in (4.0, 50.0, 200.0) for burst in bursts]
    more = [(1.0, 0.05), (2.0, 0.05), (10.0, 0.05), (10.0, 0.2), (20.0, 0.1), (100.0, 0.05)]
    others = [] if quick else [(rate, 10, service) for rate, service in more]
    slow = [] if quick else [(50.0, 10, 1.0), (200.0, 10, 1.0)]

    def rates(of: list[tuple[float, int, float]], says: Iterable[Says]) -> list[Cell]:
        return [Cell(10_000, 0, s, rate=r, burst=b, says=say) for r, b, s in of for say in says]

    groups = {
        "steady, C <= 48": [Cell(c, q, s) for c in small for q in queues for s in times],
        "steady, C > 48": [Cell(c, q, s) for c in large for q in queues for s in times],
        "drop": [Cell(c, q, s, drop=True) for c in drops for q in queues for s in times],
        "silent queue": [Cell(c, math.inf, s) for c in (*small, *large) for s in times],
        "heavy tail": [Cell(c, q, s, sigma=1.0) for c in tails for q in (0.0, 1.0) for s in times],
        "three kinds": [Cell(c, q, 0) for c in (4, 24) for q in (0.0, 4.0)],
        "rate": rates(paces, told[:2]),
        "rate, whole s": rates(paces, told[2:]),
        "rate, others": rates(others, told),
        "rate, 1 s calls": rates(slow, told),
    }
    return {name: group for name, group in groups.items() if group}


MATRIX = ("steady, C <= 48", "steady, C > 48", "drop", "silent queue")


def algorithms(maximum: int, *, alone: bool) -> dict[str, tuple[Callable[[], Limit], bool]]:
    """What is compared: how it is made, and whether it sleeps before a retry as a plain client does."""
    adaptive: dict[str, tuple[Callable[[], Limit], bool]] = {
        "adaptive": (lambda: AdaptiveLimit(maximum), False)
    }
    if alone:
        return adaptive
    return adaptive | {
        "AIMD": (lambda: Aimd(maximum), False),
        "fixed 8": (lambda: FixedLimit(8), True),
        "fixed 32": (lambda: FixedLimit(32), True),
        "none": (lambda: FixedLimit(1_000_000), True),
    }


def line(name: str, algorithm: str, rows: list[Row]) -> str:
    """One line of the table."""
    goods, refused = [row.goodput for row in rows], [row.refused for row in rows]
    lost = [row.lost_per_wait for row in rows if row.lost_per_wait is not None]
    return (
        f"{name:16} {algorithm:9} {fmean(goods):6.3f} / {min(goods):5.3f}   "
        f"{fmean(refused):7.2%} / {max(refused):7.2%}   {max(row.timed_out for row in rows):7.2%}   "
        + (f"{max(lost):5.2f}" if lost else "    -")
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer cells, under two minutes")
    parser.add_argument("--only", default="", help="groups whose name contains this")
    parser.add_argument("--json", type=Path, help="write every cell to this file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cells", action="store_true", help="print every cell of the adaptive limit")
    parser.add_argument("--alone", action="store_true", help="without the other algorithms")
    parser.add_argument("--sockets", action="store_true", help="only on real sockets, fewer cells")
    parser.add_argument("--maximum", type=int, nargs="*", default=[512, 32])
    options = parser.parse_args(argv)
    written: list[dict[str, object]] = []
    if options.sockets:
        made = {name: make for name, (make, _) in algorithms(32, alone=options.alone).items()}
        if not options.alone:
            made["none"] = lambda: FixedLimit(sockets.CALLERS)
        written = sockets.table(made, sockets.CELLS[::3] if options.quick else sockets.CELLS)
        options.maximum = []
    groups = {name: group for name, group in cells(quick=options.quick).items() if options.only in name}
    for maximum in options.maximum:
        print(f"\nmaximum={maximum}, seed {options.seed}, N=3,000: mean / worst of the cells of a group")
        print(f"{'group':16} {'algorithm':9} {'goodput':^14}   {'refused':^17}   timed out   lost/wait")
        matrix: dict[str, list[Row]] = {}
        for name, group in groups.items():
            for algorithm, (make, plain) in algorithms(maximum, alone=options.alone).items():
                rows = [measure(cell, make, maximum, options.seed, plain=plain) for cell in group]
                print(line(name, algorithm, rows), flush=True)
                if name in MATRIX:
                    matrix.setdefault(algorithm, []).extend(rows)
                named = [(cell.name, row) for cell, row in zip(group, rows, strict=True)]
                about = {"maximum": maximum, "group": name, "algorithm": algorithm}
                written += [{**about, "cell": cell, **asdict(row)} for cell, row in named]
                if options.cells and algorithm == "adaptive":
                    for cell, row in named:
                        print(line("", "", [row]) + f"   {cell}")
        for algorithm, rows in matrix.items():
            print(line("all up to silent", algorithm, rows))
    if options.json:
        options.json.write_text(json.dumps(written, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long a call takes at a fixed load, and how long the loop is held."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from ..meters import percentile
from .clock import working
from .peers import JOURNAL, OURS, OURS_UVLOOP, PLAIN, TUNED, TUNED_UVLOOP
from .setting import Setting, cells
from .table import Bound, Findings, Table

RATE: Final = 400
_PACED: Final = (TUNED, OURS, PLAIN, "httpx", "requests, threads", "niquests", OURS_UVLOOP, TUNED_UVLOOP)
_QUICK: Final = (TUNED, OURS, PLAIN, "requests, threads")


def latency(setting: Setting) -> Findings:
    """Stops that are due at a fixed rate."""
    there, absent = setting.runs(_QUICK if setting.quick else _PACED)
    calls, rounds = (300, 2) if setting.quick else (800, 8)
    took: dict[str, list[float]] = {name: [] for name in there}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(working(name, setting.port, 50)) for name in there}
        for worker in workers.values():
            worker.does(work="stop", calls=128)
        for _ in range(rounds):
            for name, worker in workers.items():
                took[name] += worker.does(work="stop", calls=calls, rate=RATE)["latencies"]
    of = {name: {f"p{p:g}": percentile(each, p / 100) for p in (50, 99, 99.9)} for name, each in took.items()}
    table = Table(
        f"latency in ms of a stop at {RATE} calls/s, from when it was due ({rounds * calls:,} calls)",
        ("p50", "p99", "p99.9"),
        cells(of, absent, ("p50", "p99", "p99.9"), 1e3),
        base=TUNED,
        digits=2,
        note="The server's time is in it, and up to 1 ms by which a loop's timer is late: of each alike.",
    )
    return Findings([table])


def stalls(setting: Setting) -> Findings:
    """How late a heartbeat of 1 ms is while a fleet is acted on."""
    vms = 2_000 if setting.quick else 10_000
    of: dict[str, dict[str, float]] = {}
    for name in (TUNED, OURS, JOURNAL) if setting.quick else (TUNED, OURS, JOURNAL, PLAIN):
        with working(name, setting.port, vms) as worker:
            worker.does(work="stop", calls=128)
            runs = [worker.does(work="fleet", calls=vms, beat=True) for _ in range(3)]
        late = [each for run in runs for each in run["late"]]
        busy = [each for run in runs for each in run["busy"]]
        of[name] = {f"p{p:g}": 1e3 * percentile(late, p / 100) for p in (50, 99.9)}
        of[name] |= {f"CPU p{p:g}": 1e3 * percentile(busy, p / 100) for p in (50, 99.9)}
        of[name] |= {"CPU, most": 1e3 * max(busy), "beats": float(len(late))}
    columns = ("p50", "p99.9", "CPU p50", "CPU p99.9", "CPU, most", "beats")
    table = Table(
        f"stalls in ms of a heartbeat of 1 ms while a fleet of {vms:,} VMs is stopped, 3 times",
        columns,
        cells(of, {}, columns),
        note="By the clock, and in CPU time of the loop's thread, which nobody lengthens. A turn of the loop "
        "reads all answers that have come, of 64 in flight.",
    )
    return Findings(
        [table],
        [Bound(f"fleet of {vms:,} VMs: p99.9 of the stalls in CPU time", of[OURS]["CPU p99.9"], 50, "ms")],
    )

"""How long a call takes at a fixed load, and how long the loop is held."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from .clock import working
from .peers import JOURNAL, OURS, OURS_UVLOOP, PLAIN, TUNED, TUNED_UVLOOP
from .setting import Setting, cells
from .table import Bound, Findings, Table

RATE: Final = 400
_PACED: Final = (TUNED, OURS, PLAIN, "httpx", "requests, threads", "niquests", OURS_UVLOOP, TUNED_UVLOOP)
_QUICK: Final = (TUNED, OURS, PLAIN, "requests, threads")


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so many of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latency(setting: Setting) -> Findings:
    """Stops that are due at a fixed rate."""
    there, absent = setting.runs(_QUICK if setting.quick else _PACED)
    calls, rounds = (400, 2) if setting.quick else (800, 8)
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
    for name in (TUNED, OURS, JOURNAL, PLAIN):
        with working(name, setting.port, vms) as worker:
            worker.does(work="stop", calls=128)
            late = [
                each for _ in range(3) for each in worker.does(work="fleet", calls=vms, beat=True)["late"]
            ]
            of[name] = {f"p{p:g}": 1e3 * percentile(late, p / 100) for p in (50, 99, 99.9)}
            of[name] |= {"most": 1e3 * max(late), "beats": float(len(late))}
    table = Table(
        f"by how many ms a heartbeat of 1 ms is late while a fleet of {vms:,} VMs is stopped, 3 times",
        ("p50", "p99", "p99.9", "most", "beats"),
        cells(of, {}, ("p50", "p99", "p99.9", "most", "beats")),
        note="By the clock. A turn of the loop reads all answers that have come, of 64 in flight.",
    )
    return Findings(
        [table], [Bound(f"fleet of {vms:,} VMs: p99.9 of the stalls", of[OURS]["p99.9"], 50, "ms")]
    )


def memory(setting: Setting) -> Findings:
    """The most that a process held, over what it held before it had imported its peer."""
    vms = 1_000 if setting.quick else 5_000
    there, absent = setting.runs((TUNED, OURS, JOURNAL, PLAIN, "httpx", "requests, threads", "niquests"))
    of: dict[str, dict[str, float]] = {}
    for name in there:
        with working(name, setting.port, vms) as worker:
            of[name] = {"one": worker.does(work="stop", calls=1)["grown"]}
            of[name]["stop"] = worker.does(work="stop", calls=vms)["grown"]
            if name not in absent and name in (TUNED, OURS, JOURNAL, PLAIN):
                of[name]["fleet"] = worker.does(work="fleet", calls=vms)["grown"]
    table = Table(
        "peak of the resident memory in MB over an interpreter with asyncio and orjson, in this order",
        ("imported, one stop", f"{vms:,} stops", f"a fleet of {vms:,} VMs"),
        cells(of, absent, ("one", "stop", "fleet"), 1e-6),
        base=TUNED,
    )
    return Findings([table])

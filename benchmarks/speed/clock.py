"""CPU time and throughput by the clock, in blocks of everybody in turns: what disturbs one disturbs all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from subprocess import PIPE, Popen
from typing import Any, Final

from .peers import JOURNAL, OURS, OURS_UVLOOP, PEERS, PLAIN, TUNED, TYPED
from .setting import Setting
from .table import CANNOT, Bound, Cell, Findings, Table
from .valgrind import environment

_FLEETS: Final = (TUNED, OURS, JOURNAL, PLAIN)
_QUICK: Final = (
    TUNED,
    OURS,
    PLAIN,
    "httpx",
    "requests, threads",
    "niquests",
    "asyncio.Protocol",
    OURS_UVLOOP,
)


class Worker:
    """A peer in its own process."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def does(self, **task: Any) -> dict[str, Any]:
        """What a task took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended")
        took: dict[str, Any] = json.loads(line)
        return took


@contextmanager
def working(name: str, port: int, vms: int) -> Iterator[Worker]:
    """A worker, which ends with its standard input."""
    command = [sys.executable, "-m", "benchmarks.speed.worker", name, str(port), str(vms)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment()) as process:  # noqa: S603
        yield Worker(process)


def in_turns(
    setting: Setting, names: list[str], work: str, calls: int, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """What each block of each peer took: CPU and wall, seconds a call."""
    took: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(working(name, setting.port, calls)) for name in names}
        sizes = {name: max(64, calls // 8) if PEERS[name].slow else calls for name in names}
        for number in range(rounds + 1):
            for name, worker in workers.items():
                block = worker.does(work=work, calls=sizes[name])
                if number:  # the first opens connections and imports
                    took[name].append({key: block[key] / sizes[name] for key in ("cpu", "wall")})
    return took


def _rows(
    took: dict[str, list[dict[str, float]]], absent: dict[str, str]
) -> tuple[dict[str, tuple[Cell, ...]], ...]:
    cpu: dict[str, tuple[Cell, ...]] = {}
    rate: dict[str, tuple[Cell, ...]] = {}
    for name in PEERS:
        if name in took:
            micro = [1e6 * block["cpu"] for block in took[name]]
            tenths = quantiles(micro, n=10)
            cpu[name] = (float(median(micro)), f"{tenths[0]:,.0f}..{tenths[-1]:,.0f}")
            rate[name] = (float(median(1 / block["wall"] for block in took[name])),)
        elif name in absent:
            cpu[name], rate[name] = (absent[name], CANNOT), (absent[name],)
    return cpu, rate


def clock(setting: Setting) -> Findings:
    """CPU time a call and calls a second."""
    calls, rounds = (600, 6) if setting.quick else (1000, 20)
    names = _QUICK if setting.quick else [name for name in PEERS if name not in (JOURNAL, TYPED)]
    there, absent = setting.runs(names)
    took = in_turns(setting, there, "stop", calls, rounds)
    cpu, rate = _rows(took, absent)
    found = Findings()
    blocks = f"medians of {rounds} blocks of {calls:,} calls in turns"
    found.tables.append(Table(f"one stop: CPU µs a call, {blocks}", ("µs", "p10..p90"), cpu, TUNED, 0))
    found.tables.append(Table(f"one stop: calls a second, {blocks}", ("calls/s",), rate, TUNED, 0))
    other = None
    if OURS_UVLOOP in took:
        # Of neighbouring blocks, so that what slows the machine for a while cancels.
        both = zip(took[OURS], took[OURS_UVLOOP], strict=True)
        other = median(one["wall"] / on_uvloop["wall"] for one, on_uvloop in both)
    found.bounds.append(Bound("one stop: calls/s on uvloop over asyncio's loop", other, 1.3, at_most=False))
    if not setting.quick:
        for work, title in (("list", "a list of 50"), ("get", "one get")):
            names = [
                name
                for name in (TUNED, OURS, PLAIN, "httpx", "requests, threads", "niquests")
                if name in there
            ]
            cpu, rate = _rows(in_turns(setting, names, work, calls // 2, rounds), {})
            found.tables.append(Table(f"{title}: CPU µs a call", ("µs", "p10..p90"), cpu, TUNED, 0))
    return found


def journal(setting: Setting) -> Findings:
    """A fleet by the clock, with and without a journal."""
    calls, rounds = (500, 6) if setting.quick else (2500, 15)
    took = in_turns(setting, list(_FLEETS), "fleet", calls, rounds)
    cpu, rate = _rows(took, {})
    blocks = f"medians of {rounds} runs of {calls:,} VMs in turns"
    tables = [
        Table(f"fleet: CPU µs a VM, {blocks}", ("µs", "p10..p90"), cpu, TUNED, 0),
        Table(f"fleet: VMs a second, {blocks}", ("VMs/s",), rate, TUNED, 0, note=_where()),
    ]
    # Of neighbouring runs, so that what slows the machine for a while cancels.
    pairs = list(zip(took[JOURNAL], took[OURS], strict=True))
    more = median(1e6 * (kept["cpu"] - without["cpu"]) for kept, without in pairs)
    share = median(without["wall"] / kept["wall"] for kept, without in pairs)
    bounds = [
        Bound("fleet with a journal: CPU more a VM", more, 60, "µs"),
        Bound("fleet with a journal: VMs/s over those without", share, 0.85, at_most=False),
    ]
    return Findings(tables, bounds)


def _where() -> str:
    return "As fast as they go. The journal is on the disk of the temporary directory, FULL, group commit."

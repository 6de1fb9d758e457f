"""Decoding VMs beside a function written by hand.

python -m benchmarks.speed.decoding               how long each takes, as JSON
python -m benchmarks.speed.decoding --fork        the same work in forks, for valgrind
python -m benchmarks.speed.decoding --hold PORT   how late a heartbeat is beside answers of 5,000 VMs
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, Final

import orjson

from ..meters import beating, percentile
from . import valgrind
from .forks import in_forks
from .handwritten import read, read_list
from .server import FIRST_SERVICE, vm
from .setting import Setting
from .table import Bound, Cell, Findings, Table
from .work import PASSWORD, USERNAME

OURS: Final = "aioseflow"
HAND: Final = "by hand"
MANY: Final = 5000
# (few, many) calls of each, for the difference.
CALLS: Final = {"one": (100, 600), "list": (1, 2)}


def work() -> dict[tuple[str, str], Callable[[], object]]:
    """Who reads what; the JSON is parsed already."""
    from aioseflow import Vm
    from aioseflow.decoding import decode

    one = orjson.loads(orjson.dumps({"vm": vm(FIRST_SERVICE, 7)}))
    many = orjson.loads(orjson.dumps({"vms": [vm(FIRST_SERVICE, number) for number in range(MANY)]}))
    identity = one["vm"]["id"]
    return {
        (OURS, "one"): lambda: decode(Vm, one, key=("vm", "vms"), call="vms.get", identity=identity),
        (HAND, "one"): lambda: read(one["vm"]),
        (OURS, "list"): lambda: decode(list[Vm], many, key=("vms",), call="vms.list"),
        (HAND, "list"): lambda: read_list(many),
    }


def instructions(python: str = sys.executable) -> dict[tuple[str, str], float]:
    """Instructions a VM."""
    counts = valgrind.of_forks([python, "-m", "benchmarks.speed.decoding", "--fork"])
    each: dict[tuple[str, str], float] = {}
    for who in (OURS, HAND):
        for what, (few, many) in CALLS.items():
            calls = (many - few) * (MANY if what == "list" else 1)
            each[who, what] = (counts[f"{who} {what} {many}"] - counts[f"{who} {what} {few}"]) / calls
    return each


def decoding(setting: Setting) -> Findings:
    """One VM, a list of them, and what a long list does to the loop."""
    found = Findings()
    columns = ("one VM", f"a VM of {MANY:,}")
    if setting.counts():
        each = instructions()
        rows: dict[str, tuple[Cell, ...]] = {
            who: (each[who, "one"] / 1000, each[who, "list"] / 1000) for who in (HAND, OURS)
        }
        table = Table(
            "decoding a VM of ten fields, parsed already: instructions in thousands", columns, rows, HAND
        )
        found.tables.append(table)
        for column, what in enumerate(("one VM", f"a list of {MANY:,} VMs")):
            found.bounds.append(
                Bound(
                    f"decoding {what}: instructions over a function by hand", table.ratio(OURS, column), 1.3
                )
            )
    took = _child()
    clock: dict[str, tuple[Cell, ...]] = {
        who: (1e6 * took[f"{who} one"], 1e6 * took[f"{who} list"] / MANY) for who in (HAND, OURS)
    }
    found.tables.append(Table("decoding a VM of ten fields, parsed already: µs", columns, clock, HAND, 2))
    held = _child("--hold", str(setting.port))
    note = f"Of it orjson, in one piece: {1e3 * held['parse']:.1f} ms for {held['bytes'] / 1e6:.2f} MB."
    row = tuple(1e3 * held[key] for key in ("late", "p99", "most", "took"))
    title = f"vms.list with an answer of {MANY:,} VMs: stalls in ms of a heartbeat of 1 ms, and the call"
    found.tables.append(Table(title, ("most", "CPU p99", "CPU, most", "the call"), {OURS: row}, note=note))
    found.bounds.append(
        Bound(f"an answer of {MANY:,} VMs: longest that the loop is held, in CPU time", row[2], 50, "ms")
    )
    return found


def _child(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.speed.decoding", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=valgrind.environment(), check=True)  # noqa: S603
    said: dict[str, float] = json.loads(done.stdout)
    return said


def _times() -> dict[str, float]:
    """Seconds of CPU each takes: medians of blocks in turns."""
    blocks: dict[str, list[float]] = {f"{who} {what}": [] for who, what in work()}
    for number in range(12):
        for (who, what), do in work().items():
            calls = 1000 if what == "one" else 1
            began = time.process_time()
            for _ in range(calls):
                do()
            if number:
                blocks[f"{who} {what}"].append((time.process_time() - began) / calls)
    return {name: median(each) for name, each in blocks.items()}


async def _hold(port: int) -> dict[str, float]:
    from aioseflow import SeFlow

    late, busy = array("d"), array("d")
    took: list[float] = []
    where = f"http://127.0.0.1:{port}/s1x{MANY}"
    async with SeFlow(USERNAME, PASSWORD, base_url=where, allow_insecure=True) as seflow:
        await seflow.vms.list(FIRST_SERVICE)
        heart = asyncio.create_task(beating(late, busy))
        for _ in range(10):
            began = time.perf_counter()
            assert len(await seflow.vms.list(FIRST_SERVICE)) == MANY
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
        heart.cancel()
    body = orjson.dumps({"vms": [vm(FIRST_SERVICE, number) for number in range(MANY)]})
    began = time.perf_counter()
    orjson.loads(body)
    parse = time.perf_counter() - began
    tail = {"late": max(late), "p99": percentile(busy.tolist(), 0.99), "most": max(busy)}
    return {**tail, "took": median(took), "parse": parse, "bytes": len(body)}


def _repeat(do: Callable[[], Any], calls: int) -> None:
    for _ in range(calls):
        do()


def main(arguments: list[str]) -> None:
    """As this module's text says."""
    if arguments[:1] == ["--hold"]:
        print(json.dumps(asyncio.run(_hold(int(arguments[1])))))
    elif arguments == ["--fork"]:
        tasks = work()
        for do in tasks.values():
            do()
        in_forks(
            {
                f"{who} {what} {calls}": partial(_repeat, do, calls)
                for (who, what), do in tasks.items()
                for calls in CALLS[what]
            }
        )
    else:
        print(json.dumps(_times()))


if __name__ == "__main__":
    main(sys.argv[1:])

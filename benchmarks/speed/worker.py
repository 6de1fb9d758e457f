"""One peer in a process of its own.

    python -m benchmarks.speed.worker PEER PORT VMS < TASKS
    python -m benchmarks.speed.worker --fork PORT FORKS

A task is a JSON object ``{"work": "stop", "calls": 1000}``, with ``"rate": 400`` for so many a second, and
with ``"beat": true`` beside a heartbeat. Each line read is one, each line written what it took. FORKS is an
object of ``[PEER, VMS, [TASK, …]]``, each done by a new peer in a fork.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from array import array
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any

from ..meters import beating, memory
from .forks import in_forks
from .peers import PEERS, Entrant
from .server import VMS_PER_SERVICE
from .work import WORK, Peer


async def _done(peer: Peer, task: dict[str, Any]) -> dict[str, Any]:
    late, busy = array("d"), array("d")
    heart = asyncio.create_task(beating(late, busy)) if task.get("beat") else None
    wall, cpu = time.perf_counter(), time.process_time()
    latencies: list[float] | None = None
    if "rate" in task:
        latencies = await peer.paced(task["calls"], task["rate"])
    else:
        await WORK[task["work"]](peer, task["calls"])
    took: dict[str, Any] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    if heart is not None:
        heart.cancel()
        took |= {"late": late.tolist(), "busy": busy.tolist()}
    if latencies is not None:
        took["latencies"] = latencies
    return took


async def _work(entrant: Entrant, port: int, vms: int, tasks: Iterable[str]) -> None:
    empty = memory("VmRSS")
    peer = entrant.made(port, vms)
    for line in tasks:
        took = await _done(peer, json.loads(line))
        took |= {"grown": memory("VmHWM") - empty, "timeouts": peer.timeouts}
        print(json.dumps(took), flush=True)
    await peer.close()


async def _quietly(entrant: Entrant, port: int, vms: int, tasks: Iterable[dict[str, Any]]) -> None:
    peer = entrant.made(port, vms)
    for task in tasks:
        await _done(peer, task)
    await peer.close()


def run(entrant: Entrant, what: Coroutine[Any, Any, None]) -> None:
    """On the loop of the peer."""
    factory = None
    if entrant.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(what)


def main(arguments: list[str]) -> None:
    """As this module's text says."""
    if arguments[0] != "--fork":
        name, port, vms = arguments
        run(PEERS[name], _work(PEERS[name], int(port), int(vms), sys.stdin))
        return
    port, given = arguments[1:]
    forks: dict[str, tuple[str, int, list[dict[str, Any]]]] = json.loads(given)

    def work(name: str, vms: int, tasks: list[dict[str, Any]]) -> None:
        run(PEERS[name], _quietly(PEERS[name], int(port), vms, tasks))

    # What is imported at the first call is imported before the forks, once for all.
    for name, kind in {(name, each["work"]): None for name, _, tasks in forks.values() for each in tasks}:
        calls = VMS_PER_SERVICE if kind == "fleet" else 1
        work(name, calls, [{"work": kind, "calls": calls}])
    # Or else a full collection, now and then, would count what other peers have imported.
    gc.collect()
    gc.freeze()
    in_forks({label: partial(work, *what) for label, what in forks.items()})


if __name__ == "__main__":
    main(sys.argv[1:])

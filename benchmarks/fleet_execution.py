"""One run on loopback, measured: the panel in one process, the client in another, and what each saw of it."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
import tracemalloc
from array import array
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import attrs

from aioseflow import FixedLimit, Reboot, Report, SeFlow, SettlePolicy, Stop
from aioseflow.sandbox import Sandbox

from .meters import beating, memory, percentile

VMS_PER_SERVICE: Final = 50
_CONTEXT: Final = multiprocessing.get_context("spawn")


@attrs.frozen(kw_only=True)
class Ask:
    """What is to be run.

    ``traced`` measures memory by tracemalloc instead of speed; ``frozen`` leaves out Python's full garbage
    collections, which hold the loop for longer the more outcomes are kept.
    """

    vms: int
    action: str = "stop"
    wait: bool = True
    journal: str | None = None
    limit: int = 32
    traced: bool = False
    frozen: bool = False
    first_poll: float = 2.0


@attrs.define(kw_only=True)
class Seen:
    """What came of it. Memory in bytes, times in seconds.

    ``grown`` is the peak of the resident set over what it was before the run; ``peak`` and ``kept`` are
    tracemalloc's: the most that was allocated meanwhile, and what the report alone holds on to. ``stalls``
    are the delays of a beat of 1 ms: by the clock, and in CPU time of the loop's thread, which no other
    process of the machine can lengthen; ``beats`` is how many there were. ``overlap`` is the share of the
    services that were listed after the first VM was acted on.
    """

    wall: float = 0.0
    cpu: float = 0.0
    grown: int = 0
    peak: int = 0
    kept: int = 0
    stalls: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cpu_stalls: tuple[float, float, float] = (0.0, 0.0, 0.0)
    beats: int = 0
    ok: bool = False
    posts: int = 0
    polls: int = 0
    overlap: float = 0.0


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _tail(values: array[float]) -> tuple[float, float, float]:
    """The 99th and 99.9th percentile and the most."""
    beats = values or array("d", [0.0])
    return percentile(beats, 0.99), percentile(beats, 0.999), max(beats)


async def _run(ask: Ask, where: dict[str, str], seen: Seen) -> Report:
    settle = SettlePolicy(first_poll=ask.first_poll)
    async with SeFlow(**where, journal=ask.journal, limit=FixedLimit(ask.limit)) as seflow:  # type: ignore[arg-type]
        await seflow.services.list()
        gc.collect()
        _forget_peak()
        before = memory("VmRSS")
        late, busy = array("d"), array("d")
        heart = asyncio.create_task(beating(late, busy)) if not ask.traced else None
        began, used = time.perf_counter(), time.process_time()
        if ask.traced:
            tracemalloc.start()
        action = Stop() if ask.action == "stop" else Reboot()
        report = await seflow.fleet.run(action, wait=ask.wait, settle=settle)
        seen.wall, seen.cpu = time.perf_counter() - began, time.process_time() - used
        seen.grown = memory("VmHWM") - before
        if ask.traced:
            seen.peak = tracemalloc.get_traced_memory()[1]
        if heart is not None:
            heart.cancel()
            await asyncio.wait([heart])
        seen.stalls, seen.cpu_stalls, seen.beats = _tail(late), _tail(busy), len(late)
    return report


def _sit(ask: Ask, where: dict[str, str], answer: Connection) -> None:
    seen = Seen()
    if ask.frozen:
        gc.freeze()
        gc.set_threshold(700, 10, 1_000_000)
    report: Report | None = asyncio.run(_run(ask, where, seen))
    assert report is not None
    seen.ok = report.ok and len(report.targets) == ask.vms == sum(report.counts.values())
    if ask.traced:
        gc.collect()
        all_of_it = tracemalloc.get_traced_memory()[0]
        report = None
        gc.collect()
        seen.kept = all_of_it - tracemalloc.get_traced_memory()[0]
    answer.send(seen)


def _serve(vms: int, control: Connection) -> None:
    asyncio.run(_panel(vms, control))


async def _panel(vms: int, control: Connection) -> None:
    each = min(vms, VMS_PER_SERVICE)
    async with Sandbox(services=vms // each, vms_per_service=each, seed=1) as panel:
        control.send({"username": panel.username, "password": panel.password, "base_url": panel.url})
        asked = asyncio.Event()
        asyncio.get_running_loop().add_reader(control.fileno(), asked.set)
        await asked.wait()
        control.send(_evidence(panel))


def _evidence(panel: Sandbox) -> dict[str, Any]:
    lists = [seen for seen in panel.requests if seen.method == "GET" and seen.path.endswith("/vms")]
    posts = [seen for seen in panel.requests if seen.method == "POST"]
    first: dict[str, int] = {}
    for seen in lists:
        first.setdefault(seen.path, seen.number)
    begun = posts[0].number if posts else 0
    return {
        "posts": len(posts),
        "polls": len(lists) - len(first),
        "overlap": sum(number > begun for number in first.values()) / max(1, len(first)),
    }


def measure(ask: Ask) -> Seen:
    """Run it in two fresh processes."""
    ours, theirs = _CONTEXT.Pipe()
    panel = _CONTEXT.Process(target=_serve, args=(ask.vms, theirs))
    panel.start()
    try:
        where = ours.recv()
        answer, to_us = _CONTEXT.Pipe(duplex=False)
        client = _CONTEXT.Process(target=_sit, args=(ask, where, to_us))
        client.start()
        to_us.close()
        try:
            seen: Seen = answer.recv()
        finally:
            client.join()
        ours.send("that is all")
        evidence = ours.recv()
    finally:
        panel.join(10)
        panel.kill()
    seen.posts, seen.polls, seen.overlap = evidence["posts"], evidence["polls"], evidence["overlap"]
    return seen

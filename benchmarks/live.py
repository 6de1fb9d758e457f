"""What the live view of a run costs.

    python -m benchmarks.live [--quick]

*draw*: microseconds of CPU for a picture of a run of 100, 2,500, 10,000 and 100,000 VMs in which something
has changed, on terminals of two sizes; the largest may take no longer than another that fills the screen.
*share*: a stop of a fleet on loopback, drawn as for an operator: the view's share of the CPU time
of the run (at most 5 %). Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from statistics import median
from types import SimpleNamespace
from typing import Any, Final

from aioseflow import FixedLimit, Progress, SeFlow, ServiceProgress, SettlePolicy, Status
from aioseflow.cli.live import LiveView
from aioseflow.cli.live.terminal_frame import TerminalFrame
from aioseflow.cli.run_control import control_runs

from .fleet_execution import VMS_PER_SERVICE, _serve

SIZES: Final = ((80, 24), (200, 50))
SHARE_AT_MOST: Final = 0.05
GROWTH_AT_MOST: Final = 1.5


class Nowhere(io.StringIO):
    """A terminal that takes everything and shows nothing."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def draws(services: int, vms: int, columns: int, lines: int, times: int) -> float:
    """Microseconds of CPU time of a draw, the median, while VMs of all services become done."""
    chance = random.Random(1)
    places = [ServiceProgress("main", str(n), f"Cloud {n}", vms, vms, min(2, vms)) for n in range(services)]
    total = dict.fromkeys(Status, 0)
    run: Any = SimpleNamespace(services=places, failures=(), run_id="20260301T120000-0a1b2c3d")
    picture = LiveView(TerminalFrame(Nowhere()))
    os.environ["COLUMNS"], os.environ["LINES"] = str(columns), str(lines)
    picture.begin("stop", run)
    took = []
    for _ in range(times):
        for _ in range(20):
            place = chance.choice(places)
            if place.open > 3:
                place.open -= 1
                place.counts[Status.CHANGED] += 1
                total[Status.CHANGED] += 1
        run.progress = Progress(
            targets=services * vms,
            counts=dict(total),
            in_flight=services,
            settling=0,
            queued=services * vms - services - sum(total.values()),
            discovering=False,
            undiscovered=0,
            services=services,
        )
        began = time.thread_time_ns()
        picture._draw()
        took.append((time.thread_time_ns() - began) / 1000)
    return median(took)


def drawing(*, quick: bool) -> bool:
    """Whether the largest fleet is drawn as quickly as a small one of as many lines."""
    print("draw: µs of CPU a picture\n  size      100 VMs  2,500 VMs  10,000 VMs  100,000 VMs")
    fine, times = True, 100 if quick else 500
    for columns, lines in SIZES:
        each = [draws(n, VMS_PER_SERVICE, columns, lines, times) for n in (2, 50, 200, 2000)]
        print(f"  {columns:3}x{lines:<3} {each[0]:10.0f} {each[1]:10.0f} {each[2]:11.0f} {each[3]:12.0f}")
        fine = fine and each[3] <= GROWTH_AT_MOST * each[1]
    return fine


class Timed(LiveView):
    """Counts its pictures, and the CPU time that they take."""

    spent: float = 0.0
    pictures: int = 0

    def draw(self) -> None:
        began = time.thread_time()
        super().draw()
        self.spent += time.thread_time() - began
        self.pictures += 1


async def _run(where: dict[str, Any]) -> tuple[float, float, int]:
    picture = Timed(TerminalFrame(Nowhere()))
    async with SeFlow(**where, limit=FixedLimit(32)) as seflow:
        await seflow.services.list()
        used = time.process_time()
        with control_runs(picture) as control:
            await control.drive("stop", seflow.fleet.stop(settle=SettlePolicy(first_poll=2.0)))
        return picture.spent, time.process_time() - used, picture.pictures


def share(vms: int) -> bool:
    """Whether the view takes no more of the run than it may."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    panel = multiprocessing.get_context("spawn").Process(target=_panel, args=(vms, theirs))
    panel.start()
    try:
        drawn, used, pictures = asyncio.run(_run(ours.recv()))
        ours.send("that is all")
        ours.recv()
    finally:
        panel.join(10)
        panel.kill()
    print(f"  {vms:7,} VMs: {pictures} pictures, {drawn:.2f} s of {used:.2f} s CPU: {drawn / used:.2%}")
    return drawn / used <= SHARE_AT_MOST


def _panel(vms: int, control: Connection) -> None:
    _serve(vms, control)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if one of them is not as it is promised."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer pictures, a small fleet")
    given = parser.parse_args(argv)
    fine = drawing(quick=given.quick)
    print("share of the run's CPU time (at most 5 %)")
    for vms in (500,) if given.quick else (1_000, 10_000):
        fine = share(vms) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

"""How long a run takes on services of very unequal size, against the least that is possible."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.clients import virtual_client
from support.virtual import run

from aioseflow import FixedLimit, Rollout
from aioseflow.sandbox import Duration, Fault, Lognormal, Sandbox
from aioseflow.session.events import Answered, Event

_SERVICES: Final = 200


@attrs.frozen(kw_only=True)
class Case:
    """A fleet whose services have sizes as in Zipf's law, and what may be in flight."""

    limit: int
    per_service: int | None = 4
    power: float = 1.0
    work: Duration = 1.0
    listing: float = 0.0
    vms: int = 4_000
    seed: int = 1

    def sizes(self) -> list[int]:
        """How many VMs each service has, in no order."""
        weights = [1 / (place + 1) ** self.power for place in range(_SERVICES)]
        sizes = [max(1, round(self.vms * weight / sum(weights))) for weight in weights]
        random.Random(self.seed).shuffle(sizes)
        return sizes

    def __str__(self) -> str:
        work = f"{self.work:g} s" if isinstance(self.work, int | float) else "lognormal"
        return (
            f"limit {self.limit:3}  per_service {self.per_service!s:4}  power {self.power:g}  {work:9}  "
            f"lists {self.listing:g} s"
        )


async def _measure(case: Case) -> tuple[float, float, float, str]:
    """The seconds that it took, the least possible, the longest VM's, and what decides the least."""
    work: dict[str, list[float]] = defaultdict(list)
    listed: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, Answered):
            method, path = event.request.split(" ", 1)
            if method == "POST":
                work[path.split("/")[2]].append(event.seconds)
            else:
                listed.append(event.seconds)

    slow = [
        Fault("latency", method="POST", seconds=case.work),
        Fault("latency", method="GET", seconds=case.listing),
    ]
    sizes = case.sizes()
    async with Sandbox(
        services=_SERVICES, vms_per_service=sizes, seed=case.seed, listen=False, port=80, faults=slow
    ) as panel:
        options = {"limit": FixedLimit(case.limit), "hooks": [note]}
        async with virtual_client(panel, **options) as seflow:
            began = asyncio.get_running_loop().time()
            rollout = None if case.per_service is None else Rollout(per_service=case.per_service)
            report = await seflow.fleet.stop(wait=False, rollout=rollout)
            took = asyncio.get_running_loop().time() - began
    assert report.ok
    assert len(report.outcomes) == sum(sizes) == sum(map(len, work.values()))
    bounds = {
        "capacity": (sum(map(sum, work.values())) + sum(listed)) / case.limit,
        "a service": max(map(sum, work.values())) / (case.per_service or case.limit),
        "a VM": max(map(max, work.values())),
    }
    decides = max(bounds, key=lambda name: bounds[name])
    return took, bounds[decides], bounds["a VM"], decides


def cases(*, quick: bool) -> Sequence[Case]:
    """What is measured."""
    tail = Lognormal(1.0, 0.8)
    if quick:
        return [Case(limit=64, vms=1_000), Case(limit=64, vms=1_000, power=0.5, work=tail)]
    return [
        *(Case(limit=limit) for limit in (16, 32, 64, 128)),
        *(Case(limit=limit, work=tail) for limit in (16, 64)),
        *(Case(limit=64, power=power, work=tail) for power in (0.0, 0.5, 0.8)),
        Case(limit=64, per_service=2, power=0.5),
        Case(limit=64, per_service=None, work=tail),
        Case(limit=64, listing=0.2, work=tail),
        Case(limit=64, power=0.5, listing=0.2, work=tail),
    ]


def table(*, quick: bool) -> bool:
    """Whether no run takes more than a twentieth longer than it must, the chance of a long last VM apart."""
    print("\nmakespan: 200 services, virtual seconds (at most 1.05)")
    fine = True
    for case in cases(quick=quick):
        took, least, longest, decides = run(_measure(case))
        print(
            f"  {case}   {took:7.1f} / {least:7.1f} = {took / least:.3f}   decided by {decides}", flush=True
        )
        # Nobody knows beforehand which VM takes long: one of these may be the last to be begun.
        tail = 0.0 if isinstance(case.work, int | float) else longest
        fine = fine and took <= max(1.05 * least, least + tail)
    return fine

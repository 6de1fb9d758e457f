"""Panels on a virtual clock for tests of rollouts, and what their own record says of what arrived when."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import attrs

from aioseflow import Progress, Report, SeFlow, Status
from aioseflow.sandbox import Sandbox
from support.clients import virtual_client

Pair: TypeAlias = tuple[str, str]

FIRST, SECOND, THIRD = "33301", "33302", "33303"
"""The ids of a sandbox's first services."""

SLOW: Final = 5.0
"""Seconds that changes of power take here; the first reading after an acceptance comes after 2."""


@asynccontextmanager
async def small_world(
    vms: Sequence[int] = (8,), *, client: dict[str, Any] | None = None, **manner: Any
) -> AsyncIterator[tuple[Sandbox, SeFlow]]:
    """A panel with so many VMs in each service, and a client of it; both on the virtual clock."""
    quick = {"stop_time": SLOW, "start_time": SLOW, "reboot_time": SLOW, "seed": 1}
    panel = Sandbox(services=len(vms), vms_per_service=vms, listen=False, port=80, **{**quick, **manner})
    async with panel, virtual_client(panel, **(client or {})) as seflow:
        yield panel, seflow


@attrs.frozen
class Sent:
    """A change that arrived at the panel, in seconds of the loop."""

    at: float
    vm: Pair
    verb: str
    fault: str | None = None


def sent(panel: Sandbox, verb: str | None = None) -> list[Sent]:
    """The changes of VMs that arrived, in order; ``verb`` is the last word of the path, ``vm`` for a PUT."""
    changes = []
    for seen in panel.requests:
        parts = seen.path.split("/")
        if seen.method != "GET" and len(parts) > 4 and parts[3] == "vms":
            word = parts[5] if len(parts) > 5 else {"PUT": "resize", "DELETE": "destroy"}[seen.method]
            if verb in (None, word):
                changes.append(Sent(seen.time, (parts[2], parts[4]), word, seen.fault))
    return changes


def peak(starts: Iterable[float], length: float) -> int:
    """The most intervals of one length that overlap."""
    # One that begins as another ends does not overlap it, whatever the sums of floats say.
    edges = sorted(edge for start in starts for edge in ((start, 1), (start + length - 1e-6, -1)))
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def check_adds_up(report: Report) -> None:
    """Every target has exactly one outcome."""
    keys = [outcome.key for outcome in report.outcomes]
    assert len(keys) == len(set(keys)) == sum(report.counts.values())
    assert set(keys) == set(report.targets)


def check_true(panel: Sandbox, report: Report, verb: str = "stop") -> None:
    """Every target has exactly one outcome, and the panel's record says the same."""
    check_adds_up(report)
    arrived = {change.vm for change in sent(panel, verb)}
    for outcome in report.outcomes:
        pair = outcome.service_id, outcome.vm_id
        if outcome.status in (Status.NOT_ATTEMPTED, Status.UNCHANGED):
            assert pair not in arrived, outcome
        else:
            assert pair in arrived, outcome
        if outcome.status is Status.CHANGED:
            assert panel.effects[pair][verb] == 1, outcome


def check_progress(progress: Progress) -> None:
    """The numbers of a progress add up."""
    parts = (*progress.counts.values(), progress.in_flight, progress.settling, progress.queued)
    assert min(parts) >= 0
    assert sum(parts) == progress.targets


def statuses(report: Report) -> dict[str, int]:
    """Return the number of outcomes by status, without zeros."""
    return {str(status): number for status, number in report.counts.items() if number}


def causes(report: Report) -> dict[str, int]:
    """Return the number of outcomes by cause."""
    return dict(Counter(outcome.cause for outcome in report.outcomes if outcome.cause))


def down(panel: Sandbox) -> list[Pair]:
    """The VMs that are not running at this moment."""
    machines = ((service, vm) for service in panel.services.values() for vm in service.vms.values())
    return [(service.id, vm.id) for service, vm in machines if vm.power != "running"]


async def until(holds: Callable[[], bool], *, step: float = 0.25) -> None:
    """Let virtual time go by until something holds; a test that waits in vain ends by `asyncio.timeout`."""
    async with asyncio.timeout(5000):
        while not holds():  # noqa: ASYNC110 - the panel's state has no event to wait for
            await asyncio.sleep(step)


async def most_down(panel: Sandbox, over: asyncio.Event, *, step: float = 0.05) -> int:
    """The most VMs that were down at once, until ``over``."""
    most = 0
    while not over.is_set():
        most = max(most, len(down(panel)))
        await asyncio.sleep(step)
    return most

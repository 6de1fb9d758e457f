"""Runs on a virtual clock that are written down, broken off and taken up again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from aioseflow import Outcome, Report, Run, SeFlow
from aioseflow.fleet.model.outcome import TargetKey
from aioseflow.sandbox import Fault, Sandbox

from .clients import virtual_client
from .journals import JournalPlace

LISTS = "/service/@id/vms"


def small_panel(*faults: Fault, **options: Any) -> Sandbox:
    """Two services of four VMs, which take a second for a change of power."""
    usual = {"services": 2, "vms_per_service": 4, "stop_time": 1.0, "start_time": 1.0, "reboot_time": 1.0}
    return Sandbox(**{**usual, "seed": 1, "listen": False, "port": 80, "faults": faults, **options})


@asynccontextmanager
async def panel_and_client(
    *faults: Fault, journal: Path | JournalPlace | None = None, limit: int = 4, **options: Any
) -> AsyncIterator[tuple[Sandbox, SeFlow]]:
    """A panel and a client that writes its runs down, where a journal is given."""
    async with small_panel(*faults, **options) as panel:
        async with virtual_client(panel, journal=journal, limit=limit) as seflow:
            yield panel, seflow


async def until(holds: Callable[[], bool]) -> None:
    """Let the virtual time pass until something holds. Raises `TimeoutError` after an hour of it."""
    async with asyncio.timeout(3600):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.05)


async def refuses(place: JournalPlace | None, make: Callable[[], Run]) -> None:
    """Make a run that is refused: at once, or at its start where the journal suspends."""
    run = make()
    assert place is not None, "it was not refused at once"
    assert place.suspends, "it was not refused at once"
    await run


async def killed(run: Run, place: JournalPlace) -> JournalPlace:
    """End a run such that nothing is recorded any more; returns what it left."""
    left = place.copy()
    run.cancel()
    await run.wait_closed()
    return left


def statuses(report: Report) -> dict[str, int]:
    """How many VMs ended how, without zeros."""
    return {str(status): number for status, number in report.counts.items() if number}


def adds_up(report: Report) -> bool:
    """Whether each target has exactly one outcome."""
    keys = [outcome.key for outcome in report.outcomes]
    return len(keys) == len(set(keys)) == len(report.targets) and set(keys) == set(report.targets)


def plain(outcomes: Iterable[Outcome]) -> dict[TargetKey, object]:
    """Outcomes that can be compared: two errors that say the same are not equal."""
    return {
        each.key: (attrs.evolve(each, error=None), type(each.error), str(each.error)) for each in outcomes
    }


def posts(panel: Sandbox) -> Counter[str]:
    """How often each change was asked for."""
    return Counter(seen.path for seen in panel.requests if seen.method in ("POST", "PUT", "DELETE"))


def powers(panel: Sandbox) -> list[str]:
    """The state of every VM."""
    return [vm.power for service in panel.services.values() for vm in service.vms.values()]

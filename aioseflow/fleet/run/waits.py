"""Reasons for which a run waits at this moment, from its scheduler, its workers and its lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from ..model.run_wait import HELD_SECONDS_MIN, VMS_NAMED_MAX, RunWait, WaitReason

if TYPE_CHECKING:
    from ..model.outcome import TargetKey
    from .execution import RunExecution
    from .worker import WorkerPool


def waiting_for(execution: RunExecution, now: float) -> Iterator[RunWait]:
    """Yield what a run waits for at a time of the loop's clock, what holds up most of it first."""
    scheduler, run_state = execution.scheduler, execution.run_state
    if scheduler.paused:
        yield RunWait(reason=WaitReason.PAUSED, targets=run_state.queued)
    for pool in execution.pools:
        yield from _of_account(pool, now, waiting=bool(run_state.open))
    if run_state.queued and scheduler.stopping is None:
        if scheduler.batches.is_between:
            yield RunWait(reason=WaitReason.PAUSE_BETWEEN, targets=run_state.queued)
        yield from _of_rollout(execution)
    settling = sorted(one for pool in execution.pools for one in pool.oldest_settling())
    if settling:
        yield RunWait(
            reason=WaitReason.SETTLING,
            targets=run_state.settling,
            vms=[name for _, name in settling[:VMS_NAMED_MAX]],
            since=_moment(now - settling[0][0]),
        )
    unlisted = sum(len(pool.producer.discovery.unlisted) for pool in execution.pools)
    if unlisted:
        yield RunWait(reason=WaitReason.LISTING, targets=unlisted)


def _of_account(pool: WorkerPool, now: float, *, waiting: bool) -> Iterator[RunWait]:
    name = pool.account.name
    if waiting and pool.outage.is_away:
        since = pool.outage.since
        away = None if since is None else _moment(now - since)
        yield RunWait(reason=WaitReason.PANEL_AWAY, account=name, since=away)
    held = pool.account.throttled_for
    if held >= HELD_SECONDS_MIN:
        yield RunWait(reason=WaitReason.THROTTLED, account=name, seconds=held)


def _of_rollout(execution: RunExecution) -> Iterator[RunWait]:
    scheduler, queued = execution.scheduler, execution.run_state.queued
    availability = execution.availability
    if availability is not None and availability.count >= availability.allowed:
        names = _names(execution, availability.counted)
        yield RunWait(reason=WaitReason.MAX_UNAVAILABLE, targets=queued, vms=names)
    full = [queue for queue in scheduler.service_queues() if queue.is_down_full]
    if full:
        down = _names(execution, (key for queue in full for key in queue.down))
        waiting = sum(len(queue.waiting) for queue in full)
        yield RunWait(reason=WaitReason.MAX_DOWN_PER_SERVICE, targets=waiting, vms=down)
    if scheduler.is_window_full:
        yield RunWait(reason=WaitReason.WINDOW, targets=queued)


def _names(execution: RunExecution, keys: Iterable[TargetKey]) -> list[str]:
    found = []
    for key in islice(keys, VMS_NAMED_MAX):
        state = execution.run_state.open.get(key)
        found.append((state.target.vm.label if state is not None else None) or key[2])
    return found


def _moment(seconds: float) -> datetime:
    """Return the time of the calendar that was so many seconds ago."""
    return datetime.now(UTC) - timedelta(seconds=seconds)

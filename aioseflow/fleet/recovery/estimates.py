"""What a fleet learns of its provider, and a run of this process as a journal would keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from ..journal import Journal, RunHeader, RunInfo, StoredRun, StoredTarget, TargetRow
from ..model.fleet_account import FleetAccount
from ..model.outcome import Outcome, Status
from ..model.timeline import rows_of
from ..plan.spec import RunSpec
from ..report.report import Report
from ..run.execution import RunExecution
from ..run.state import RunState
from .past import loss_of

_LIMIT: Final = "limit."
_NEW: Final = 0.3  # weight of the last run in what is remembered
_LOW: Final = 3.0  # requests in flight
_SLOW: Final = 1.0  # requests a second
_FEW: Final = 5  # VMs that a rate is taken from


async def limits_from(journal: Journal, accounts: Sequence[FleetAccount]) -> None:
    """Let each account start near the limit that an earlier run found."""
    for account in accounts:
        known = await journal.learned(account.name)
        limit: dict[str, Any] = {
            key.removeprefix(_LIMIT): value for key, value in known.items() if key.startswith(_LIMIT)
        }
        if limit:
            account.remember(_doubted(limit))


def _doubted(limit: dict[str, Any]) -> dict[str, Any]:
    """A very low limit may be an outage's doing: it is where the search begins again, not where it stays."""
    if limit.get("limit", 0.0) < _LOW:
        limit.pop("steady", None)
    if limit.get("per_second", _SLOW) < _SLOW:
        del limit["per_second"]
    return limit


async def notes_of(
    journal: Journal,
    accounts: Sequence[FleetAccount],
    execution: RunExecution,
    run_state: RunState,
    began: datetime,
) -> list[tuple[str, str, float]]:
    """What a run learned: limits, how long settling took, VMs a second, waits for the throttle."""
    notes: list[tuple[str, str, float]] = []
    seconds = max(1e-3, (datetime.now(UTC) - began).total_seconds())
    for account, pool in zip(accounts, execution.pools, strict=True):
        known = await journal.learned(account.name)
        notes += [
            (account.name, _LIMIT + key, float(value))
            for key, value in account.remembered().items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        fresh = {f"settle.{action}": sum(times) / len(times) for action, times in pool.settled_in.items()}
        for action, times in pool.settled_in.items():
            notes.append((account.name, f"settled.{action}", known.get(f"settled.{action}", 0) + len(times)))
        mine = [
            outcome for outcome in run_state.outcomes if outcome.account == account.name and outcome.attempts
        ]
        if len(mine) >= _FEW:
            # What the last VMs took to settle is no matter of how many there were.
            settling = sum(fresh.get(f"settle.{step.name}", 0.0) for step in run_state.steps)
            fresh[f"rate.{run_state.action}"] = len(mine) / max(0.1 * seconds, seconds - settling)
            fresh[f"waited.{run_state.action}"] = pool.waited / len(mine)
            total = known.get(f"runs.{run_state.action}", 0) + 1
            notes.append((account.name, f"runs.{run_state.action}", total))
        for key, value in fresh.items():
            before = known.get(key, value)
            notes.append((account.name, key, before + _NEW * (value - before)))
    return notes


@attrs.frozen
class Estimate:
    """What earlier runs say about a run to come: seconds, and in words what that is based on."""

    seconds: float | None
    basis: str


def expect(known: Mapping[str, Mapping[str, float]], action: str, counts: Mapping[str, int]) -> Estimate:
    """How long an action takes on so many VMs of each account, by what was learned of the accounts."""
    needed = {account: count for account, count in counts.items() if count}
    if not needed:
        return Estimate(0.0, "nothing to do")
    times, runs, longest = [], 0.0, 0.0
    for account, count in needed.items():
        learned = known.get(account, {})
        rate = learned.get(f"rate.{action}")
        if not rate:
            return Estimate(None, f"no {action} of {account} was measured yet")
        runs += learned.get(f"runs.{action}", 1)
        settling = sum(learned.get(f"settle.{step}", 0.0) for step in action.split("+"))
        times.append(count / rate + settling)
        longest = max(longest, settling)
    waits = f", {longest:.1f} s to settle" if longest else ""
    slowest = min(known[account][f"rate.{action}"] for account in needed)
    return Estimate(
        max(times), f"{runs:.0f} earlier {action} run{'s'[: runs != 1]}: {slowest:.1f} VMs/s{waits}"
    )


def header_of(
    run_id: str, accounts: Sequence[FleetAccount], spec: RunSpec, created_at: datetime
) -> RunHeader:
    """What is known of a run before it starts."""
    return RunHeader(
        run_id=run_id,
        parent=spec.parent,
        action=spec.action,
        accounts=tuple(account.name for account in accounts),
        created_at=created_at,
        document=spec.to_document(),
        note=spec.note,
        requested_by=spec.requested_by,
    )


def stored_of(header: RunHeader, run_state: RunState, report: Report, *, discovered: bool) -> StoredRun:
    """A run of this process in the form of a journal's."""
    numbers = {key: number for number, key in enumerate(run_state.targets)}
    outcomes = {outcome.key: outcome for outcome in report.outcomes}
    targets = [_stored(run_state, outcome, numbers[key]) for key, outcome in outcomes.items()]
    return StoredRun(
        info=RunInfo(
            header=header,
            state="ended" if report.finished_at is not None else "running",
            started_at=report.started_at,
            finished_at=report.finished_at,
            targets=len(run_state.targets),
            counts={status.value: count for status, count in report.counts.items()},
            undiscovered=tuple(map(loss_of, report.undiscovered)),
            error=None if report.error is None else str(report.error),
        ),
        discovered=discovered,
        targets=sorted(targets, key=lambda target: target.row.number),
        without_vms=report.without_vms,
        timeline=rows_of(report.timeline),
    )


def _stored(run_state: RunState, outcome: Outcome, number: int) -> StoredTarget:
    names = [step.name for step in run_state.steps]
    step = run_state.ended_at.get(outcome.key, names.index(outcome.step) if outcome.step in names else 0)
    error = outcome.error
    return StoredTarget(
        row=TargetRow(
            number=number,
            account=outcome.account,
            service_id=outcome.service_id,
            service_name=outcome.service_name,
            vm_id=outcome.vm_id,
            vm_label=outcome.vm_label,
            power="stopped" if outcome.key in run_state.off_before else "unknown",
        ),
        stage="done",
        step=step,
        attempts=outcome.attempts,
        may_have_acted=outcome.status is Status.UNKNOWN
        or outcome.key in run_state.taken
        or (error is not None and error.may_have_acted),
        status=outcome.status.value,
        verified=outcome.verified,
        cause=outcome.cause,
        step_name=outcome.step,
        error=error,
        sent_at=outcome.started_at if outcome.attempts else None,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
    )

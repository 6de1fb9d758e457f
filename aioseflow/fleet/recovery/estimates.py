"""Estimates: what a run measured of its accounts, for the limits and plans of later runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..journal import Journal
    from ..model.fleet_account import FleetAccount
    from ..run.execution import RunExecution

_LIMIT: Final = "limit."
_NEW: Final = 0.3  # weight of the last run in what is remembered
_LOW: Final = 3.0  # requests in flight
_SLOW: Final = 1.0  # requests a second
_FEW: Final = 5  # VMs that a rate is taken from


async def limits_from(journal: Journal, accounts: Sequence[FleetAccount]) -> None:
    """Let each account start near the limit that an earlier run found."""
    for account in accounts:
        known = await journal.learned(account)
        limit: dict[str, Any] = {
            key.removeprefix(_LIMIT): value for key, value in known.items() if key.startswith(_LIMIT)
        }
        if limit:
            account.restore_limit(_doubted(limit))


def _doubted(limit: dict[str, Any]) -> dict[str, Any]:
    """A very low limit may be an outage's doing: it is where the search begins again, not where it stays."""
    if limit.get("limit", 0.0) < _LOW:
        limit.pop("steady", None)
    if limit.get("per_second", _SLOW) < _SLOW:
        del limit["per_second"]
    return limit


async def notes_of(
    journal: Journal, execution: RunExecution, began: datetime
) -> list[tuple[FleetAccount, str, float]]:
    """Return what a run measured: limits, how long settling took, VMs a second, waits for the throttle."""
    notes: list[tuple[FleetAccount, str, float]] = []
    seconds = max(1e-3, (datetime.now(UTC) - began).total_seconds())
    run_state = execution.run_state
    for pool in execution.pools:
        account = pool.account
        known = await journal.learned(account)
        notes += [
            (account, _LIMIT + key, float(value))
            for key, value in account.limit_state().items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        fresh = {f"settle.{action}": sum(times) / len(times) for action, times in pool.settled_in.items()}
        for action, times in pool.settled_in.items():
            notes.append((account, f"settled.{action}", known.get(f"settled.{action}", 0) + len(times)))
        mine = [
            outcome for outcome in run_state.outcomes if outcome.account == account.name and outcome.attempts
        ]
        # The pace of a rolling run says nothing of how fast the panel is.
        if len(mine) >= _FEW and not execution.spec.rules.paces:
            # What the last VMs took to settle is no matter of how many there were.
            settling = sum(fresh.get(f"settle.{step.name}", 0.0) for step in run_state.steps)
            fresh[f"rate.{run_state.action}"] = len(mine) / max(0.1 * seconds, seconds - settling)
            fresh[f"waited.{run_state.action}"] = pool.waited / len(mine)
            total = known.get(f"runs.{run_state.action}", 0) + 1
            notes.append((account, f"runs.{run_state.action}", total))
        for key, value in fresh.items():
            before = known.get(key, value)
            notes.append((account, key, before + _NEW * (value - before)))
    return notes

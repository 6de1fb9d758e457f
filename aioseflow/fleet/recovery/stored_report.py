"""Reports of runs that only the journal knows."""

from __future__ import annotations

from datetime import UTC, datetime

from ..journal import StoredRun
from ..model.target import Stage
from ..model.timeline import moments_of
from ..model.undiscovered import Undiscovered
from ..plan.spec import stored_steps
from ..report.report import Report
from ..run.stored_outcome import key_of, outcome_of
from ..run.verdict import INTERRUPTED


def report_of(stored: StoredRun, *, alive: bool) -> Report:
    """The report of a stored run; ``alive`` says that a process is still executing it."""
    info = stored.info
    header = info.header
    steps = stored_steps(header)
    now = datetime.now(UTC)
    targets = [target for target in stored.targets if target.stage is Stage.DONE or not alive]
    outcomes = [outcome_of(target, steps, now) for target in targets]
    lost = list(info.undiscovered)
    if not stored.discovered and info.state != "ended" and not alive:
        lost += [Undiscovered(account=account, cause=INTERRUPTED) for account in header.accounts]
    ended = info.state == "ended" or not alive
    return Report(
        run_id=header.run_id,
        action=header.action,
        steps=steps,
        targets=tuple(key_of(target) for target in stored.targets),
        outcomes=tuple(outcomes),
        undiscovered=tuple(lost),
        without_vms=stored.without_vms,
        started_at=info.started_at or header.created_at,
        finished_at=(info.finished_at or now) if ended else None,
        parent=header.parent,
        note=header.note,
        requested_by=header.requested_by,
        timeline=moments_of(stored.timeline),
    )

"""What is kept of a run, as outcomes and reports, and where each of its VMs may be taken up again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from ...errors import SeFlowError
from ...safety import Safety
from ..actions.action import Steps
from ..journal import StoredRun, StoredTarget
from ..model.outcome import Outcome, Status, TargetKey
from ..model.timeline import moments_of
from ..model.undiscovered import Undiscovered
from ..report.report import Report

ResumePoint: TypeAlias = Literal["final", "begin", "ask", "read"]
"""``final``: its outcome stays. ``begin``: nothing is under way, the step may be begun. ``read``: accepted,
and to be read back. ``ask``: it may have been done, and the panel has to be asked."""

INTERRUPTED: Final = "interrupted"
"""The cause of what a run that was killed left open."""

NOT_READABLE: Final = "not_readable"
"""The cause of what was accepted and could not be read back; its error is that of the reading."""

_FOR_LATER: Final = frozenset(
    {
        INTERRUPTED,
        *("cancelled", "drained", "deadline", "no_progress", "max_failures", "max_unavailable", "same_cause"),
        *("journal_failed", "run_failed", "in_another_run", "not_found", "not_listed"),
    }
)


def key_of(stored: StoredTarget) -> TargetKey:
    """Account, service id and VM id."""
    return stored.row.account, stored.row.service_id, stored.row.vm_id


def resume_point(stored: StoredTarget, steps: Steps) -> ResumePoint:
    """Where a VM of an earlier sitting of the run is taken up."""
    action = steps[min(stored.step, len(steps) - 1)]
    if stored.stage == "queued":
        return "begin" if not stored.may_have_acted else "ask"
    if stored.stage == "open":
        return "begin" if action.safety is Safety.READ else "ask"
    if stored.stage == "accepted":
        return "ask" if stored.error is not None and stored.may_have_acted else "read"
    if stored.status == Status.UNKNOWN:
        return "ask"
    unread = stored.status == Status.CHANGED and not stored.verified and stored.cause in _FOR_LATER
    if unread:
        return "read" if action.settles else "final"
    if stored.status == Status.FAILED:
        if stored.cause not in _FOR_LATER or stored.error is not None:
            return "final"
        # A sequence that was broken off while a step that had been accepted was read back, or between two.
        return "read" if stored.may_have_acted else "begin"
    if stored.status == Status.NOT_ATTEMPTED:
        return "begin" if stored.cause in _FOR_LATER or stored.error is not None else "final"
    return "final"


def is_complete(stored: StoredRun, steps: Steps) -> bool:
    """Whether there is nothing left to go on with."""
    # What was not listed for a plan is not listed by going on with it either.
    planned = stored.info.header.document.get("planned", False)
    if not stored.discovered or (stored.info.undiscovered and not planned):
        return False
    return all(resume_point(target, steps) == "final" for target in stored.targets)


def outcome_of(stored: StoredTarget, action: str, now: datetime) -> Outcome:
    """The outcome that is true of a VM by what is kept of it, whatever became of the process."""
    row = stored.row
    status, cause, verified = stored.status, stored.cause, stored.verified
    step_name = stored.step_name
    if stored.stage != "done":
        status, verified, cause = _left(stored, action), False, INTERRUPTED
        names = action.split("+")
        if len(names) > 1 and status != Status.CHANGED:
            step_name = names[min(stored.step, len(names) - 1)]
    return Outcome(
        account=row.account,
        service_id=row.service_id,
        service_name=row.service_name,
        vm_id=row.vm_id,
        vm_label=row.vm_label,
        action=action,
        step=step_name,
        status=Status(status or Status.NOT_ATTEMPTED),
        verified=verified,
        cause=cause,
        error=stored.error,
        attempts=stored.attempts,
        started_at=stored.started_at or stored.finished_at or now,
        finished_at=stored.finished_at or now,
    )


def _left(stored: StoredTarget, action: str) -> Status:
    """The status of a VM that the run was at when it was killed."""
    is_last = stored.step >= len(action.split("+")) - 1
    if stored.stage == "accepted" and not stored.may_have_acted:
        return Status.CHANGED if is_last else Status.FAILED
    if stored.stage in ("open", "accepted") or stored.may_have_acted:
        return Status.UNKNOWN
    return Status.FAILED if stored.step and stored.attempts else Status.NOT_ATTEMPTED


def sent_error(stored: StoredTarget) -> SeFlowError | None:
    """The error of what was sent for a VM; why it could not be read back is none of it."""
    return None if stored.cause == NOT_READABLE else stored.error


def report_of(stored: StoredRun, *, alive: bool) -> Report:
    """What is kept of a run, as a report; ``alive`` says that some process is still at it."""
    info = stored.info
    header = info.header
    now = datetime.now(UTC)
    targets = [target for target in stored.targets if target.stage == "done" or not alive]
    outcomes = [outcome_of(target, header.action, now) for target in targets]
    lost = list(info.undiscovered)
    if not stored.discovered and info.state != "ended" and not alive:
        lost += [Undiscovered(account=account, cause=INTERRUPTED) for account in header.accounts]
    ended = info.state == "ended" or not alive
    return Report(
        run_id=header.run_id,
        action=header.action,
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

"""Reports of runs that only the journal knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...errors import SeFlowError
from ..journal import JournalError, LeaseLost, RunInfo, StoredRun
from ..model.ending import ENDED_BY, Ending
from ..model.target import Stage
from ..model.timeline import moments_of
from ..model.undiscovered import Undiscovered
from ..plan.spec import stored_steps
from ..report.report import Report
from ..run.stored_outcome import key_of, last_entry, outcome_of
from ..run.verdict import INTERRUPTED


def report_of(stored: StoredRun, *, alive: bool) -> Report:
    """The report of a stored run; ``alive`` says that a process is still executing it.

    A run that was killed ended at the last entry of its journal.
    """
    info = stored.info
    header = info.header
    steps = stored_steps(header)
    at = last_entry(stored)
    targets = [target for target in stored.targets if target.stage is Stage.DONE or not alive]
    outcomes = [outcome_of(target, steps, at) for target in targets]
    lost = list(info.undiscovered)
    was_killed = info.state != "ended" and not alive
    if not stored.discovered and was_killed:
        lost += [Undiscovered(account=account, cause=INTERRUPTED) for account in header.accounts]
    return Report(
        run_id=header.run_id,
        action=header.action,
        steps=steps,
        targets=tuple(key_of(target) for target in stored.targets),
        outcomes=tuple(outcomes),
        undiscovered=tuple(lost),
        without_vms=stored.without_vms,
        started_at=info.started_at or header.created_at,
        finished_at=None if alive and info.state != "ended" else info.finished_at or at,
        error=None if was_killed else _error_of(info, lost),
        ended_by=INTERRUPTED if was_killed else info.ended_by,
        parent=header.parent,
        follows=header.document.get("follows", ""),
        note=header.note,
        requested_by=header.requested_by,
        timeline=moments_of(stored.timeline),
    )


_ERRORS: Final[dict[str | None, type[SeFlowError]]] = {
    JournalError.cause: JournalError,
    LeaseLost.cause: LeaseLost,
}
"""Types of errors by what ended the run; a journal has only their texts."""


def _error_of(info: RunInfo, lost: Sequence[Undiscovered]) -> SeFlowError | None:
    """Return the error that a run raised at its end."""
    if info.error is None:
        return None
    # Where no account could be listed, the run raised what the first one answered.
    same = (each.error for each in lost if each.error is not None and str(each.error) == info.error)
    return next(same, None) or _ERRORS.get(info.ended_by, SeFlowError)(info.error)


def ending_of_info(info: RunInfo, *, alive: bool) -> Ending:
    """Return how a run ended, as its report says it, without reading its targets."""
    if info.state == "damaged":
        return Ending.FAILED
    if info.state != "ended":
        is_whole = info.discovered and sum(info.counts.values()) == info.targets
        return Ending.RUNNING if alive else Ending.FINISHED if is_whole else Ending.INTERRUPTED
    ending = ENDED_BY.get(info.ended_by or "", Ending.FINISHED)
    return Ending.FAILED if info.error is not None and ending is not Ending.TAKEN_OVER else ending

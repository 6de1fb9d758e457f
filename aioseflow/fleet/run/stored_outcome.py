"""Facts and outcomes of stored targets, from the rows of a journal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from ...errors import SeFlowError
from ..actions.action import Action
from ..actions.declaration import Declaration
from ..journal import StoredRun, StoredTarget
from ..model.clock import Instant
from ..model.outcome import Outcome, Status, TargetKey
from ..model.target import Remains, Stage
from .verdict import INTERRUPTED, NOT_READABLE, Facts, Reading, verdict

Step: TypeAlias = Action | Declaration
"""A step of a run: an action, or its declaration in a journal."""


def key_of(stored: StoredTarget) -> TargetKey:
    """Return account, service id and VM id of a stored target."""
    return stored.row.account, stored.row.service_id, stored.row.vm_id


def facts_of(stored: StoredTarget, steps: Sequence[Step], reading: Reading | None = None) -> Facts:
    """Return the facts of a stored target; where it has an outcome, those that decided it."""
    place = min(stored.step, len(steps) - 1)
    stage = stored.stage if stored.stage is not Stage.DONE else stored.left_at or Stage.QUEUED
    return Facts(
        stage=stage,
        safety=steps[place].safety,
        last_step=place == len(steps) - 1,
        settles=steps[place].settles,
        changed_before=stored.changed_before,
        answer_lost=stored.answer_lost,
        error=sent_error(stored),
        reading=reading,
        is_unsent=not stored.attempts,
    )


def remains_of(stored: StoredTarget) -> Remains:
    """Return how far a target had come when it got its outcome."""
    return Remains(
        stored.step,
        stored.left_at or Stage.QUEUED,
        stored.answer_lost,
        stored.sent_panel_at,
        stored.changed_before,
    )


def last_entry(stored: StoredRun) -> datetime:
    """Return the time of the last entry of a run in its journal: a killed run was alive until then."""
    info = stored.info
    times = [info.header.created_at, info.started_at, info.finished_at, stored.held_at]
    times += [time for each in stored.targets for time in (each.sent_at, each.started_at, each.finished_at)]
    return max(time for time in times if time is not None)


def outcome_of(stored: StoredTarget, steps: Sequence[Step], at: datetime) -> Outcome:
    """Return the outcome of a stored target; where it has none, that of a run that was killed there.

    ``at`` is the run's `last_entry`, for what the journal has no time of.
    """
    row = stored.row
    names = [step.name for step in steps]
    cause, verified, step_name = stored.cause, stored.verified, stored.step_name
    if stored.stage is Stage.DONE:
        status = Status(stored.status or Status.NOT_ATTEMPTED)
    else:
        status, cause = verdict(facts_of(stored, steps), INTERRUPTED)
        verified = False
        if len(names) > 1 and status is not Status.CHANGED:
            step_name = names[min(stored.step, len(names) - 1)]
    return Outcome(
        account=row.account,
        service_id=row.service_id,
        service_name=row.service_name,
        vm_id=row.vm_id,
        vm_label=row.vm_label,
        action="+".join(names),
        step=step_name,
        status=status,
        verified=verified,
        cause=cause,
        error=stored.error,
        attempts=stored.attempts,
        started_at=stored.started_at or stored.finished_at or at,
        finished_at=stored.finished_at or at,
    )


def sent_instant(stored: StoredTarget) -> Instant | None:
    """Return the moment of the last request for a target, None where none was about to be sent."""
    return None if stored.sent_at is None else Instant(stored.sent_at, stored.sent_panel_at)


def sent_error(stored: StoredTarget) -> SeFlowError | None:
    """Return the error of a request for a target, not that of reading it back."""
    return None if stored.cause == NOT_READABLE else stored.error

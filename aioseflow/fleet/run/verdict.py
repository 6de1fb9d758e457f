"""Verdict: the pure function from what is known of a target to its status and cause.

No other module of the fleet decides a status, and no other one says ``unknown``. Runs that last, were
cancelled, drained or killed, resumed runs and `Fleet.reconcile` build the same `Facts`, from memory or from a
row of the journal, and so agree. The first row that fits decides. "why" is the cause of a run that ends
early:

========================================  ======================  ==========================================
what is known                             status                  cause
========================================  ======================  ==========================================
only reads; read as wanted, or a value    unchanged               none
only reads; not as wanted in time         failed                  not_settled
only reads; could not be read             failed                  not_readable
only reads; the run ended early           not_attempted           why
only reads; an error                      failed [1]_             the error's
last step read as done                    changed                 none
done, and the health check failed         failed                  unhealthy
an earlier step read as done, and ended   failed                  why
answer lost, read as not done [2]_        failed                  not_done
answer lost, anything else                unknown                 why, or the error's
sent, and no answer seen                  unknown                 why
accepted, read as not done                failed                  not_settled, not_done [3]_
accepted, could not be read back          unknown [4]_            why, or not_readable
accepted, and the action raised           failed [5]_             action_raised
accepted, last step                       changed                 why, or none
accepted, another step follows            failed                  why
not begun, an earlier step changed it     failed                  why, or the error's
not begun, the run ended early            not_attempted           why
not begun, an error                       failed [1]_             the error's
========================================  ======================  ==========================================

.. [1] ``not_attempted`` where the error is not that of a request, or no request left, and no step before.
.. [2] No earlier than `NOT_DONE_AFTER_SECONDS` after the request. A VM that is locked or in transition
   decides nothing.
.. [3] ``not_done`` where `Fleet.reconcile` says so.
.. [4] ``changed`` for an action that no reading can verify: it was only waited until the VM serves again.
.. [5] ``unknown`` for a step that must not be repeated.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ...errors import TransportError
from ...safety import Safety
from ..model.outcome import Status, cause_of
from ..model.target import Stage

if TYPE_CHECKING:
    from ...errors import SeFlowError
    from ..actions.action import Skip

INTERRUPTED: Final = "interrupted"
"""Cause of a target that a killed run left open."""

NOT_READABLE: Final = "not_readable"
"""Cause of a VM that could not be read back; the error is that of the reading."""

UNREACHABLE: Final = "unreachable"
"""Cause of what was not sent because the panel did not answer for a long time."""

NOT_DONE: Final = "not_done"
"""Cause of a lost answer after which a reading shows that the panel did not act."""

NOT_SETTLED: Final = "not_settled"
"""Cause of an accepted step that no reading showed to be done in time."""

UNHEALTHY: Final = "unhealthy"
"""Cause of a step that was done before the VM failed the rollout's health check."""

ACTION_RAISED: Final = "action_raised"
"""Cause of a VM for which a method of its action raised; the error has the exception as its ``__cause__``."""

NOT_DONE_AFTER_SECONDS: Final = 180.0
"""Time after a request before a reading shows that it was not carried out: more than a panel's time-outs."""


class Reading(enum.Enum):
    """The result of reading a VM back."""

    DONE = enum.auto()
    """The VM is as the step wants it."""
    NOT_SEEN = enum.auto()
    """The VM was read as not done when the patience ended; the panel might still carry out the request."""
    NOT_DONE = enum.auto()
    """The VM was read as not done `NOT_DONE_AFTER_SECONDS` after the request, and nothing holds it."""
    BUSY = enum.auto()
    """The VM was read as not done, and locked or in transition: the panel may still act."""
    UNREADABLE = enum.auto()
    """No reading could tell."""
    UNHEALTHY = enum.auto()
    """The VM is as the step wants it, and its health check failed."""
    RAISED = enum.auto()
    """A method of the action raised when it was to judge a reading."""
    SERVES = enum.auto()
    """The VM is running again, which does not prove that the step was done."""


class Facts(NamedTuple):
    """Facts of a target that gets its outcome now.

    Attributes:
        stage: how far its present step has come.
        safety: whether the step may be repeated.
        last_step: whether no step follows.
        settles: whether a reading can show that the step was done.
        changed_before: whether an earlier step changed the VM.
        answer_lost: whether the panel may have carried out the step without an answer.
        error: what the step raised last; its ``attempts`` say whether a request was tried.
        reading: the result of reading the VM back, None where it was not read back.
        is_unsent: whether no request of the target left this machine.
    """

    stage: Stage
    safety: Safety
    last_step: bool = True
    settles: bool = True
    changed_before: bool = False
    answer_lost: bool = False
    error: SeFlowError | None = None
    reading: Reading | None = None
    is_unsent: bool = False


Verdict: TypeAlias = tuple[Status, str | None]
"""A status and the stable word for its cause, None where there is no cause."""


def verdict(facts: Facts, why: str | None = None) -> Verdict:
    """Decide the outcome of a target. ``why`` is the cause of a run that ends before the target did."""
    reading, error = facts.reading, facts.error
    if facts.safety is Safety.READ:
        return _verdict_of_read(facts, why)
    if reading is Reading.DONE:
        return (Status.CHANGED, None) if facts.last_step else (Status.FAILED, why or INTERRUPTED)
    if reading is Reading.UNHEALTHY:
        return Status.FAILED, UNHEALTHY
    if facts.answer_lost or facts.stage is Stage.SENT:
        if reading is Reading.NOT_DONE:
            return Status.FAILED, NOT_DONE
        return Status.UNKNOWN, why or (INTERRUPTED if error is None else cause_of(error))
    if facts.stage is Stage.ACCEPTED:
        return _verdict_of_accepted(facts, why)
    if why is not None:
        return Status.FAILED if facts.changed_before else Status.NOT_ATTEMPTED, why
    return _verdict_of_error(facts)


def _verdict_of_read(facts: Facts, why: str | None) -> Verdict:
    if facts.reading is None and facts.error is None and why is None:
        return Status.UNCHANGED, None
    match facts.reading:
        case Reading.DONE:
            return Status.UNCHANGED, None
        case Reading.NOT_SEEN | Reading.NOT_DONE | Reading.BUSY:
            return Status.FAILED, NOT_SETTLED
        case Reading.UNREADABLE:
            return Status.FAILED, NOT_READABLE
        case Reading.RAISED:
            return Status.FAILED, ACTION_RAISED
    return (Status.NOT_ATTEMPTED, why) if why is not None else _verdict_of_error(facts)


def _verdict_of_accepted(facts: Facts, why: str | None) -> Verdict:
    match facts.reading:
        case Reading.RAISED:
            return Status.UNKNOWN if facts.safety is Safety.ONCE else Status.FAILED, ACTION_RAISED
        case Reading.NOT_SEEN | Reading.BUSY:
            return Status.FAILED, NOT_SETTLED
        case Reading.NOT_DONE:
            return Status.FAILED, NOT_DONE
        case Reading.UNREADABLE:
            if facts.settles:
                return Status.UNKNOWN, why or NOT_READABLE
            return Status.CHANGED if facts.last_step else Status.FAILED, why or NOT_READABLE
    return (Status.CHANGED, why) if facts.last_step else (Status.FAILED, why or INTERRUPTED)


def _verdict_of_error(facts: Facts) -> Verdict:
    error = facts.error
    if error is None:
        raise ValueError(f"nothing ended this target: {facts}")
    cause = cause_of(error)
    is_unreached = facts.is_unsent and isinstance(error, TransportError)
    tried = (error.attempts > 0 and not is_unreached) or facts.changed_before or cause == ACTION_RAISED
    return Status.FAILED if tried else Status.NOT_ATTEMPTED, cause


def verdict_of_skip(skip: Skip, *, changed_before: bool = False) -> Verdict:
    """Decide the outcome of a target whose step is not needed or not possible."""
    if not changed_before:
        return skip.status, skip.cause
    # A last step that is not needed ends a sequence that changed the VM; an impossible one breaks it off.
    return (Status.CHANGED, None) if skip.status is Status.UNCHANGED else (Status.FAILED, skip.cause)

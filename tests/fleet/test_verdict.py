"""The outcome of a target, as a table: every row of `verdict`'s docstring, and what it must never say."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import pytest

from aioseflow import ApiError, OutcomeUnknown, RequestTimeout, Safety, Skip, Start, Status, Stop, Throttled
from aioseflow.fleet.journal import StoredTarget, TargetRow
from aioseflow.fleet.model.outcome import ActionRaised
from aioseflow.fleet.model.target import Stage
from aioseflow.fleet.run.stored_outcome import outcome_of
from aioseflow.fleet.run.verdict import Facts, Reading, verdict, verdict_of_skip

READ, IDEMPOTENT, ONCE = Safety.READ, Safety.IDEMPOTENT, Safety.ONCE
QUEUED, SENT, ACCEPTED = Stage.QUEUED, Stage.SENT, Stage.ACCEPTED
CHANGED, UNCHANGED, FAILED = Status.CHANGED, Status.UNCHANGED, Status.FAILED
UNKNOWN, NOT_ATTEMPTED = Status.UNKNOWN, Status.NOT_ATTEMPTED

LOCKED: Final = ApiError("locked", codes=("vm_locked",), attempts=1)
LOST: Final = OutcomeUnknown("lost", attempts=1)
UNSENT: Final = RequestTimeout("no connection")
TIMEOUT: Final = RequestTimeout("late", attempts=1, may_have_acted=True)
RAISED: Final = ActionRaised("perform() raised ValueError")
THROTTLED: Final = Throttled("later", attempts=1)


def facts(stage: Stage = QUEUED, safety: Safety = IDEMPOTENT, **known: Any) -> Facts:
    return Facts(stage=stage, safety=safety, **known)


Row = tuple[Facts, str | None, Status, str | None]

READS: list[Row] = [
    (facts(ACCEPTED, READ), None, UNCHANGED, None),
    (facts(ACCEPTED, READ, reading=Reading.DONE), None, UNCHANGED, None),
    (facts(ACCEPTED, READ, reading=Reading.NOT_SEEN), None, FAILED, "not_settled"),
    (facts(ACCEPTED, READ, reading=Reading.BUSY), None, FAILED, "not_settled"),
    (facts(ACCEPTED, READ, reading=Reading.UNREADABLE), None, FAILED, "not_readable"),
    (facts(ACCEPTED, READ, reading=Reading.RAISED), None, FAILED, "action_raised"),
    (facts(QUEUED, READ, error=RAISED), None, FAILED, "action_raised"),
    (facts(QUEUED, READ, error=LOCKED), None, FAILED, "vm_locked"),
    (facts(QUEUED, READ, error=TIMEOUT), None, FAILED, "timeout"),
    (facts(QUEUED, READ, error=UNSENT), None, NOT_ATTEMPTED, "timeout"),
    # A killed or cancelled reading has changed nothing, however far it had come.
    (facts(QUEUED, READ), "cancelled", NOT_ATTEMPTED, "cancelled"),
    (facts(SENT, READ), "interrupted", NOT_ATTEMPTED, "interrupted"),
    (facts(ACCEPTED, READ), "interrupted", NOT_ATTEMPTED, "interrupted"),
    (facts(ACCEPTED, READ), "drained", NOT_ATTEMPTED, "drained"),
    (facts(QUEUED, READ, error=THROTTLED), "cancelled", NOT_ATTEMPTED, "cancelled"),
]

ENDED_BY_ITSELF: list[Row] = [
    # accepted
    (facts(ACCEPTED), None, CHANGED, None),
    (facts(ACCEPTED, ONCE, settles=False), None, CHANGED, None),
    (facts(ACCEPTED, reading=Reading.DONE), None, CHANGED, None),
    (facts(ACCEPTED, reading=Reading.NOT_SEEN), None, FAILED, "not_settled"),
    (facts(ACCEPTED, reading=Reading.BUSY), None, FAILED, "not_settled"),
    (facts(ACCEPTED, reading=Reading.UNREADABLE), None, UNKNOWN, "not_readable"),
    (facts(ACCEPTED, reading=Reading.RAISED), None, FAILED, "action_raised"),
    (facts(ACCEPTED, ONCE, reading=Reading.RAISED), None, UNKNOWN, "action_raised"),
    (facts(QUEUED, error=RAISED), None, FAILED, "action_raised"),
    (facts(SENT, ONCE, error=RAISED, answer_lost=True), None, UNKNOWN, "action_raised"),
    (facts(SENT, error=TIMEOUT, answer_lost=True, reading=Reading.RAISED), None, UNKNOWN, "timeout"),
    (facts(ACCEPTED, ONCE, settles=False, reading=Reading.UNREADABLE), None, CHANGED, "not_readable"),
    (facts(ACCEPTED, ONCE, settles=False, reading=Reading.SERVES), None, CHANGED, None),
    (facts(ACCEPTED, reading=Reading.UNHEALTHY), None, FAILED, "unhealthy"),
    (facts(ACCEPTED, reading=Reading.NOT_DONE), None, FAILED, "not_done"),
    # a step in the middle of a sequence never makes the whole of it changed
    (facts(ACCEPTED, last_step=False, reading=Reading.UNREADABLE), None, UNKNOWN, "not_readable"),
    (
        facts(ACCEPTED, ONCE, settles=False, last_step=False, reading=Reading.UNREADABLE),
        None,
        FAILED,
        "not_readable",
    ),
    (facts(ACCEPTED, last_step=False, reading=Reading.DONE), None, FAILED, "interrupted"),
    # a lost answer
    (facts(SENT, answer_lost=True, error=TIMEOUT, reading=Reading.DONE), None, CHANGED, None),
    (facts(SENT, answer_lost=True, error=TIMEOUT, reading=Reading.NOT_SEEN), None, UNKNOWN, "timeout"),
    (facts(SENT, answer_lost=True, error=TIMEOUT, reading=Reading.NOT_DONE), None, FAILED, "not_done"),
    (facts(SENT, answer_lost=True, error=TIMEOUT, reading=Reading.BUSY), None, UNKNOWN, "timeout"),
    (facts(SENT, answer_lost=True, error=TIMEOUT, reading=Reading.UNREADABLE), None, UNKNOWN, "timeout"),
    (facts(SENT, answer_lost=True, error=TIMEOUT), None, UNKNOWN, "timeout"),
    (facts(SENT, ONCE, answer_lost=True, error=LOST), None, UNKNOWN, "lost_answer"),
    (facts(SENT, ONCE, answer_lost=True, error=LOST, reading=Reading.NOT_DONE), None, FAILED, "not_done"),
    # a refusal of the repeat decides nothing
    (facts(QUEUED, answer_lost=True, error=LOCKED), None, UNKNOWN, "vm_locked"),
    # certainly not carried out
    (facts(QUEUED, error=LOCKED), None, FAILED, "vm_locked"),
    (facts(QUEUED, error=UNSENT), None, NOT_ATTEMPTED, "timeout"),
    (facts(QUEUED, error=UNSENT, changed_before=True), None, FAILED, "timeout"),
]

ENDED_EARLY: list[Row] = [
    (facts(QUEUED), "drained", NOT_ATTEMPTED, "drained"),
    (facts(QUEUED, ONCE), "interrupted", NOT_ATTEMPTED, "interrupted"),
    # turned away for now, and to be tried again
    (facts(QUEUED, error=THROTTLED), "cancelled", NOT_ATTEMPTED, "cancelled"),
    (facts(QUEUED, changed_before=True), "cancelled", FAILED, "cancelled"),
    (facts(QUEUED, answer_lost=True), "cancelled", UNKNOWN, "cancelled"),
    (facts(SENT), "interrupted", UNKNOWN, "interrupted"),
    (facts(SENT, ONCE), "interrupted", UNKNOWN, "interrupted"),
    # killed while a lost answer was read back
    (facts(SENT, answer_lost=True, error=TIMEOUT), "interrupted", UNKNOWN, "interrupted"),
    (facts(ACCEPTED, answer_lost=True), "interrupted", UNKNOWN, "interrupted"),
    (facts(ACCEPTED), "cancelled", CHANGED, "cancelled"),
    (facts(ACCEPTED, ONCE), "interrupted", CHANGED, "interrupted"),
    (facts(ACCEPTED, last_step=False), "cancelled", FAILED, "cancelled"),
    # resumed: the service was listed, and the VM is in no list
    (facts(ACCEPTED, reading=Reading.UNREADABLE), "not_found", UNKNOWN, "not_found"),
    (facts(ACCEPTED), "not_listed", CHANGED, "not_listed"),
]


@pytest.mark.parametrize(("known", "why", "status", "cause"), READS + ENDED_BY_ITSELF + ENDED_EARLY)
def test_the_outcome_is_the_one_of_the_table(
    known: Facts, why: str | None, status: Status, cause: str | None
) -> None:
    assert verdict(known, why) == (status, cause)


EVERYTHING = [
    Facts(
        stage=stage,
        safety=safety,
        last_step=last,
        settles=settles,
        changed_before=before,
        answer_lost=lost,
        error=error,
        reading=reading,
    )
    for stage, safety, last, settles, before, lost, error, reading in product(
        (QUEUED, SENT, ACCEPTED),
        Safety,
        (True, False),
        (True, False),
        (True, False),
        (True, False),
        (None, LOCKED, TIMEOUT),
        (None, *Reading),
    )
]


@pytest.mark.parametrize("why", [None, "cancelled"])
def test_no_combination_of_facts_is_told_wrong(why: str | None) -> None:
    for known in EVERYTHING:
        if (
            why is None
            and known.error is None
            and (known.stage is QUEUED or known.reading in (Reading.UNHEALTHY, Reading.SERVES))
        ):
            continue  # nothing has ended it
        status, cause = verdict(known, why)
        if known.safety is READ:
            assert status in (UNCHANGED, FAILED, NOT_ATTEMPTED), known
        else:
            assert status is not UNCHANGED, known
        if status is CHANGED:
            assert known.last_step, known
            assert known.reading is Reading.DONE or known.stage is ACCEPTED, known
            assert known.reading is Reading.DONE or not known.answer_lost, known
        if status is NOT_ATTEMPTED and known.safety is not READ:
            assert known.stage is not SENT, known
            assert not known.answer_lost, known
            assert not known.changed_before, known
        if status is UNKNOWN:
            assert known.reading is not Reading.DONE, known
        if status is not UNCHANGED and not (status is CHANGED and why is None):
            assert cause or status is CHANGED, known
        assert cause is None or cause.isidentifier(), known


@pytest.mark.parametrize("why", [None, "cancelled"])
def test_a_lost_answer_is_worth_the_same_in_memory_and_on_disk(why: str | None) -> None:
    """A journal keeps only the flag of a lost answer, so the stage must not matter."""
    for known in EVERYTHING:
        if known.answer_lost and known.safety is not READ:
            others = {verdict(known._replace(stage=stage), why) for stage in (QUEUED, SENT, ACCEPTED)}
            assert len(others) == 1, known


@pytest.mark.parametrize(
    ("skip", "before", "status", "cause"),
    [
        (Skip(UNCHANGED, "already_stopped"), False, UNCHANGED, "already_stopped"),
        (Skip(UNCHANGED, "already_running"), True, CHANGED, None),
        (Skip(NOT_ATTEMPTED, "not_running"), False, NOT_ATTEMPTED, "not_running"),
        (Skip(NOT_ATTEMPTED, "not_running"), True, FAILED, "not_running"),
    ],
)
def test_a_step_that_is_skipped(skip: Skip, status: Status, cause: str | None, *, before: bool) -> None:
    assert verdict_of_skip(skip, changed_before=before) == (status, cause)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({}, NOT_ATTEMPTED),
        ({"stage": SENT, "attempts": 1}, UNKNOWN),
        # Postponed after an answer that was lost: nothing is in flight, and the panel may have acted.
        ({"stage": QUEUED, "attempts": 1, "answer_lost": True}, UNKNOWN),
        ({"stage": ACCEPTED, "attempts": 1}, CHANGED),
        ({"stage": QUEUED, "step": 1, "attempts": 1, "changed_before": True}, FAILED),
    ],
)
def test_a_row_of_a_killed_run_is_worth_its_facts(row: dict[str, Any], status: Status) -> None:
    steps = [Stop(), Start()] if "step" in row else [Stop()]
    names = {"account": "main", "service_id": "9", "service_name": "Cloud", "vm_id": "4", "vm_label": "vm-4"}
    target = TargetRow(number=0, power="running", **names)
    outcome = outcome_of(StoredTarget(row=target, **row), steps, datetime.now(UTC))
    assert (outcome.status, outcome.cause) == (status, "interrupted")

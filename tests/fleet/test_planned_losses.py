"""A plan names each service that could not be listed."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from aioseflow import Plan, PlannedLoss

_LOST = (
    PlannedLoss(account="main", service_id="14", cause="throttled", message="asked to wait 30 s"),
    PlannedLoss(account="main", service_id="15", cause="one_page", message="listed only page 1 of 3"),
)


def _plan(*lost: PlannedLoss) -> Plan:
    return Plan(
        action="stop",
        document={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        accounts=("main",),
        vms=(),
        lost=lost,
        calls=2,
    )


def test_what_an_error_says_makes_no_other_plan_and_comes_back_from_json() -> None:
    plan = _plan(*_LOST)
    same = _plan(attrs.evolve(_LOST[0], message="asked to wait 29 s"), _LOST[1])
    assert same.digest == plan.digest
    assert not plan.diff(same)
    assert Plan.from_json(same.to_json()).undiscovered == same.undiscovered != plan.undiscovered


def test_what_could_not_be_listed_is_a_line_for_each_and_no_line_breaks() -> None:
    hostile = "a): service 9 (main): x\n\x1b[2J"
    loss = PlannedLoss(account=hostile, service_id=hostile, service_name="", cause=hostile, message=hostile)
    plan = _plan(loss, PlannedLoss(account="main", cause="timeout"))
    cleaned = "a): service 9 (main): x \\x1b[2J"
    assert plan.undiscovered == (
        f"service {cleaned} ({cleaned}): {cleaned}: {cleaned}",
        "account main: timeout",
    )
    long = PlannedLoss(account="a" * 999, service_id="s" * 999, cause="c" * 999, message="m" * 999)
    assert len(str(long)) < 600

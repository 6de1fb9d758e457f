"""Which code a command ends with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aioseflow import (
    AddressNotAllowed,
    AuthenticationError,
    ConfigurationError,
    InvalidArgument,
    JournalError,
    NotFound,
    Outcome,
    OutcomeUnknown,
    Report,
    RunIsActive,
    RunNotFound,
    RunRefused,
    SeFlowError,
    StalePlan,
    Status,
    TransportError,
    Undiscovered,
)
from aioseflow.cli.ending import Ending, Refusal, of_error, of_report

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (Refusal("no"), Ending.USAGE),
        (Refusal("no", Ending.NOTHING_SELECTED), Ending.NOTHING_SELECTED),
        (AuthenticationError("x"), Ending.AUTHENTICATION),
        (AddressNotAllowed("x"), Ending.AUTHENTICATION),
        (InvalidArgument("x"), Ending.USAGE),
        (ConfigurationError("x"), Ending.USAGE),
        (RunNotFound("x"), Ending.USAGE),
        (JournalError("x"), Ending.ERROR),
        (RunIsActive("x"), Ending.ERROR),
        (RunRefused("x"), Ending.ERROR),
        (StalePlan("x"), Ending.ERROR),
        (OutcomeUnknown("x"), Ending.UNKNOWN),
        (TransportError("x", may_have_acted=True), Ending.UNKNOWN),
        (TransportError("x"), Ending.ERROR),
        (NotFound("x"), Ending.ERROR),
        (SeFlowError("x"), Ending.ERROR),
        (ZeroDivisionError("x"), Ending.ERROR),
    ],
)
def test_each_kind_of_error_has_its_code(error: Exception, ending: Ending) -> None:
    assert of_error(error) is ending


@pytest.mark.parametrize(
    ("statuses", "undiscovered", "ending"),
    [
        ([Status.CHANGED, Status.UNCHANGED], 0, Ending.OK),
        ([Status.CHANGED, Status.FAILED], 0, Ending.FAILED),
        ([Status.CHANGED, Status.NOT_ATTEMPTED], 0, Ending.FAILED),
        ([Status.FAILED, Status.UNKNOWN], 0, Ending.UNKNOWN),
        ([Status.CHANGED], 1, Ending.UNKNOWN),
        ([Status.FAILED], 1, Ending.UNKNOWN),
        ([], 1, Ending.UNKNOWN),
        ([], 0, Ending.NOTHING_SELECTED),
    ],
)
def test_unknown_outranks_failed(statuses: list[Status], undiscovered: int, ending: Ending) -> None:
    outcomes = tuple(
        Outcome(
            account="main",
            service_id="9",
            service_name="",
            vm_id=str(number),
            vm_label="",
            action="stop",
            status=status,
            started_at=_NOW,
            finished_at=_NOW,
        )
        for number, status in enumerate(statuses)
    )
    report = Report(
        run_id="r",
        action="stop",
        targets=tuple(outcome.key for outcome in outcomes),
        outcomes=outcomes,
        undiscovered=tuple(Undiscovered(account="main", cause="timeout") for _ in range(undiscovered)),
        started_at=_NOW,
        finished_at=_NOW,
    )
    assert of_report(report) is ending

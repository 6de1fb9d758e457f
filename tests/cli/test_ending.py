"""Which code a command ends with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

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
        (RunIsActive("x"), Ending.HELD),
        (RunRefused("x"), Ending.STOPPED),
        (RunRefused("x", reason="in_another_run"), Ending.HELD),
        (RunRefused("x", reason="other_run"), Ending.HELD),
        (RunRefused("x", reason="undiscovered"), Ending.STOPPED),
        (StalePlan("x"), Ending.HELD),
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


def _report(*outcomes: tuple[Status, str | None], undiscovered: int = 0, **facts: Any) -> Report:
    told = tuple(
        Outcome(
            account="main",
            service_id="9",
            service_name="",
            vm_id=str(number),
            vm_label="",
            action="stop",
            status=status,
            cause=cause,
            started_at=_NOW,
            finished_at=_NOW,
        )
        for number, (status, cause) in enumerate(outcomes)
    )
    given = {"finished_at": _NOW, **facts}
    return Report(
        run_id="r",
        action="stop",
        targets=tuple(outcome.key for outcome in told),
        outcomes=told,
        undiscovered=tuple(Undiscovered(account="main", cause="timeout") for _ in range(undiscovered)),
        started_at=_NOW,
        **given,
    )


_OK = (Status.CHANGED, None)
_FAILED = (Status.FAILED, "vm_locked")
_LEFT = (Status.NOT_ATTEMPTED, "not_running")
_STOPPED = (Status.NOT_ATTEMPTED, "max_failures")
_UNKNOWN = (Status.UNKNOWN, "lost_answer")


@pytest.mark.parametrize(
    ("report", "ending"),
    [
        (_report(_OK, (Status.UNCHANGED, "already_stopped")), Ending.OK),
        (_report(_OK, _FAILED), Ending.FAILED),
        (_report(_OK, _LEFT), Ending.FAILED),
        (_report(_FAILED, _UNKNOWN), Ending.UNKNOWN),
        (_report(_OK, undiscovered=1), Ending.UNKNOWN),
        (_report(_FAILED, undiscovered=1), Ending.UNKNOWN),
        (_report(undiscovered=1), Ending.UNKNOWN),
        (_report(), Ending.NOTHING_SELECTED),
        (_report(_FAILED, _STOPPED), Ending.STOPPED),
        (_report(_OK, (Status.NOT_ATTEMPTED, "deadline")), Ending.STOPPED),
        (_report(_OK, (Status.CHANGED, "deadline")), Ending.STOPPED),
        (_report(_FAILED, _STOPPED, _UNKNOWN), Ending.UNKNOWN),
        (_report(_OK, finished_at=None), Ending.HELD),
        (_report(_STOPPED, error=JournalError("x")), Ending.ERROR),
    ],
)
def test_unknown_outranks_stopped_and_that_failed(report: Report, ending: Ending) -> None:
    assert of_report(report) is ending

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
from aioseflow.cli.exit_code import ExitCode, Refusal, of_error, of_report

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refusal("no"), ExitCode.USAGE),
        (Refusal("no", ExitCode.NOTHING_SELECTED), ExitCode.NOTHING_SELECTED),
        (AuthenticationError("x"), ExitCode.AUTHENTICATION),
        (AddressNotAllowed("x"), ExitCode.AUTHENTICATION),
        (InvalidArgument("x"), ExitCode.USAGE),
        (ConfigurationError("x"), ExitCode.USAGE),
        (RunNotFound("x"), ExitCode.USAGE),
        (JournalError("x"), ExitCode.ERROR),
        (RunIsActive("x"), ExitCode.HELD),
        (RunRefused("x"), ExitCode.STOPPED),
        (RunRefused("x", reason="in_another_run"), ExitCode.HELD),
        (RunRefused("x", reason="other_run"), ExitCode.HELD),
        (RunRefused("x", reason="undiscovered"), ExitCode.STOPPED),
        (StalePlan("x"), ExitCode.HELD),
        (OutcomeUnknown("x"), ExitCode.UNKNOWN),
        (TransportError("x", may_have_acted=True), ExitCode.UNKNOWN),
        (TransportError("x"), ExitCode.ERROR),
        (NotFound("x"), ExitCode.ERROR),
        (SeFlowError("x"), ExitCode.ERROR),
        (ZeroDivisionError("x"), ExitCode.ERROR),
    ],
)
def test_each_kind_of_error_has_its_code(error: Exception, code: ExitCode) -> None:
    assert of_error(error) is code


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
_SKIPPED = (Status.NOT_ATTEMPTED, "not_running")
_LEFT = (Status.NOT_ATTEMPTED, "locked")
_STOPPED = (Status.NOT_ATTEMPTED, "max_failures")
_UNKNOWN = (Status.UNKNOWN, "lost_answer")


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (_report(_OK, (Status.UNCHANGED, "already_stopped")), ExitCode.OK),
        (_report(_OK, _FAILED), ExitCode.FAILED),
        (_report(_OK, _SKIPPED), ExitCode.OK),
        (_report(_SKIPPED), ExitCode.OK),
        (_report(_OK, _LEFT, _SKIPPED), ExitCode.FAILED),
        (_report(_FAILED, _UNKNOWN), ExitCode.UNKNOWN),
        (_report(_OK, undiscovered=1), ExitCode.UNKNOWN),
        (_report(_FAILED, undiscovered=1), ExitCode.UNKNOWN),
        (_report(undiscovered=1), ExitCode.UNKNOWN),
        (_report(), ExitCode.NOTHING_SELECTED),
        (_report(_FAILED, _STOPPED), ExitCode.STOPPED),
        (_report(_OK, (Status.NOT_ATTEMPTED, "deadline")), ExitCode.STOPPED),
        (_report(_OK, (Status.CHANGED, "deadline")), ExitCode.STOPPED),
        (_report(_FAILED, _STOPPED, _UNKNOWN), ExitCode.UNKNOWN),
        (_report(_OK, finished_at=None), ExitCode.HELD),
        (_report(_STOPPED, error=JournalError("x")), ExitCode.ERROR),
    ],
)
def test_unknown_outranks_stopped_and_that_failed(report: Report, code: ExitCode) -> None:
    assert of_report(report) is code

"""The exit codes of commands, and the error that the command line itself raises."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

# The package, not its names: help and completion, which need none, load no fleet.
import aioseflow

from ..errors import (
    AddressNotAllowed,
    AuthenticationError,
    ConfigurationError,
    InvalidArgument,
    OutcomeUnknown,
    SeFlowError,
)

if TYPE_CHECKING:
    from .. import Report


class ExitCode(enum.IntEnum):
    """Exit codes; they stay as they are.

    Where several are true of a run: interrupted, then unknown, then stopped, then failed.
    """

    OK = 0
    """Everything was done."""
    ERROR = 1
    USAGE = 2
    FAILED = 3
    """Some VMs failed or were not attempted."""
    UNKNOWN = 4
    """The outcome of some VMs is unknown, or a service could not be listed."""
    STOPPED = 5
    """A guard, a threshold or a deadline stopped the run."""
    AUTHENTICATION = 6
    """The login or this machine's address was refused."""
    HELD = 7
    """The plan is stale, or another run works on the same VMs."""
    NOTHING_SELECTED = 8
    INTERRUPTED = 130


_STOPPED_BY: Final = {
    *("max_failures", "max_unavailable", "max_targets", "same_cause"),
    *("deadline", "no_progress", "undiscovered"),
}


class Refusal(Exception):
    """The command line itself refuses to do something.

    Attributes:
        found: what is wrong.
        fix: what to do about it; empty where ``found`` says so.
    """

    def __init__(self, found: str, exit_code: ExitCode = ExitCode.USAGE, *, fix: str = "") -> None:
        super().__init__(f"{found}; {fix}" if fix else found)
        self.found = found
        self.exit_code = exit_code
        self.fix = fix


def of_error(error: BaseException) -> ExitCode:
    """Return the exit code for an error that ended a command."""
    match error:
        case Refusal():
            return error.exit_code
        case AuthenticationError() | AddressNotAllowed():
            return ExitCode.AUTHENTICATION
        case aioseflow.StalePlan() | aioseflow.RunIsActive() | aioseflow.LeaseLost():
            return ExitCode.HELD
        case aioseflow.RunRefused():
            return ExitCode.HELD if error.reason in ("in_another_run", "other_run") else ExitCode.STOPPED
        case aioseflow.JournalError():
            # A configuration error of the disk, not of the command.
            return ExitCode.ERROR
        case InvalidArgument() | ConfigurationError():
            return ExitCode.USAGE
        case OutcomeUnknown() | SeFlowError(may_have_acted=True):
            return ExitCode.UNKNOWN
        case _:
            return ExitCode.ERROR


def of_report(report: Report) -> ExitCode:
    """Return the exit code for a run: `HELD` while another process runs it."""
    if report.error is not None:
        return of_error(report.error)
    if report.finished_at is None:
        return ExitCode.HELD
    if report.counts[aioseflow.Status.UNKNOWN] or report.undiscovered:
        return ExitCode.UNKNOWN
    if not report.targets:
        return ExitCode.NOTHING_SELECTED
    if report.ok:
        return ExitCode.OK
    return ExitCode.STOPPED if _STOPPED_BY & report.causes.keys() else ExitCode.FAILED

"""The exit codes of commands, and the error that the command line itself raises."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

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
    """Everything was done, or nothing was left to do."""
    ERROR = 1
    USAGE = 2
    FAILED = 3
    """Some VMs failed or were not attempted. One that is skipped, as it is off at a reboot, is neither."""
    UNKNOWN = 4
    """The outcome of some VMs is unknown, or a service could not be listed."""
    STOPPED = 5
    """A guard, a threshold or a deadline stopped the run."""
    AUTHENTICATION = 6
    """The login or this machine's address was refused."""
    HELD = 7
    """The plan is stale, or another process has the run, or another run the same VMs."""
    NOTHING_SELECTED = 8
    INTERRUPTED = 130
    """The run was drained or cancelled, or its process was killed."""


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


def unusable(what: str, error: OSError, fix: str = "") -> Refusal:
    """Return the error for what the system refuses, such as a file that ``cannot be read``."""
    return Refusal(f"{what} ({error.strerror or error})", ExitCode.ERROR, fix=fix)


def is_about_journal_file(error: BaseException) -> bool:
    """Whether another file for the journal would help."""
    return isinstance(error, aioseflow.JournalError) and error.argument == "journal"


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
    """Return the exit code for a run: by how it ended, then by its counts.

    ==============================================  ====================================================
    ending                                          code
    ==============================================  ====================================================
    running, taken over                             `HELD`
    refused, failed                                 that of its error
    interrupted, cancelled, drained                 `INTERRUPTED`
    stopped, finished: some unknown or not listed   `UNKNOWN`
    finished: nothing left to retry or to restore   `OK`
    finished: nothing matched                       `NOTHING_SELECTED`
    finished: all changed, unchanged or skipped     `OK`
    stopped; finished: a service left alone         `STOPPED`
    finished: any other                             `FAILED`
    ==============================================  ====================================================
    """
    match report.ending:
        case "running" | "taken_over":
            return ExitCode.HELD
        case "interrupted" | "cancelled" | "drained":
            return ExitCode.INTERRUPTED
        case ending if report.error is not None:
            return of_error(report.error)
    if report.counts[aioseflow.Status.UNKNOWN] or report.undiscovered:
        return ExitCode.UNKNOWN
    if report.matched_nothing:
        return ExitCode.OK if report.follows else ExitCode.NOTHING_SELECTED
    if report.ok:
        return ExitCode.OK
    is_stopped = ending == "stopped" or "same_cause" in report.causes
    return ExitCode.STOPPED if is_stopped else ExitCode.FAILED

"""How a command ends: its exit code, and the one sentence that an error gets."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

# The package, not its names: help and completion, which need none, load no fleet.
from .. import fleet
from ..errors import (
    AddressNotAllowed,
    AuthenticationError,
    ConfigurationError,
    InvalidArgument,
    OutcomeUnknown,
    SeFlowError,
)

if TYPE_CHECKING:
    from ..fleet import Report


class Ending(enum.IntEnum):
    """Exit codes; where several are true, the later of failed, unknown, interrupted counts."""

    OK = 0
    ERROR = 1
    USAGE = 2
    FAILED = 3
    UNKNOWN = 4
    AUTHENTICATION = 6
    NOTHING_SELECTED = 8
    INTERRUPTED = 130


class Refusal(Exception):
    """The command line itself says no, in one sentence."""

    def __init__(self, message: str, ending: Ending = Ending.USAGE) -> None:
        super().__init__(message)
        self.ending = ending


def of_error(error: BaseException) -> Ending:
    """The exit code for an error that ended a command."""
    match error:
        case Refusal():
            return error.ending
        case AuthenticationError() | AddressNotAllowed():
            return Ending.AUTHENTICATION
        case fleet.JournalError() | fleet.RunIsActive() | fleet.RunRefused() | fleet.StalePlan():
            # It was asked rightly: it is the disk, the fleet or another run that is not so.
            return Ending.ERROR
        case InvalidArgument() | ConfigurationError():
            return Ending.USAGE
        case OutcomeUnknown():
            return Ending.UNKNOWN
        case SeFlowError(may_have_acted=True):
            return Ending.UNKNOWN
        case _:
            return Ending.ERROR


def of_report(report: Report) -> Ending:
    """The exit code for a run that is over."""
    if report.counts[fleet.Status.UNKNOWN] or report.undiscovered:
        return Ending.UNKNOWN
    if not report.targets:
        return Ending.NOTHING_SELECTED
    return Ending.OK if report.ok else Ending.FAILED

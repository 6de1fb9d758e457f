"""`Ending`: how a run ended, the causes by which its targets tell that, and the state of a `Run`."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from ...errors import InvalidArgument


class Ending(enum.StrEnum):
    """How a run ended. Headline, exit code and advice follow from it and from the counts."""

    RUNNING = "running"
    """It has not ended: a process works on it."""
    FINISHED = "finished"
    """It went through all of its targets."""
    INTERRUPTED = "interrupted"
    """Its process was killed."""
    CANCELLED = "cancelled"
    """It was cancelled, or its client was closed."""
    DRAINED = "drained"
    """It was drained: what had begun was finished, and the rest was not started."""
    STOPPED = "stopped"
    """A threshold or a deadline stopped it."""
    REFUSED = "refused"
    """A guard, a wrong selection or another run kept it from beginning: nothing was sent."""
    TAKEN_OVER = "taken_over"
    """Another process took it over."""
    FAILED = "failed"
    """An error broke it."""

    @property
    def is_interruption(self) -> bool:
        """Whether somebody or something from outside ended the run, so that resuming it is the next step."""
        return self in (Ending.INTERRUPTED, Ending.CANCELLED, Ending.DRAINED)


class RunPhase(enum.StrEnum):
    """The state of a `Run`."""

    NEW = "new"
    """It was not started."""
    RUNNING = "running"
    ENDED = "ended"
    REFUSED = "refused"
    """It did not begin, and nothing was sent: `Run.error` says why."""


REFUSED: Final = "refused"
"""What ended a run that did not begin; no target has it as its cause."""

ENDED_BY: Final[Mapping[str, Ending]] = MappingProxyType(
    {
        "lease_lost": Ending.TAKEN_OVER,
        "journal_failed": Ending.FAILED,
        "run_failed": Ending.FAILED,
        "interrupted": Ending.INTERRUPTED,
        "cancelled": Ending.CANCELLED,
        "drained": Ending.DRAINED,
        "max_failures": Ending.STOPPED,
        "max_unavailable": Ending.STOPPED,
        "deadline": Ending.STOPPED,
        "no_progress": Ending.STOPPED,
    }
)
"""Endings by the cause of the targets that the run left; where a run has several, the first one counts."""


def ended_by(causes: Collection[str | None]) -> str:
    """Return the cause for which a run left targets; empty where it left none."""
    return next((cause for cause in ENDED_BY if cause in causes), "")


def ending_of(
    *, over: bool, error: BaseException | None, by: str | None, causes: Collection[str | None]
) -> Ending:
    """Return how a run ended.

    Args:
        over: whether the run has ended.
        error: what it raised.
        by: the cause for which it ended early, empty where it came to its end; None where only its causes
            are known.
        causes: the causes of its outcomes and of what it did not list.
    """
    if by == REFUSED or isinstance(error, InvalidArgument):
        return Ending.REFUSED
    if by is None:
        by = ended_by(causes)
    # A later reading may have decided everything that the run had left.
    ending = ENDED_BY.get(by, Ending.FINISHED) if by in causes else Ending.FINISHED
    if error is not None:
        return ending if ending is Ending.TAKEN_OVER else Ending.FAILED
    return ending if over else Ending.RUNNING

"""Errors of a journal, and of the use of a run in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Final

import attrs

from ...errors import ConfigurationError
from .lease import Holder

READING_FAILS: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What code raises that reads values which are not what was written."""


class JournalError(ConfigurationError):
    """The journal cannot be used, or a change did not become durable.

    Attributes:
        argument: ``"journal"`` where another file would help, None else.
    """

    cause: ClassVar[str] = "journal_failed"
    """The stable word for it in outcomes."""

    def __init__(self, message: str, *, argument: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.argument = argument


class RunIsDamaged(JournalError):
    """A row of a run is damaged; other runs of the journal can be used.

    Attributes:
        run_id: the run; where its id is damaged, its number in the journal.
    """

    def __init__(self, message: str, *, run_id: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.run_id = run_id


def run_is_damaged(run_id: str, row: str, why: str) -> RunIsDamaged:
    """Return the error for a row of a run that makes no record."""
    return RunIsDamaged(
        f"run {run_id} is damaged in the journal ({row}: {why}). Other runs can be used, this one only from "
        "a whole copy of the journal",
        run_id=run_id,
    )


@contextlib.contextmanager
def damage_of(run_id: str, row: str) -> Iterator[None]:
    """Raise `RunIsDamaged`, with the names of run and row, where the block cannot read what is stored."""
    try:
        yield
    except READING_FAILS as error:
        raise run_is_damaged(run_id, row, str(error) or type(error).__name__) from error


class RunNotFound(ConfigurationError):
    """The journal has no run of that id."""


class HeldElsewhere(ConfigurationError):
    """Another process goes on with a run.

    Attributes:
        run_id: the run.
        pid: process id of the holder, None if it has not been recorded yet.
        host: name of its machine, None likewise.
        since: time at which it took the run (aware UTC), None likewise.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str = "",
        pid: int | None = None,
        host: str | None = None,
        since: datetime | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.run_id = run_id
        self.pid = pid
        self.host = host
        self.since = since


class RunIsActive(HeldElsewhere):
    """A living process holds this run."""


class LeaseLost(HeldElsewhere, JournalError):
    """This process lost the right to go on with a run: nothing more of it is sent or recorded from here.

    ``pid``, ``host`` and ``since`` are those of the new holder, None if there is none or it is not known.
    """

    cause: ClassVar[str] = "lease_lost"


def run_is_active(run_id: str, holder: Holder | None) -> RunIsActive:
    """Return the error for a run that a living process holds."""
    return RunIsActive(
        f"run {run_id} is being run by {holder or 'another process'}; wait for its end, or end that process "
        "and resume the run",
        run_id=run_id,
        **_facts(holder),
    )


def lease_lost(run_id: str, holder: Holder | None = None) -> LeaseLost:
    """Return the error for a run that this process may not go on with, and ``holder`` does now."""
    if holder is None:
        happened, then = f"This process lost its lease of run {run_id}", "resume it"
    else:
        happened, then = f"Run {run_id} was taken over by {holder}", "wait for its end"
    message = f"{happened}. Nothing more of it is sent from here: {then}"
    return LeaseLost(message, run_id=run_id, **_facts(holder))


def _facts(holder: Holder | None) -> dict[str, Any]:
    return {} if holder is None else attrs.asdict(holder)

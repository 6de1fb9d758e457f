"""What can be wrong with a journal, or with the use of a run in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...errors import ConfigurationError


class JournalError(ConfigurationError):
    """The journal's file cannot be used, or what was to be recorded did not become durable."""


class RunNotFound(ConfigurationError):
    """The journal has no run of that id."""


class RunIsActive(ConfigurationError):
    """A living process holds this run.

    Attributes:
        run_id: the run.
        pid: the holder's process id, None if it has not written it yet.
        host: the name of the machine that it is on, likewise.
        since: when it took the run (aware UTC), likewise.
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

"""The times that a run writes down."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import attrs


@attrs.define(eq=False)
class RunClock:
    """Wall-clock times that never go back: elapsed time goes on where the system's clock is set back.

    So no outcome ends before it began, whatever sets the clock.
    """

    _last: datetime = attrs.field(factory=lambda: datetime.now(UTC), init=False)
    _last_elapsed: float = attrs.field(factory=time.monotonic, init=False)

    def now(self) -> datetime:
        """The aware UTC time of this moment, no earlier than any that was given before."""
        now, elapsed = datetime.now(UTC), time.monotonic()
        if now < self._last:
            now = self._last + timedelta(seconds=elapsed - self._last_elapsed)
        self._last, self._last_elapsed = now, elapsed
        return now

"""Clocks: the times that a run records, and the panel's time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

_CLOCKS_DISAGREE_SECONDS: Final = 60.0
"""If two clocks differ by more over the same time, one of them was set."""


@attrs.frozen
class Instant:
    """A moment by this machine's clock, and by the panel's where that is known (both aware UTC)."""

    at: datetime
    panel_at: datetime | None = None

    def panel_seconds_until(self, later: Instant) -> float | None:
        """Return the seconds by the panel's clock; None if not known, or a clock was set in between."""
        if self.panel_at is None or later.panel_at is None:
            return None
        seconds = (later.panel_at - self.panel_at).total_seconds()
        ours = (later.at - self.at).total_seconds()
        return seconds if abs(seconds - ours) <= _CLOCKS_DISAGREE_SECONDS else None

    def least_seconds_until(self, later: Instant) -> float:
        """Return the seconds until a later moment by the clock that shows fewer."""
        seconds = (later.at - self.at).total_seconds()
        if self.panel_at is None or later.panel_at is None:
            return seconds
        return max(0.0, min(seconds, (later.panel_at - self.panel_at).total_seconds()))


@attrs.define(eq=False)
class PanelClock:
    """The panel's time, from the ``Date`` of its last answer and the seconds since.

    The header is parsed only when `now` is called, which most answers never need.
    """

    _date: str = attrs.field(default="", init=False)
    _elapsed: float = attrs.field(default=0.0, init=False)
    _wall: float = attrs.field(default=0.0, init=False)

    def note(self, exchanges: Iterable[object]) -> None:
        """Keep the ``Date`` of the last answer of these exchanges, if one had it."""
        if (date := _date_of(exchanges)) is not None:
            self._date, self._elapsed, self._wall = date, time.monotonic(), time.time()

    def now(self) -> datetime | None:
        """Return the panel's time (aware UTC); None if no answer had one, or our clock was set since."""
        date = parsed_date(self._date)
        if date is None:
            return None
        elapsed, wall = time.monotonic() - self._elapsed, time.time() - self._wall
        # The clock was set, or the machine slept: the elapsed time is not certain.
        if abs(elapsed - wall) > _CLOCKS_DISAGREE_SECONDS:
            return None
        return date + timedelta(seconds=elapsed)


def panel_time(exchanges: Iterable[object]) -> datetime | None:
    """Return the panel's time of the last answer of these exchanges (aware UTC), None if none had one."""
    return parsed_date(_date_of(exchanges) or "")


def parsed_date(date: str) -> datetime | None:
    """Return a ``Date`` header as an aware UTC time, None if it is none."""
    try:
        parsed = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _date_of(exchanges: Iterable[object]) -> str | None:
    found = None
    for exchange in exchanges:
        # A stand-in for an account need not have this attribute.
        headers = getattr(exchange, "raw_headers", None)
        if headers and (date := headers.get("Date")):
            found = date
    return found


@attrs.define(eq=False)
class RunClock:
    """Wall-clock times that never go back, so that no outcome ends before it began.

    Where the system's clock is set back, the times continue from the last one.
    """

    _last: datetime = attrs.field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _ahead: timedelta | None = attrs.field(default=None, init=False)

    def now(self) -> datetime:
        """Return the present time (aware UTC), no earlier than any that was returned before."""
        now = datetime.now(UTC)
        if self._ahead is not None:
            now += self._ahead
        if now < self._last:
            self._ahead = (self._ahead or timedelta()) + (self._last - now)
            now = self._last
        self._last = now
        return now

"""The protocol of a limit, and the limit that never moves."""

from __future__ import annotations

from typing import Any, Final, Protocol

import attrs

from ...policy import MAX_IN_FLIGHT, check_whole

_LONGEST_TOLD: Final = 86_400.0


class Limit(Protocol):
    """What a gate asks of its limit, and tells it."""

    @property
    def value(self) -> int:
        """How many requests may be in flight now."""
        ...

    @property
    def not_before(self) -> float:
        """Nobody sends earlier."""
        ...

    def sent(self, now: float, *, in_flight: int) -> None:
        """A request goes out."""
        ...

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """It was let in and answered, whatever the answer says."""
        ...

    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None:
        """It was turned away: too many at once, or too many a second."""
        ...

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """No answer came in time."""
        ...


def requested_wait(retry_after: float | None) -> float:
    if retry_after is None or not retry_after > 0:
        return 0.0
    return min(float(retry_after), _LONGEST_TOLD)


@attrs.frozen
class FixedLimit:
    """Always the same number of requests in flight; it learns nothing, but obeys the waits that it is told.

    Raises `ConfigurationError` unless ``value`` is a whole number of at least 1.
    """

    value: int = attrs.field(default=MAX_IN_FLIGHT)
    _held: list[float] = attrs.field(factory=lambda: [0.0], init=False, eq=False, repr=False)

    @value.validator
    def _check(self, attribute: attrs.Attribute[int], value: int) -> None:
        check_whole("the limit", value)

    @property
    def not_before(self) -> float:
        """Nobody sends earlier."""
        return self._held[0]

    @property
    def why(self) -> str:
        """It never moves."""
        return "fixed"

    def sent(self, now: float, *, in_flight: int) -> None:
        """Nothing is learned."""

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Nothing is learned."""

    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None:
        """Hold everybody back for ``retry_after`` seconds."""
        self._held[0] = max(self._held[0], now + requested_wait(retry_after))

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Nothing is learned."""

    def state(self) -> dict[str, Any]:
        """Nothing was learned."""
        return {}

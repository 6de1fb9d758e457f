"""The protocol of a limit, and the limit that never moves."""

from __future__ import annotations

from typing import Any, Final, Protocol

import attrs

from ...policy import MAX_IN_FLIGHT, check_whole

RETRY_AFTER_MAX_SECONDS: Final = 86_400.0  # a panel that asks for more than a day has a wrong clock


class Limit(Protocol):
    """Limit on the requests of one account. The gate reads it before each request and reports each result.

    Times are seconds of the loop's clock. ``in_flight`` counts the requests in flight after the event;
    ``in_flight_then`` is the count that `sent` was given for the same request.
    """

    @property
    def value(self) -> int:
        """How many requests may be in flight now."""
        ...

    @property
    def not_before(self) -> float:
        """The earliest time of the next request."""
        ...

    def sent(self, now: float, *, in_flight: int) -> None:
        """Count a request that is about to be sent; ``in_flight`` includes it."""
        ...

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Count a request that the panel accepted and answered, whatever the answer says."""
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
        """Count a request that the panel refused: too many at once, or too many a second.

        ``retry_after`` is the wait in seconds that the panel asked for, if it did.
        """
        ...

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Count a request that got no answer in time."""
        ...


def requested_wait(retry_after: float | None) -> float:
    """Return the wait that a panel asked for in seconds, at most a day; 0 for None, a negative one or NaN."""
    if retry_after is None or not retry_after > 0:
        return 0.0
    return min(float(retry_after), RETRY_AFTER_MAX_SECONDS)


@attrs.frozen
class FixedLimit:
    """Constant number of requests in flight. It learns nothing, but keeps the waits that the panel asks for.

    Raises `ConfigurationError` unless ``value`` is a whole number of at least 1.
    """

    value: int = attrs.field(default=MAX_IN_FLIGHT)
    _wait_until: list[float] = attrs.field(factory=lambda: [0.0], init=False, eq=False, repr=False)

    @value.validator
    def _check(self, attribute: attrs.Attribute[int], value: int) -> None:
        check_whole("the limit", value)

    @property
    def not_before(self) -> float:
        """The earliest time of the next request."""
        return self._wait_until[0]

    @property
    def why(self) -> str:
        """The reason for the last change: none, the limit is fixed."""
        return "fixed"

    def sent(self, now: float, *, in_flight: int) -> None:
        """Ignore the event: nothing is learned."""

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Ignore the event: nothing is learned."""

    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None:
        """Send nothing for ``retry_after`` seconds."""
        self._wait_until[0] = max(self._wait_until[0], now + requested_wait(retry_after))

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Ignore the event: nothing is learned."""

    def state(self) -> dict[str, Any]:
        """Return what was learned: nothing."""
        return {}

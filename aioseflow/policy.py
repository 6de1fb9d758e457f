"""Every number of the session's behaviour, in one place."""

from __future__ import annotations

import math
from typing import Any, Final

import attrs

from .errors import ConfigurationError

MAX_IN_FLIGHT: Final = 32  # beyond about 64 a silently queueing panel times out
IDLE_CONNECTION_SECONDS: Final = 4.0  # PHP hosts often close after 5 s; a stale socket costs an unknown
IDLE_BEFORE_ONCE_SECONDS: Final = 1.0  # what must not be repeated goes out on a younger one, or a fresh one
KEPT_BEFORE_ONCE: Final = 8  # so often the panel was seen to keep a connection before that is believed
DOWN_AFTER: Final = 5  # requests in a row that got no answer: the panel is down until one does
BURST: Final = 3  # connections refused or dropped within a second: an overload, no accident
BURST_SECONDS: Final = 1.0
POSTPONED_AT_MOST: Final = 3  # times that a fleet's target goes back into the queue while calls fail
LONGEST_PAUSE_IN_TROUBLE: Final = 8.0  # seconds; of a fleet's worker, between calls that cannot be repeated
UNFINISHED_PER_REQUEST: Final = 4  # VMs of a run with a threshold that may be begun and not yet settled
LANE_SHARES: Final = (4, 2, 1)  # actions, reads, settle polls
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024  # of one header of an answer, unless the client is told otherwise
MAX_HEADERS: Final = 512
STALE_CONNECTIONS_TRIED: Final = 1000  # more than any pool keeps
LONG_BODY_BYTES: Final = 256 * 1024  # from here on an answer is decoded in slices, between which others run
EXCERPT_CHARACTERS: Final = 300


def check_seconds(name: str, value: object) -> None:
    """Raise `ConfigurationError` unless it is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"{name} must be a positive number of seconds, not {value!r}")


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    check_seconds(attribute.name, value)


def _not_negative(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{attribute.name} must be zero or more seconds, not {value!r}")


def check_whole(name: str, value: object) -> None:
    """Raise `ConfigurationError` unless it is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")


def _at_least_one(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    check_whole(attribute.name, value)


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long one exchange may take, in seconds, counted after the concurrency gate.

    ``connect`` covers DNS, TCP and TLS. ``read`` is for the answer to a call that changes nothing, from when
    the request left to the answer's last byte, ``change`` to one that does: hypervisors take 8 to 30 s, and a
    time-out there leaves an outcome unknown. ``exchange`` bounds all of it, from connecting to the last byte;
    None is ``connect`` and the answer's time together.
    """

    connect: float = attrs.field(default=10.0, validator=_seconds)
    read: float = attrs.field(default=30.0, validator=_seconds)
    change: float = attrs.field(default=120.0, validator=_seconds)
    exchange: float | None = attrs.field(default=None, validator=attrs.validators.optional(_seconds))

    @classmethod
    def within(cls, seconds: float) -> Timeouts:
        """One bound for the whole exchange, whatever it does. Raises `ConfigurationError`."""
        check_seconds("timeout", seconds)
        return cls(connect=seconds, read=seconds, change=seconds, exchange=seconds)

    def for_answer(self, *, changes: bool) -> float:
        """Seconds that the answer may take."""
        return self.change if changes else self.read

    def for_exchange(self, *, changes: bool) -> float:
        """Seconds that everything may take."""
        if self.exchange is not None:
            return self.exchange
        return self.connect + self.for_answer(changes=changes)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a failed call goes again by itself; what may go again at all is not a setting.

    Attributes:
        attempts: requests in all for one call. Refusals by throttle are not counted.
        first_wait: upper bound of the first wait in seconds; it doubles with each attempt, and the wait is
            drawn evenly from zero to the bound.
        longest_wait: where the doubling ends, in seconds.
        longest_told_wait: a longer ``Retry-After`` is raised at once instead of being waited for, in seconds.
        deadline: seconds after the first failure beyond which no repeat starts.
    """

    attempts: int = attrs.field(default=3, validator=_at_least_one)
    first_wait: float = attrs.field(default=0.5, validator=_not_negative)
    longest_wait: float = attrs.field(default=8.0, validator=_not_negative)
    longest_told_wait: float = attrs.field(default=120.0, validator=_not_negative)
    deadline: float = attrs.field(default=300.0, validator=_seconds)


@attrs.frozen(kw_only=True)
class SettlePolicy:
    """How a fleet waits until an accepted change is seen to be done, in seconds.

    Attributes:
        first_poll: from the acceptance to the first reading of a service's list.
        longest_poll: the pause between readings grows by half each time, up to this.
        patience: a service in which nothing has moved for so long is given up.
    """

    first_poll: float = attrs.field(default=2.0, validator=_seconds)
    longest_poll: float = attrs.field(default=15.0, validator=_seconds)
    patience: float = attrs.field(default=120.0, validator=_seconds)

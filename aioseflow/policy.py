"""The policies that users may set, and the fixed numbers of a session and a fleet.

The constants of the adaptive limit are where its algorithm is, in `session.limits`.
"""

from __future__ import annotations

import math
from typing import Any, Final

import attrs

from .errors import ConfigurationError

MAX_IN_FLIGHT: Final = 32  # requests; above about 64 a panel that queues silently times out
KEEPALIVE_SECONDS: Final = 4.0  # PHP hosts often close after 5 s; a stale connection costs an unknown outcome
KEEPALIVE_FOR_ONCE_SECONDS: Final = 1.0  # for requests that must not be repeated
REUSED_ANSWERS_BEFORE_ONCE: Final = 8  # answers over kept connections before such requests use one
MAX_STALE_CONNECTIONS_TRIED: Final = 1000  # more than any pool keeps
PANEL_DOWN_UNANSWERED_REQUESTS: Final = 5  # in a row; then the panel counts as down until one is answered
DROP_BURST_CONNECTIONS: Final = 3  # refused or dropped within DROP_BURST_SECONDS: an overload, no accident
DROP_BURST_SECONDS: Final = 1.0
REQUEST_CLASS_SHARES: Final = (4, 2, 1)  # of the slots: actions, reads, settle polls
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024  # of one header of an answer; `SeFlow(max_header_bytes=…)` changes it
MAX_HEADERS: Final = 512
SLICED_DECODE_MIN_BYTES: Final = (
    256 * 1024
)  # a longer answer is decoded in slices, and other tasks run between
EXCERPT_MAX_CHARACTERS: Final = 300
PANEL_AWAY_MAX_SECONDS: Final = 120.0  # for which a run waits until a panel that is down answers
PANEL_PROBE_PAUSE_SECONDS: Final = 1.0  # between two reads that ask whether the panel answers again
MAX_POSTPONEMENTS: Final = 3  # of a fleet's target that goes back into its queue while calls fail
WORKER_PAUSE_MAX_SECONDS: Final = 8.0  # of a fleet's worker, between calls that cannot be repeated
UNSETTLED_VMS_PER_REQUEST: Final = 4  # VMs begun and not yet settled, in a run with a failure limit
_PAUSE_GROWTH: Final = 1.5  # from one reading back to the next
OUTCOMES_BEFORE_YIELD: Final = 200  # outcomes that a fleet decides before other tasks of the loop run


def check_seconds(name: str, value: object) -> None:
    """Raise `ConfigurationError` unless the value is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"{name} must be a positive number of seconds, not {value!r}")


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    check_seconds(attribute.name, value)


def _not_negative(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{attribute.name} must be zero or more seconds, not {value!r}")


def check_whole(name: str, value: object) -> None:
    """Raise `ConfigurationError` unless the value is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")


def _at_least_one(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    check_whole(attribute.name, value)


@attrs.frozen(kw_only=True)
class Timeouts:
    """Time-outs of one exchange, in seconds, counted from the gate.

    Attributes:
        connect: DNS, TCP and TLS.
        read: for the answer to a call that changes nothing, from sending the request to the last byte.
        change: for the answer to a call that changes something: hypervisors take 8 to 30 s, and a time-out
            leaves the outcome unknown.
        exchange: for all of it, from connecting to the last byte; None is ``connect`` plus the answer's time.
    """

    connect: float = attrs.field(default=10.0, validator=_seconds)
    read: float = attrs.field(default=30.0, validator=_seconds)
    change: float = attrs.field(default=120.0, validator=_seconds)
    exchange: float | None = attrs.field(default=None, validator=attrs.validators.optional(_seconds))

    @classmethod
    def within(cls, seconds: float) -> Timeouts:
        """Return time-outs that bound every exchange as a whole. Raises `ConfigurationError`."""
        check_seconds("timeout", seconds)
        return cls(connect=seconds, read=seconds, change=seconds, exchange=seconds)

    def for_answer(self, *, changes: bool) -> float:
        """Return the seconds that an answer may take."""
        return self.change if changes else self.read

    def for_exchange(self, *, changes: bool) -> float:
        """Return the seconds that a whole exchange may take."""
        if self.exchange is not None:
            return self.exchange
        return self.connect + self.for_answer(changes=changes)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a failed request is sent again. Which requests may be sent again is not a setting.

    Attributes:
        attempts: requests in all for one call. Refusals by throttle are not counted.
        first_wait: upper bound of the first wait in seconds. It doubles with each attempt, and the wait is
            drawn evenly from zero to the bound.
        longest_wait: upper bound of every wait in seconds, where the doubling ends.
        longest_told_wait: the longest ``Retry-After`` that is waited for, in seconds; a longer one is raised.
        deadline: seconds after the first failure after which no retry begins.
    """

    attempts: int = attrs.field(default=3, validator=_at_least_one)
    first_wait: float = attrs.field(default=0.5, validator=_not_negative)
    longest_wait: float = attrs.field(default=8.0, validator=_not_negative)
    longest_told_wait: float = attrs.field(default=120.0, validator=_not_negative)
    deadline: float = attrs.field(default=300.0, validator=_seconds)


@attrs.frozen(kw_only=True)
class SettlePolicy:
    """How a fleet reads VMs back after a change was accepted, in seconds.

    Attributes:
        first_poll: from the acceptance to the first reading of a service's list.
        longest_poll: the longest pause between two readings; the pause grows by half each time.
        patience: a service in which nothing has changed for this long is given up. The default is the time
            after which a reading shows that a request whose answer was lost was not carried out
            (``not_done``); with less, such a VM stays ``unknown``.
    """

    first_poll: float = attrs.field(default=2.0, validator=_seconds)
    longest_poll: float = attrs.field(default=15.0, validator=_seconds)
    patience: float = attrs.field(default=180.0, validator=_seconds)

    def longer_pause(self, pause: float) -> float:
        """Return the pause that follows one of ``pause`` seconds, at most ``longest_poll``."""
        return min(self.longest_poll, pause * _PAUSE_GROWTH)

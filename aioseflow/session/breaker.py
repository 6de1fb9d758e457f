"""Is the panel there at all? While it is not, one request at a time finds out. Pure data."""

from __future__ import annotations

import enum
from collections import deque

import attrs

from ..errors import RequestTimeout, TransportError
from ..policy import BURST, BURST_SECONDS, DOWN_AFTER
from .retry import Failure, Fault


class Ending(enum.Enum):
    """What the way an attempt ended says of the panel."""

    ANSWERED = "it let the request in and answered"
    REFUSED = "it turned the request away for now"
    TIMED_OUT = "no answer in time"
    DROPPED = "no connection, or one that broke"
    NOTHING = "it says nothing"


_BY_FAILURE = {
    Failure.CERTIFICATE: Ending.NOTHING,
    Failure.PROXY: Ending.NOTHING,
    Failure.NOT_PROCESSED: Ending.NOTHING,
    Failure.GARBLED: Ending.NOTHING,
    Failure.THROTTLED: Ending.REFUSED,
    Failure.POSTPONED: Ending.REFUSED,
    Failure.UNREADABLE: Ending.ANSWERED,
    Failure.BLOCKED: Ending.NOTHING,
    Failure.ANSWERED: Ending.ANSWERED,
    Failure.LOGIN: Ending.NOTHING,
}


def ending_of(fault: Fault | None) -> Ending:
    """What an attempt's fault, or its absence, says of the panel."""
    if fault is None:
        return Ending.ANSWERED
    known = _BY_FAILURE.get(fault.failure)
    if known is not None:
        return known
    if isinstance(fault.error, RequestTimeout):
        return Ending.TIMED_OUT
    if isinstance(fault.error, TransportError) or fault.error.status in (502, 504):
        return Ending.DROPPED
    return Ending.REFUSED if fault.error.status == 503 else Ending.NOTHING


@attrs.define(eq=False)
class Breaker:
    """Open from the fifth request in a row that got no answer until one does.

    It knows nothing of passwords: that is the circuit's affair, and this one closes by itself.
    """

    in_a_row: int = attrs.field(default=0, init=False)
    _dropped: deque[float] = attrs.field(factory=lambda: deque(maxlen=BURST), init=False)

    @property
    def is_open(self) -> bool:
        """Whether the panel is taken to be down."""
        return self.in_a_row >= DOWN_AFTER

    def note(self, ending: Ending, now: float) -> Ending:
        """Count how an attempt ended; what is returned is what a limit should hear of it."""
        if ending is Ending.ANSWERED or ending is Ending.REFUSED:
            self.in_a_row = 0
        elif ending is not Ending.NOTHING:
            self.in_a_row += 1
        if ending is not Ending.DROPPED:
            return ending
        self._dropped.append(now)
        # One broken connection says nothing of the load; several at once are how a full backlog refuses.
        burst = len(self._dropped) == BURST and now - self._dropped[0] <= BURST_SECONDS
        return Ending.REFUSED if burst and not self.is_open else Ending.NOTHING

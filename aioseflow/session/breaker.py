"""Is the panel there at all? While it is not, one request at a time finds out. Pure data."""

from __future__ import annotations

import enum
from collections import deque

import attrs

from ..errors import RequestTimeout, TransportError
from ..policy import BURST, BURST_SECONDS, DOWN_AFTER
from .retry import AttemptFailed, FailureKind


class AttemptResult(enum.Enum):
    """What the way an attempt ended says of the panel."""

    ANSWERED = "it let the request in and answered"
    REFUSED = "it turned the request away for now"
    TIMED_OUT = "no answer in time"
    DROPPED = "no connection, or one that broke"
    NO_EVIDENCE = "it says nothing"


_BY_FAILURE = {
    FailureKind.TLS_REFUSED: AttemptResult.NO_EVIDENCE,
    FailureKind.PROXY_REFUSED: AttemptResult.NO_EVIDENCE,
    FailureKind.NOT_PROCESSED: AttemptResult.NO_EVIDENCE,
    FailureKind.MALFORMED: AttemptResult.NO_EVIDENCE,
    FailureKind.THROTTLED: AttemptResult.REFUSED,
    FailureKind.POSTPONED: AttemptResult.REFUSED,
    FailureKind.UNDECODABLE: AttemptResult.ANSWERED,
    FailureKind.BLOCKED: AttemptResult.NO_EVIDENCE,
    FailureKind.ANSWERED_NO: AttemptResult.ANSWERED,
    FailureKind.LOGIN_REFUSED: AttemptResult.NO_EVIDENCE,
}


def attempt_result(fault: AttemptFailed | None) -> AttemptResult:
    """What an attempt's fault, or its absence, says of the panel."""
    if fault is None:
        return AttemptResult.ANSWERED
    known = _BY_FAILURE.get(fault.failure)
    if known is not None:
        return known
    if isinstance(fault.error, RequestTimeout):
        return AttemptResult.TIMED_OUT
    if isinstance(fault.error, TransportError) or fault.error.status in (502, 504):
        return AttemptResult.DROPPED
    return AttemptResult.REFUSED if fault.error.status == 503 else AttemptResult.NO_EVIDENCE


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

    def note(self, ending: AttemptResult, now: float) -> AttemptResult:
        """Count how an attempt ended; what is returned is what a limit should hear of it."""
        if ending is AttemptResult.ANSWERED or ending is AttemptResult.REFUSED:
            self.in_a_row = 0
        elif ending is not AttemptResult.NO_EVIDENCE:
            self.in_a_row += 1
        if ending is not AttemptResult.DROPPED:
            return ending
        self._dropped.append(now)
        # One broken connection says nothing of the load; several at once are how a full backlog refuses.
        burst = len(self._dropped) == BURST and now - self._dropped[0] <= BURST_SECONDS
        return AttemptResult.REFUSED if burst and not self.is_open else AttemptResult.NO_EVIDENCE

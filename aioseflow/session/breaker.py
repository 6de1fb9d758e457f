"""Does the panel answer at all? While it does not, one request at a time is sent. Pure data, no loop."""

from __future__ import annotations

import enum
from collections import deque

import attrs

from ..errors import RequestTimeout, TransportError
from ..policy import DROP_BURST_CONNECTIONS, DROP_BURST_SECONDS, PANEL_DOWN_UNANSWERED_REQUESTS
from .retry import AttemptFailed, FailureKind


class AttemptResult(enum.Enum):
    """Evidence that one attempt gives about the panel."""

    ANSWERED = "the panel accepted the request and answered"
    REFUSED = "the panel refused the request for now"
    TIMED_OUT = "no answer in time"
    DROPPED = "no connection, or one that broke"
    NO_EVIDENCE = "the failure says nothing about the panel"


_BY_KIND = {
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


def attempt_result(failure: AttemptFailed | None) -> AttemptResult:
    """Return what a failed attempt, or a successful one (None), shows about the panel."""
    if failure is None:
        return AttemptResult.ANSWERED
    known = _BY_KIND.get(failure.kind)
    if known is not None:
        return known
    if isinstance(failure.error, RequestTimeout):
        return AttemptResult.TIMED_OUT
    # 502 and 504 come from a balancer that found no panel.
    if isinstance(failure.error, TransportError) or failure.error.status in (502, 504):
        return AttemptResult.DROPPED
    return AttemptResult.REFUSED if failure.error.status == 503 else AttemptResult.NO_EVIDENCE


@attrs.define(eq=False)
class Breaker:
    """Circuit breaker for a panel that is down: open from five unanswered requests in a row to an answer.

    Credentials are not its subject: `AuthCircuit` stops calls after a refused login and stays open.
    """

    unanswered: int = attrs.field(default=0, init=False)
    """How many requests in a row got no answer."""
    _dropped_at: deque[float] = attrs.field(factory=lambda: deque(maxlen=DROP_BURST_CONNECTIONS), init=False)

    @property
    def is_open(self) -> bool:
        """Whether the panel counts as down."""
        return self.unanswered >= PANEL_DOWN_UNANSWERED_REQUESTS

    def record(self, result: AttemptResult, now: float) -> AttemptResult:
        """Count the result of an attempt. Return the result that the limit gets to see.

        One dropped connection says nothing about the load; several within a second are how a full listen
        queue refuses, and become `AttemptResult.REFUSED`.
        """
        if result is AttemptResult.ANSWERED or result is AttemptResult.REFUSED:
            self.unanswered = 0
        elif result is not AttemptResult.NO_EVIDENCE:
            self.unanswered += 1
        if result is not AttemptResult.DROPPED:
            return result
        self._dropped_at.append(now)
        is_burst = (
            len(self._dropped_at) == DROP_BURST_CONNECTIONS
            and now - self._dropped_at[0] <= DROP_BURST_SECONDS
        )
        return AttemptResult.REFUSED if is_burst and not self.is_open else AttemptResult.NO_EVIDENCE

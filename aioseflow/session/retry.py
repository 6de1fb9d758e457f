"""May a failed request be sent again, and when? One table and one pure function decide."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from ..errors import SeFlowError
from ..policy import RetryPolicy
from ..safety import Safety

_WAIT_DOUBLINGS_MAX: Final = 60  # 2.0 ** more would overflow with a policy of thousands of attempts
_THROTTLE_JITTER_SHARE: Final = 0.5  # of a throttled wait is drawn; the other half is always waited
_RETRY_AFTER_JITTER_SHARE: Final = (
    0.1  # on top of the panel's delay, so that waiting calls do not return together
)
_RETRY_AFTER_JITTER_MIN_SECONDS: Final = 0.1


class FailureKind(enum.Enum):
    """Kind of failure of one attempt: the rows of the table."""

    NOT_SENT = "nothing reached the panel: DNS, connection refused, connect time-out"
    TLS_REFUSED = "the panel's certificate, or TLS itself, was refused"
    PROXY_REFUSED = "the proxy refused its login or the panel's address"
    NOT_PROCESSED = "a machine in front of the panel did not pass the request on: 421, 425"
    THROTTLED = "the panel refused for now: 429, wait_x_between_action"
    POSTPONED = "503 with Retry-After"
    LOST = "sent, then reset, timed out, cut off, not HTTP, 408 or 5xx"
    MALFORMED = "the answer breaks HTTP and would again: a header too long, an unknown compression"
    UNDECODABLE = "a complete answer that this call cannot have"
    BLOCKED = "refused or redirected by something in front of the panel"
    ANSWERED_NO = "the panel answered that it did not do it"
    LOGIN_REFUSED = "the panel refused the credentials or this machine's address"


class RetryRule(enum.Enum):
    """Rule for what may follow a failure: the entries of the table."""

    RETRY = "send again after a wait that doubles"
    RETRY_AFTER_DELAY = "send again after the delay that the panel asked for"
    NEVER = "never send again, raise the error"
    OUTCOME_UNKNOWN = "never send again, raise OutcomeUnknown"


_RETRY = RetryRule.RETRY
_DELAY = RetryRule.RETRY_AFTER_DELAY
_NEVER = RetryRule.NEVER
_UNKNOWN = RetryRule.OUTCOME_UNKNOWN

TABLE: Mapping[FailureKind, Mapping[Safety, RetryRule]] = MappingProxyType(
    {
        kind: MappingProxyType(dict(zip(Safety, rules, strict=True)))
        for kind, rules in {
            #                            READ    IDEMPOTENT  ONCE
            FailureKind.NOT_SENT: (_RETRY, _RETRY, _RETRY),
            FailureKind.TLS_REFUSED: (_NEVER, _NEVER, _NEVER),
            FailureKind.PROXY_REFUSED: (_NEVER, _NEVER, _NEVER),
            FailureKind.NOT_PROCESSED: (_RETRY, _RETRY, _RETRY),
            FailureKind.THROTTLED: (_DELAY, _DELAY, _DELAY),
            FailureKind.POSTPONED: (_DELAY, _DELAY, _UNKNOWN),
            FailureKind.LOST: (_RETRY, _RETRY, _UNKNOWN),
            FailureKind.MALFORMED: (_NEVER, _NEVER, _UNKNOWN),
            FailureKind.UNDECODABLE: (_NEVER, _NEVER, _UNKNOWN),
            FailureKind.BLOCKED: (_NEVER, _NEVER, _NEVER),
            FailureKind.ANSWERED_NO: (_NEVER, _NEVER, _NEVER),
            FailureKind.LOGIN_REFUSED: (_NEVER, _NEVER, _NEVER),
        }.items()
    }
)

MAY_HAVE_ACTED = frozenset(
    {FailureKind.POSTPONED, FailureKind.LOST, FailureKind.MALFORMED, FailureKind.UNDECODABLE}
)
"""Failures after which a changing call may have taken effect."""


class AttemptFailed(Exception):
    """Failure of one attempt: the row of the retry table, and the error to raise if nothing is sent again."""

    def __init__(self, kind: FailureKind, error: SeFlowError) -> None:
        super().__init__(kind, error)
        self.kind = kind
        self.error = error


@attrs.define
class RetryState:
    """Failures of one call so far: attempts that count, refusals, and whether one may have acted."""

    attempts: int = 0
    refusals: int = 0
    may_have_acted: bool = False
    budget_is_empty: bool = False

    def add(self, kind: FailureKind) -> None:
        """Count a failed attempt."""
        if kind is FailureKind.THROTTLED:
            self.refusals += 1
        else:
            self.attempts += 1
        self.may_have_acted |= kind in MAY_HAVE_ACTED


def next_wait(
    failure: AttemptFailed,
    safety: Safety,
    state: RetryState,
    policy: RetryPolicy | None,
    elapsed: float,
    left: float,
    draw: Callable[[], float],
) -> float | None:
    """Return the seconds to wait before the request is sent again, or None if it must not be.

    Args:
        state: counts this failure already.
        elapsed: seconds since the first failure.
        left: seconds until the caller's deadline.
        draw: gives an even random number in [0, 1).
    """
    rule = TABLE[failure.kind][safety]
    if policy is None or rule in (RetryRule.NEVER, RetryRule.OUTCOME_UNKNOWN):
        return None
    throttled = failure.kind is FailureKind.THROTTLED
    if not throttled and state.attempts >= policy.attempts:
        return None
    tries = state.refusals if throttled else state.attempts
    bound = min(policy.longest_wait, policy.first_wait * 2.0 ** min(tries - 1, _WAIT_DOUBLINGS_MAX))
    delay = failure.error.retry_after if rule is RetryRule.RETRY_AFTER_DELAY else None
    if delay is not None and delay > policy.longest_told_wait:
        return None
    if throttled or delay is not None:
        # Full jitter could send again at once, into a limit that has just refused.
        wait = bound * (1 - _THROTTLE_JITTER_SHARE + _THROTTLE_JITTER_SHARE * draw())
    else:
        wait = bound * draw()
    if delay is not None:
        # The panel's delay is never shortened, and a delay of 0 does not switch our own wait off.
        jitter = max(_RETRY_AFTER_JITTER_MIN_SECONDS, _RETRY_AFTER_JITTER_SHARE * delay)
        wait = max(wait, delay + draw() * jitter)
    return wait if elapsed + wait <= policy.deadline and wait < left else None

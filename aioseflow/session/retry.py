"""May this request be sent again, and when? A table and a pure function of data."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from ..errors import SeFlowError
from ..policy import RetryPolicy
from ..safety import Safety


class FailureKind(enum.Enum):
    """What went wrong with one attempt: the rows of the table."""

    NOT_SENT = "nothing reached the server: DNS, refused, connect time-out"
    TLS_REFUSED = "the server's certificate, or TLS itself, was refused"
    PROXY_REFUSED = "the proxy refused its login or the panel's address"
    NOT_PROCESSED = "not passed on, says a machine in front of the panel: 421, 425"
    THROTTLED = "refused for now: 429, wait_x_between_action"
    POSTPONED = "503 with Retry-After"
    LOST = "sent, then reset, timed out, cut, unreadable, 408 or 5xx"
    MALFORMED = "answered in a form that cannot be read, and will be again: a header too long, a compression"
    UNDECODABLE = "answered, in full, something that this call cannot mean"
    BLOCKED = "refused or redirected by something in front of the panel"
    ANSWERED_NO = "answered by the panel: not done"
    LOGIN_REFUSED = "the credentials or the address were refused"


class RetryRule(enum.Enum):
    """What the table says: the entries."""

    RETRY = "again, after a wait that doubles"
    RETRY_AFTER_DELAY = "again, after the delay that the server asked for"
    NEVER = "never again; the error is raised"
    OUTCOME_UNKNOWN = "never again; the outcome is unknown"


_RETRY, _DELAY, _NEVER, _UNKNOWN = (
    RetryRule.RETRY,
    RetryRule.RETRY_AFTER_DELAY,
    RetryRule.NEVER,
    RetryRule.OUTCOME_UNKNOWN,
)

TABLE: Mapping[FailureKind, Mapping[Safety, RetryRule]] = MappingProxyType(
    {
        failure: MappingProxyType(dict(zip(Safety, rules, strict=True)))
        for failure, rules in {
            #                    READ      IDEMPOTENT  ONCE
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
    """One failed attempt on its way to the retry decision: the row of the table and the error to raise."""

    def __init__(self, failure: FailureKind, error: SeFlowError) -> None:
        super().__init__(failure, error)
        self.failure = failure
        self.error = error


@attrs.define
class RetryState:
    """What one call has been through: attempts that count, refusals, and whether one may have acted."""

    attempts: int = 0
    refusals: int = 0
    may_have_acted: bool = False
    budget_is_empty: bool = False

    def add(self, failure: FailureKind) -> None:
        if failure is FailureKind.THROTTLED:
            self.refusals += 1
        else:
            self.attempts += 1
        self.may_have_acted |= failure in MAY_HAVE_ACTED


def next_wait(
    fault: AttemptFailed,
    safety: Safety,
    history: RetryState,
    policy: RetryPolicy | None,
    elapsed: float,
    left: float,
    draw: Callable[[], float],
) -> float | None:
    """Seconds to wait before the request is sent again, or None if it must not be.

    ``history`` already counts this fault; ``elapsed`` is seconds since the first failure, ``left`` those
    until the caller's deadline; ``draw`` gives an even random number in [0, 1).
    """
    rule = TABLE[fault.failure][safety]
    if policy is None or rule in (RetryRule.NEVER, RetryRule.OUTCOME_UNKNOWN):
        return None
    throttled = fault.failure is FailureKind.THROTTLED
    if not throttled and history.attempts >= policy.attempts:
        return None
    tries = history.refusals if throttled else history.attempts
    bound = min(policy.longest_wait, policy.first_wait * 2.0 ** min(tries - 1, 60))
    told = fault.error.retry_after if rule is RetryRule.RETRY_AFTER_DELAY else None
    if told is not None and told > policy.longest_told_wait:
        return None
    # Refusals keep half of the wait: a full jitter could hammer a limit at once.
    wait = bound * (0.5 + 0.5 * draw()) if throttled or told is not None else bound * draw()
    if told is not None:
        # A server's wait is never shortened, its waiters must not come back together, and a wait of nothing
        # does not switch our own off.
        wait = max(wait, told + draw() * max(0.1, 0.1 * told))
    return wait if elapsed + wait <= policy.deadline and wait < left else None

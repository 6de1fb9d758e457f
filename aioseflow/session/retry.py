"""May this request be sent again, and when? A table and a pure function of data."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from ..errors import SeFlowError
from ..policy import RetryPolicy
from ..safety import Safety


class Failure(enum.Enum):
    """What went wrong with one attempt: the rows of the table."""

    NEVER_LEFT = "nothing reached the server: DNS, refused, connect time-out"
    CERTIFICATE = "the server's certificate, or TLS itself, was refused"
    PROXY = "the proxy refused its login or the panel's address"
    NOT_PROCESSED = "not passed on, says a machine in front of the panel: 421, 425"
    THROTTLED = "refused for now: 429, wait_x_between_action"
    POSTPONED = "503 with Retry-After"
    LOST = "sent, then reset, timed out, cut, unreadable, 408 or 5xx"
    GARBLED = "answered in a form that cannot be read, and will be again: a header too long, a compression"
    UNREADABLE = "answered, in full, something that this call cannot mean"
    BLOCKED = "refused or redirected by something in front of the panel"
    ANSWERED = "answered by the panel: not done"
    LOGIN = "the credentials or the address were refused"


class Rule(enum.Enum):
    """What the table says: the entries."""

    AGAIN = "again, after a wait that doubles"
    AS_TOLD = "again, after the delay that the server asked for"
    NO = "never again; the error is raised"
    UNKNOWN = "never again; the outcome is unknown"


_AGAIN, _AS_TOLD, _NO, _UNKNOWN = Rule.AGAIN, Rule.AS_TOLD, Rule.NO, Rule.UNKNOWN

TABLE: Mapping[Failure, Mapping[Safety, Rule]] = MappingProxyType(
    {
        failure: MappingProxyType(dict(zip(Safety, rules, strict=True)))
        for failure, rules in {
            #                    READ      IDEMPOTENT  ONCE
            Failure.NEVER_LEFT: (_AGAIN, _AGAIN, _AGAIN),
            Failure.CERTIFICATE: (_NO, _NO, _NO),
            Failure.PROXY: (_NO, _NO, _NO),
            Failure.NOT_PROCESSED: (_AGAIN, _AGAIN, _AGAIN),
            Failure.THROTTLED: (_AS_TOLD, _AS_TOLD, _AS_TOLD),
            Failure.POSTPONED: (_AS_TOLD, _AS_TOLD, _UNKNOWN),
            Failure.LOST: (_AGAIN, _AGAIN, _UNKNOWN),
            Failure.GARBLED: (_NO, _NO, _UNKNOWN),
            Failure.UNREADABLE: (_NO, _NO, _UNKNOWN),
            Failure.BLOCKED: (_NO, _NO, _NO),
            Failure.ANSWERED: (_NO, _NO, _NO),
            Failure.LOGIN: (_NO, _NO, _NO),
        }.items()
    }
)

MAY_HAVE_ACTED = frozenset({Failure.POSTPONED, Failure.LOST, Failure.GARBLED, Failure.UNREADABLE})
"""Failures after which a changing call may have taken effect."""


class Fault(Exception):
    """One failed attempt on its way to the retry decision: the row of the table and the error to raise."""

    def __init__(self, failure: Failure, error: SeFlowError) -> None:
        super().__init__(failure, error)
        self.failure = failure
        self.error = error


@attrs.define
class History:
    """What one call has been through: attempts that count, refusals, and whether one may have acted."""

    attempts: int = 0
    refusals: int = 0
    may_have_acted: bool = False
    budget_is_empty: bool = False

    def add(self, failure: Failure) -> None:
        if failure is Failure.THROTTLED:
            self.refusals += 1
        else:
            self.attempts += 1
        self.may_have_acted |= failure in MAY_HAVE_ACTED


def next_wait(
    fault: Fault,
    safety: Safety,
    history: History,
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
    if policy is None or rule in (Rule.NO, Rule.UNKNOWN):
        return None
    throttled = fault.failure is Failure.THROTTLED
    if not throttled and history.attempts >= policy.attempts:
        return None
    tries = history.refusals if throttled else history.attempts
    bound = min(policy.longest_wait, policy.first_wait * 2.0 ** min(tries - 1, 60))
    told = fault.error.retry_after if rule is Rule.AS_TOLD else None
    if told is not None and told > policy.longest_told_wait:
        return None
    # Refusals keep half of the wait: a full jitter could hammer a limit at once.
    wait = bound * (0.5 + 0.5 * draw()) if throttled or told is not None else bound * draw()
    if told is not None:
        # A server's wait is never shortened, its waiters must not come back together, and a wait of nothing
        # does not switch our own off.
        wait = max(wait, told + draw() * max(0.1, 0.1 * told))
    return wait if elapsed + wait <= policy.deadline and wait < left else None

"""How the calls of a view are made, and what stays the same over all attempts of one call."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import aiohttp
import attrs

from ..policy import RetryPolicy, Timeouts
from .account_session import AccountSession
from .call import Call
from .exchange import Exchange
from .gate import RequestClass
from .prepare import Prepared

T = TypeVar("T")


@attrs.frozen
class CallOptions:
    """Options of one view of an account.

    Attributes:
        deadline: seconds that a call may take with everything in it; None without a bound.
        read_class: class at the gate of the calls that change nothing.
    """

    retry: RetryPolicy | None
    timeouts: Timeouts
    deadline: float | None = None
    read_class: RequestClass = RequestClass.READ


@attrs.frozen
class CallTimeouts:
    """Time-outs of the exchanges of one kind of call, in seconds."""

    answer: float
    exchange: float
    timeout: aiohttp.ClientTimeout

    @classmethod
    def of(cls, timeouts: Timeouts, *, changes: bool) -> CallTimeouts:
        """Return the time-outs of calls that change something, or of those that do not."""
        # aiohttp bounds the connecting only, which costs nothing over a kept connection; `Deadlines` bounds
        # the rest. A time-out by aiohttp's `total=` would look like a request that was never sent.
        timeout = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        return cls(timeouts.for_answer(changes=changes), timeouts.for_exchange(changes=changes), timeout)


@attrs.define(eq=False)
class PendingCall(Generic[T]):
    """A call under way: what stays the same over all its attempts.

    ``until`` is the caller's deadline in seconds of the loop's clock; ``is_long`` is set for an answer
    that is decoded in slices.
    """

    account: AccountSession
    call: Call[T]
    prepared: Prepared = attrs.field(repr=False)
    identity: str | None
    exchange: Exchange
    request_class: RequestClass
    timeouts: CallTimeouts
    until: float = math.inf
    is_long: bool = False

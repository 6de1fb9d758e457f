"""How a view of an account makes its calls."""

from __future__ import annotations

import aiohttp
import attrs

from ..policy import RetryPolicy, Timeouts
from .gate import RequestClass


@attrs.frozen
class CallOptions:
    """What a view of an account may have of its own.

    ``deadline`` bounds one call with everything in it, in seconds; ``lane`` is for reads at the gate.
    """

    retry: RetryPolicy | None
    timeouts: Timeouts
    deadline: float | None = None
    lane: RequestClass = RequestClass.READ


@attrs.frozen
class CallTimeouts:
    """How long the exchanges of one kind of call may take, in seconds."""

    answer: float
    exchange: float
    timeout: aiohttp.ClientTimeout

    @classmethod
    def of(cls, timeouts: Timeouts, *, changes: bool) -> CallTimeouts:
        # What the connection takes is aiohttp's affair, which costs nothing where one is kept; the rest is
        # `Deadlines`'. Its `total=` could not be told from a request that never left.
        timeout = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        return cls(timeouts.for_answer(changes=changes), timeouts.for_exchange(changes=changes), timeout)

"""Limits of the panel: requests at once, and requests a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any, Literal

import attrs

from .chance import Duration


def _announce(capacity: Capacity, _field: attrs.Attribute[Any], value: Any) -> Any:
    if capacity._changed is not None:
        capacity._changed()
    return value


@attrs.define(on_setattr=_announce)
class Capacity:
    """Limits of the panel; every field may be changed while it runs.

    - `workers` requests are served at once, `queue` more may wait (None: any number), others are refused.
    - `service_time`: seconds that a worker needs for a request, before it takes effect.
    - `rate` requests a second with a `burst` (default: those of one second) are admitted, others are refused.
    - `refuse`: the status of a refusal (429, 503), or "throttle" for 401 `wait_x_between_action`, in whole
      seconds.
    - `retry_after` of a refusal by status: none, seconds, or True for the seconds that are really needed.
    """

    workers: int | None = None
    queue: int | None = None
    service_time: Duration = 0.0
    rate: float | None = None
    burst: int | None = None
    refuse: int | Literal["throttle"] = 429
    retry_after: bool | float = False
    _changed: Callable[[], None] | None = attrs.field(
        default=None, init=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP
    )


@attrs.frozen
class Refusal:
    """The limit that refuses a request, and the seconds until a request may be admitted."""

    limit: Literal["capacity", "rate"]
    wait: float


class Admission:
    """Admits requests within a `Capacity`: first the rate, then a worker, else the queue."""

    def __init__(self, capacity: Capacity) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._serving = 0
        self._tokens: float | None = None
        self._counted_at = 0.0
        self._capacity = capacity
        self.capacity = capacity

    @property
    def capacity(self) -> Capacity:
        """Limits in force."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: Capacity) -> None:
        self._capacity._changed = None
        self._capacity = capacity
        capacity._changed = self._wake
        self._wake()

    @property
    def serving(self) -> int:
        """Requests that hold a worker now."""
        return self._serving

    @property
    def waiting(self) -> int:
        """Requests in the queue now."""
        return len(self._waiting)

    async def enter(self) -> Refusal | None:
        """Wait for a worker; return None with one, after which `leave` must be called, else the refusal."""
        capacity = self._capacity
        if capacity.rate is not None and (wait := self._short_of_a_token(capacity.rate, capacity.burst)):
            return Refusal("rate", wait)
        if capacity.workers is None or (self._serving < capacity.workers and not self._waiting):
            self._serving += 1
            return None
        if capacity.queue is not None and len(self._waiting) >= capacity.queue:
            return Refusal("capacity", 1.0)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # The request got its worker just before it was cancelled.
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        return None

    def leave(self) -> None:
        """Give the worker to the next in the queue."""
        self._serving -= 1
        self._admit()

    def _admit(self) -> None:
        workers = self._capacity.workers
        while self._waiting and (workers is None or self._serving < workers):
            turn = self._waiting.popleft()
            if not turn.done():
                self._serving += 1
                turn.set_result(None)

    def _wake(self) -> None:
        # The hook of attrs runs before the new value is stored, so admit one turn of the loop later.
        if self._waiting:
            self._waiting[0].get_loop().call_soon(self._admit)

    def _short_of_a_token(self, rate: float, burst: int | None) -> float:
        now = asyncio.get_running_loop().time()
        full = float(burst if burst is not None else max(1, ceil(rate)))
        if self._tokens is None:
            self._tokens = full
        else:
            self._tokens = min(full, self._tokens + (now - self._counted_at) * rate)
        self._counted_at = now
        # Rounding: a sum of many small refills may be just below 1.
        if self._tokens >= 1 - 1e-9:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / rate if rate else 60.0

"""How many requests are in flight: every attempt of every call passes here."""

from __future__ import annotations

import asyncio
from collections import deque

import attrs

from .limit import Limit


@attrs.define(eq=False)
class Gate:
    """First come, first served; a cancelled waiter gives its place up, a freed slot goes to the next.

    Invariant between calls: nobody waits while a slot is free.
    """

    limit: Limit
    in_flight: int = attrs.field(default=0, init=False)
    _waiting: deque[asyncio.Future[None]] = attrs.field(factory=deque, init=False)

    @property
    def waiting(self) -> int:
        """How many callers wait for a slot."""
        return sum(not waiter.done() for waiter in self._waiting)

    def try_enter(self) -> bool:
        """Take a free slot without waiting; False if there is none or somebody was here before."""
        if self._waiting or self.in_flight >= self.limit.value:
            return False
        self.in_flight += 1
        return True

    async def enter(self) -> None:
        """Wait for a slot; give it back with `leave`."""
        if self.try_enter():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # The slot was handed over in the very moment of the cancellation.
                self.leave()
            else:
                waiter.cancel()
                self._admit()
            raise

    def leave(self) -> None:
        """Give the slot to whoever waits longest."""
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.limit.value:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self.in_flight += 1
                waiter.set_result(None)

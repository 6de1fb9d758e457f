"""How many requests are in flight, and when the next may go: every attempt of every call passes here."""

from __future__ import annotations

import asyncio
import enum
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import attrs

from ..errors import SeFlowError
from ..policy import LANE_SHARES
from .breaker import AttemptResult
from .limits.limit import Limit

Admission: TypeAlias = tuple[float, int, int]
"""When a request was let in, how many were in flight then, itself included, and in which of the gate's spells
of `Gate.alone`."""


class RequestClass(enum.IntEnum):
    """Where a request queues; each lane has its share of the slots, and nobody in it is overtaken."""

    ACTION = 0
    READ = 1
    POLL = 2


@attrs.frozen(eq=False)
class QueuedRequest:
    """Who waits, since when, and until when it would (seconds of the loop's clock)."""

    turn: asyncio.Future[Admission]
    since: float
    until: float


def _no_limit_moved(before: int, after: int) -> None:
    """Nobody listens."""


@attrs.define(eq=False)
class Gate:
    """Lets requests in as the limit allows: first come, first served within a lane.

    A free slot goes to the lane that has least of its share, so that no lane starves another, and none
    idles while somebody waits. A waiter that is cancelled gives its place up.

    Invariant between calls: nobody waits while a slot is free and the limit's ``not_before`` is past.
    """

    limit: Limit
    in_flight: int = attrs.field(default=0, init=False)
    waiting: int = attrs.field(default=0, init=False)
    moved: Callable[[int, int], None] = attrs.field(default=_no_limit_moved, init=False)
    _alone: bool = attrs.field(default=False, init=False)
    _spell: int = attrs.field(default=0, init=False)
    _older: int = attrs.field(default=0, init=False)  # in flight since before this spell
    _held: list[int] = attrs.field(factory=lambda: [0 for _ in RequestClass], init=False)
    _served: list[int] = attrs.field(factory=lambda: [0 for _ in RequestClass], init=False)
    _turns: int = attrs.field(default=0, init=False)
    _queues: tuple[OrderedDict[asyncio.Future[Admission], QueuedRequest], ...] = attrs.field(
        factory=lambda: tuple(OrderedDict() for _ in RequestClass), init=False
    )
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    @property
    def alone(self) -> bool:
        """Whether one at a time is let in, whatever the limit says.

        So goes the first request of a client, and the probe of a panel that is down. What was in flight when
        it was set does not count: a reboot of two minutes must not keep a new password from being tried.
        """
        return self._alone

    @alone.setter
    def alone(self, alone: bool) -> None:
        if alone and not self._alone:
            self._spell += 1
            self._older = self.in_flight
        self._alone = alone

    @property
    def size(self) -> int:
        """How many may be in flight now."""
        return 1 if self._alone else self.limit.value

    def try_enter(self, lane: RequestClass, now: float) -> Admission | None:
        """Take a free slot without waiting; None if there is none, or somebody was here before."""
        limit = self.limit
        if self.waiting or self.in_flight >= limit.value or now < limit.not_before:
            return None
        if self._alone and self.in_flight > self._older:
            return None
        return self._let_in(lane, now)

    async def enter(self, lane: RequestClass, now: float, until: float = math.inf) -> Admission:
        """Wait for a slot; give it back with `leave`. Raises what `expel` was told to raise.

        ``until`` is when the caller would give up by itself; it is the caller who does.
        """
        turn: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        self._queues[lane][turn] = QueuedRequest(turn, now, until)
        self.waiting += 1
        self._admit(now)
        try:
            return await turn
        except asyncio.CancelledError:
            now = turn.get_loop().time()
            if turn.done() and not turn.cancelled():
                if turn.exception() is None:
                    # The slot was handed over in the very moment of the cancellation.
                    self.leave(lane, turn.result(), now)
            elif self._queues[lane].pop(turn, None) is not None:
                self.waiting -= 1
                self._admit(now)
            raise

    def leave(
        self,
        lane: RequestClass,
        ticket: Admission,
        now: float,
        ending: AttemptResult = AttemptResult.NO_EVIDENCE,
        retry_after: float | None = None,
    ) -> None:
        """Give the slot back, and tell the limit how it went."""
        self.in_flight -= 1
        self._held[lane] -= 1
        sent_at, then, spell = ticket
        if spell != self._spell and self._older:
            self._older -= 1
        limit, in_flight = self.limit, self.in_flight
        before = limit.value
        if ending is AttemptResult.ANSWERED:
            limit.succeeded(now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight)
        elif ending is AttemptResult.REFUSED:
            limit.refused(
                now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight, retry_after=retry_after
            )
        elif ending is AttemptResult.TIMED_OUT:
            limit.timed_out(now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight)
        if limit.value != before:
            self.moved(before, limit.value)
        if self.waiting:
            self._admit(now)

    def set_alone(self, alone: bool, now: float) -> None:
        """Let in one at a time, or as many as the limit says."""
        self.alone = alone
        self._admit(now)

    def expel(self, judge: Callable[[QueuedRequest], SeFlowError | None]) -> None:
        """End the wait of those for whom ``judge`` returns an error, with that error."""
        for queue in self._queues:
            for waiter in list(queue.values()):
                error = judge(waiter)
                if error is not None:
                    del queue[waiter.turn]
                    self.waiting -= 1
                    if not waiter.turn.done():
                        waiter.turn.set_exception(error)

    def shut(self) -> None:
        """Forget the timer; nobody comes any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_in(self, lane: RequestClass, now: float) -> Admission:
        self.in_flight = in_flight = self.in_flight + 1
        self._held[lane] += 1
        self._turns = self._served[lane] = self._turns + 1
        self.limit.sent(now, in_flight=in_flight)
        return now, in_flight, self._spell

    def _admit(self, now: float) -> None:
        while self.waiting and self.in_flight < self.limit.value:
            if self._alone and self.in_flight > self._older:
                return
            if now < self.limit.not_before:
                self._wake_at(self.limit.not_before)
                return
            lane = self._next_lane()
            turn, _ = self._queues[lane].popitem(last=False)
            self.waiting -= 1
            # A future that is done here was cancelled together with its task, which has not run since.
            if not turn.done():
                turn.set_result(self._let_in(lane, now))

    def _next_lane(self) -> RequestClass:
        queued = (lane for lane in RequestClass if self._queues[lane])
        return min(queued, key=lambda lane: (self._held[lane] / LANE_SHARES[lane], self._served[lane]))

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return  # it looks again then
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._awake, when)

    def _awake(self, when: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # A loop may call a hair early, by its clock's resolution.
        self._admit(max(loop.time(), when))

"""The gate that every attempt passes: how many requests are in flight, and when the next may go."""

from __future__ import annotations

import asyncio
import enum
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import attrs

from ..errors import SeFlowError
from ..policy import REQUEST_CLASS_SHARES
from .breaker import AttemptResult
from .limits.limit import Limit

Admission: TypeAlias = tuple[float, int, int]
"""A slot of the gate: when the request was admitted, how many were in flight then (itself included), and the
number of the serial phase (`Gate.serial`) in which it was."""


class RequestClass(enum.IntEnum):
    """Class of requests, with its own queue and share of the slots. First come, first served within it."""

    ACTION = 0
    READ = 1
    POLL = 2


@attrs.frozen(eq=False)
class QueuedRequest:
    """A request that waits for a slot: since when, and until when (seconds of the loop's clock)."""

    admitted: asyncio.Future[Admission]
    since: float
    until: float


def _ignore_change(before: int, after: int) -> None:
    """Do nothing about a limit that changed."""


@attrs.define(eq=False)
class Gate:
    """Admits requests as the limit allows.

    A free slot goes to the class that uses the least of its share, so that no class starves another, and no
    slot is idle while a request waits. A request whose task is cancelled gives up its place.

    Invariant between calls: no request waits while a slot is free and the limit's ``not_before`` is past.
    """

    limit: Limit
    in_flight: int = attrs.field(default=0, init=False)
    waiting: int = attrs.field(default=0, init=False)
    on_limit_change: Callable[[int, int], None] = attrs.field(default=_ignore_change, init=False)
    _serial: bool = attrs.field(default=False, init=False)
    _serial_phase: int = attrs.field(default=0, init=False)
    _older_in_flight: int = attrs.field(default=0, init=False)  # admitted before this serial phase
    _slots_used: list[int] = attrs.field(factory=lambda: [0 for _ in RequestClass], init=False)
    _last_admitted: list[int] = attrs.field(factory=lambda: [0 for _ in RequestClass], init=False)
    _admissions: int = attrs.field(default=0, init=False)
    _queues: tuple[OrderedDict[asyncio.Future[Admission], QueuedRequest], ...] = attrs.field(
        factory=lambda: tuple(OrderedDict() for _ in RequestClass), init=False
    )
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    @property
    def serial(self) -> bool:
        """Whether requests are admitted one at a time, whatever the limit allows.

        Used for the first request of a client, and while the panel is down. Requests in flight from before do
        not count: a reboot of two minutes must not delay the test of a new password.
        """
        return self._serial

    @serial.setter
    def serial(self, serial: bool) -> None:
        if serial and not self._serial:
            self._serial_phase += 1
            self._older_in_flight = self.in_flight
        self._serial = serial

    @property
    def size(self) -> int:
        """How many requests may be in flight now."""
        return 1 if self._serial else self.limit.value

    def try_enter(self, request_class: RequestClass, now: float) -> Admission | None:
        """Take a free slot without waiting. Return None if there is none, or if other requests wait."""
        limit = self.limit
        if self.waiting or self.in_flight >= limit.value or now < limit.not_before:
            return None
        if self._serial and self.in_flight > self._older_in_flight:
            return None
        return self._take_slot(request_class, now)

    async def enter(self, request_class: RequestClass, now: float, until: float = math.inf) -> Admission:
        """Wait for a slot; the caller gives it back with `leave`. Raises the error given to `fail_waiting`.

        ``until`` is when the caller stops waiting; the caller has to do that itself.
        """
        admitted: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        self._queues[request_class][admitted] = QueuedRequest(admitted, now, until)
        self.waiting += 1
        self.admit(now)
        try:
            return await admitted
        except asyncio.CancelledError:
            now = admitted.get_loop().time()
            if admitted.done() and not admitted.cancelled():
                if admitted.exception() is None:
                    # The slot was granted between the cancellation and this line.
                    self.leave(request_class, admitted.result(), now)
            elif self._queues[request_class].pop(admitted, None) is not None:
                self.waiting -= 1
                self.admit(now)
            raise

    def leave(
        self,
        request_class: RequestClass,
        admission: Admission,
        now: float,
        result: AttemptResult = AttemptResult.NO_EVIDENCE,
        retry_after: float | None = None,
    ) -> None:
        """Give a slot back, and report the result of the attempt to the limit."""
        self.in_flight -= 1
        self._slots_used[request_class] -= 1
        sent_at, then, phase = admission
        if phase != self._serial_phase and self._older_in_flight:
            self._older_in_flight -= 1
        limit, in_flight = self.limit, self.in_flight
        before = limit.value
        if result is AttemptResult.ANSWERED:
            limit.succeeded(now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight)
        elif result is AttemptResult.REFUSED:
            limit.refused(
                now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight, retry_after=retry_after
            )
        elif result is AttemptResult.TIMED_OUT:
            limit.timed_out(now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight)
        if limit.value != before:
            self.on_limit_change(before, limit.value)
        if self.waiting:
            self.admit(now)

    def admit(self, now: float) -> None:
        """Admit waiting requests as far as the limit allows. Call it after a change of `serial`."""
        while self.waiting and self.in_flight < self.limit.value:
            if self._serial and self.in_flight > self._older_in_flight:
                return
            if now < self.limit.not_before:
                self._wake_at(self.limit.not_before)
                return
            request_class = self._next_class()
            admitted, _ = self._queues[request_class].popitem(last=False)
            self.waiting -= 1
            # A future that is done here was cancelled together with its task, which has not run since.
            if not admitted.done():
                admitted.set_result(self._take_slot(request_class, now))

    def fail_waiting(self, error_for: Callable[[QueuedRequest], SeFlowError | None]) -> None:
        """End the wait of each request for which ``error_for`` returns an error, with that error."""
        for queue in self._queues:
            for queued in list(queue.values()):
                error = error_for(queued)
                if error is not None:
                    del queue[queued.admitted]
                    self.waiting -= 1
                    if not queued.admitted.done():
                        queued.admitted.set_exception(error)

    def close(self) -> None:
        """Cancel the timer. No request enters afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take_slot(self, request_class: RequestClass, now: float) -> Admission:
        self.in_flight = in_flight = self.in_flight + 1
        self._slots_used[request_class] += 1
        self._admissions = self._last_admitted[request_class] = self._admissions + 1
        self.limit.sent(now, in_flight=in_flight)
        return now, in_flight, self._serial_phase

    def _next_class(self) -> RequestClass:
        """Return the class that gets the next slot: the least used share, then the longest without a slot."""
        queued = (each for each in RequestClass if self._queues[each])
        return min(
            queued,
            key=lambda each: (self._slots_used[each] / REQUEST_CLASS_SHARES[each], self._last_admitted[each]),
        )

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return  # the earlier timer admits, and sets the next one
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._on_timer, when)

    def _on_timer(self, when: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # A loop may call too early by the resolution of its clock.
        self.admit(max(loop.time(), when))

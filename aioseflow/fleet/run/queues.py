"""Queues of a run: the targets that wait for a worker, by service and by account."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING

import attrs

from .down_limit import DownLimit
from .same_cause import SameCause

if TYPE_CHECKING:
    from ..model.outcome import Outcome, TargetKey
    from ..model.target import TargetState
    from ..plan.rollout import Rollout
    from .availability import AvailabilityCounter
    from .state import RunState


@attrs.define(eq=False)
class ServiceQueue:
    """The targets of one service that have not begun, and what decides whether more of them may begin.

    Attributes:
        number: place of the service among those of its account, counted from 0.
        most_in_flight: how many of its targets workers may act on at the same time.
        waiting: targets that have not begun.
        steps: targets whose next step waits, because as many of the service as allowed are in flight.
        in_flight: targets that workers act on.
        down_limit: counts its VMs that the run has taken down, None where there is no limit.
        last_turn: number of the turn in which a target of the service began last.
        heap_entry: number of the valid heap entry of the service, 0 for none.
        same_cause: counts refusals for one cause, None where there is no limit.
        stopped: the cause for which nothing more of the service begins, None while it does.
    """

    number: int
    most_in_flight: float = inf
    waiting: deque[TargetState] = attrs.Factory(deque)
    steps: deque[TargetState] = attrs.Factory(deque)
    in_flight: int = 0
    down_limit: DownLimit | None = None
    last_turn: int = -1
    heap_entry: int = 0
    same_cause: SameCause | None = None
    stopped: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether workers act on as many of its targets as allowed."""
        return self.in_flight >= self.most_in_flight

    def note_outcome(self, state: TargetState, outcome: Outcome) -> str | None:
        """Note an outcome; return the cause for which nothing more of the service begins from now on."""
        cause = None
        if self.same_cause is not None and self.same_cause.note(outcome):
            cause = "same_cause"
        if self.down_limit is not None and self.down_limit.note(state, outcome):
            cause = cause or "max_down_per_service"
        return cause if self.stopped is None else None

    @property
    def may_begin(self) -> bool:
        """Whether a target that waits may begin."""
        if not self.waiting or self.in_flight >= self.most_in_flight:
            return False
        return self.down_limit is None or not self.down_limit.is_reached

    @property
    def is_down_full(self) -> bool:
        """Whether targets wait because the run has taken down as many of the service as allowed."""
        return bool(self.waiting) and self.down_limit is not None and self.down_limit.is_reached

    @property
    def down(self) -> Iterable[TargetKey]:
        """The VMs of the service that the run has taken down, where that is counted."""
        return () if self.down_limit is None else self.down_limit.keys


@attrs.define(eq=False)
class AccountQueue:
    """The service queues of one account, and its workers that wait for a target.

    Attributes:
        heap: entries of the services that have a target to begin, the one with most targets first.
        steps: targets that have begun and whose next step waits.
        requeued: targets that have begun and went back to the queue.
        idle_workers: one future for each worker that waits; its result is the target.
        per_service: ``most_in_flight`` of each service; ``down_per_service`` of its ``down_limit``, and
            ``same_cause`` of its ``same_cause``.
        window: how many targets may be without an outcome at the same time after they have begun.
        unfinished: targets that have begun and have no outcome.
        producers: target producers that have not finished.
        unwritten: targets that the journal has not stored yet; lists must not run ahead of a slow disk.
        ready: targets in the service queues.
        has_room: set when a producer may look whether there is room for more targets.
        stopped: the cause for which nothing more of the account begins, None while it does.
    """

    heap: list[tuple[int, int, int, int, ServiceQueue]] = attrs.Factory(list)
    queues: dict[str, ServiceQueue] = attrs.Factory(dict)
    steps: deque[TargetState] = attrs.Factory(deque)
    requeued: deque[TargetState] = attrs.Factory(deque)
    idle_workers: deque[asyncio.Future[TargetState | None]] = attrs.Factory(deque)
    per_service: float = inf
    down_per_service: int | None = None
    same_cause: int | None = None
    window: float = inf
    unfinished: int = 0
    producers: int = 0
    unwritten: int = 0
    ready: int = 0
    has_room: asyncio.Event = attrs.Factory(asyncio.Event)
    stopped: str | None = None
    _last_entry: int = attrs.field(default=0, init=False)

    @classmethod
    def of(cls, rollout: Rollout, run_state: RunState, window: float) -> AccountQueue:
        """Return the queues of an account, with the limits of a rollout."""
        down = rollout.max_down_per_service if run_state.takes_down else None
        return cls(
            per_service=rollout.per_service or inf,
            down_per_service=down,
            same_cause=rollout.same_cause,
            window=window,
        )

    def queue_of(self, state: TargetState) -> ServiceQueue:
        """Return the queue of a target's service; make it where there is none."""
        queue = self.queues.get(state.key[1])
        if queue is None:
            queue = self.queues[state.key[1]] = ServiceQueue(len(self.queues), self.per_service)
            if self.same_cause is not None:
                queue.same_cause = SameCause(self.same_cause)
            if self.down_per_service is not None:
                queue.down_limit = DownLimit(self.down_per_service)
        return queue

    def push(self, queue: ServiceQueue) -> None:
        """Offer a service for its turn, if one of its targets may begin. Called when that has changed."""
        if not queue.may_begin:
            return
        self._last_entry += 1
        queue.heap_entry = self._last_entry
        heapq.heappush(
            self.heap, (-len(queue.waiting), queue.last_turn, queue.number, queue.heap_entry, queue)
        )

    def pop(self) -> ServiceQueue | None:
        """Return the service whose turn it is, None where no target may begin."""
        while self.heap:
            *_, entry, queue = heapq.heappop(self.heap)
            if entry != queue.heap_entry:
                continue  # the number of its targets has changed since
            queue.heap_entry = 0
            if queue.may_begin:
                return queue
        return None

    def first_of(
        self, keys: Iterable[TargetKey], open_: Mapping[TargetKey, TargetState]
    ) -> TargetState | None:
        """Return the first of some VMs that waits and may begin, None where there is none."""
        for key in keys:
            state = open_.get(key)
            if state is not None and key[1] in self.queues:
                queue = self.queues[key[1]]
                if queue.may_begin and state in queue.waiting:
                    return state
        return None

    def pop_requeued(self, availability: AvailabilityCounter | None) -> TargetState | None:
        """Return a target that went back to the queue and may be acted on now, None where there is none."""
        for _ in range(len(self.requeued)):
            state = self.requeued[0]
            if self.queue_of(state).is_full:
                return None
            if availability is None or availability.reserve(state.key):
                return self.requeued.popleft()
            self.requeued.rotate(-1)
        return None

    def close(self, cause: str) -> tuple[list[TargetState], list[TargetState]]:
        """Let no target begin any more; return those that wait, and those that went back to the queue."""
        self.stopped = cause
        waiting = [state for queue in self.queues.values() for state in self.close_service(queue, cause)]
        requeued = list(self.requeued)
        self.requeued.clear()
        return waiting, requeued

    def close_service(self, queue: ServiceQueue, cause: str) -> Iterable[TargetState]:
        """Let no target of a service begin any more; return those that wait."""
        queue.stopped = queue.stopped or cause
        self.ready -= len(queue.waiting)
        self.has_room.set()
        left, queue.waiting = queue.waiting, deque()
        return left

    def change_expected(self, producers: int, targets: int) -> None:
        """Add to the producers that have not finished, and to the targets that are not stored.

        Both numbers may be negative.
        """
        self.producers += producers
        self.unwritten += targets
        self.has_room.set()

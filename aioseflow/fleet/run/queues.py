"""The targets that wait for their turn: a lane for each service, a line of lanes for each account."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TypeVar

import attrs

from ..model.target import TargetState

T = TypeVar("T")


@attrs.define(eq=False)
class ServiceQueue:
    """The targets of one service that may be begun, and how it went so far."""

    number: int
    waiting: deque[TargetState] = attrs.Factory(deque)
    steps: deque[TargetState] = attrs.Factory(
        deque
    )  # begun, to go on, and the service has its number in flight
    in_flight: int = 0
    last_turn: int = -1
    heap_entry: int = 0  # number of its valid entry in the heap, 0 for none
    last_cause: str | None = None
    same_failures: int = 0
    stopped: bool = False


@attrs.define(eq=False)
class AccountQueue:
    """One account's services and workers."""

    heap: list[tuple[int, int, int, int, ServiceQueue]] = attrs.Factory(list)
    queues: dict[str, ServiceQueue] = attrs.Factory(dict)
    steps: deque[TargetState] = attrs.Factory(deque)  # begun, and to go on
    requeued: deque[TargetState] = attrs.Factory(deque)  # begun, and postponed
    idle_workers: deque[asyncio.Future[TargetState | None]] = attrs.Factory(deque)
    window: float = inf
    unfinished: int = 0  # begun, and without an outcome
    producers: int = 0  # sources of more targets
    unwritten: int = 0  # targets that a journal still writes down: lists must not run ahead of a slow disk
    ready: int = 0
    has_room: asyncio.Event = attrs.Factory(asyncio.Event)

    def queue_of(self, state: TargetState) -> ServiceQueue:
        """The lane of its service."""
        queue = self.queues.get(state.key[1])
        if queue is None:
            queue = self.queues[state.key[1]] = ServiceQueue(len(self.queues))
        return queue

    def change_expected(self, producers: int, targets: int) -> None:
        """So many sources more, or fewer, and so many targets that are known and not ready."""
        self.producers += producers
        self.unwritten += targets
        self.has_room.set()

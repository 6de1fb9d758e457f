"""The targets that wait for their turn: a lane for each service, a line of lanes for each account."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

import attrs

from .ledger import Standing
from .rollout import interleave


@attrs.define(eq=False)
class Lane:
    """The targets of one service that may be begun, and how it went so far."""

    place: int
    waiting: deque[Standing] = attrs.Factory(deque)
    steps: deque[Standing] = attrs.Factory(deque)  # begun, to go on, and the service has its number in flight
    in_flight: int = 0
    last_turn: int = -1
    entry: int = 0  # number of its valid entry in the heap, 0 for none
    cause: str | None = None
    same: int = 0
    stopped: bool = False


@attrs.define(eq=False)
class Line:
    """One account's services and workers."""

    heap: list[tuple[int, int, int, int, Lane]] = attrs.Factory(list)
    lanes: dict[str, Lane] = attrs.Factory(dict)
    steps: deque[Standing] = attrs.Factory(deque)  # begun, and to go on
    again: deque[Standing] = attrs.Factory(deque)  # begun, and postponed
    workers: deque[asyncio.Future[Standing | None]] = attrs.Factory(deque)
    window: float = inf
    unfinished: int = 0  # begun, and without an outcome
    expected: int = 0  # sources of more targets
    coming: int = 0  # targets that a journal still writes down: lists must not run ahead of a slow disk
    ready: int = 0
    room: asyncio.Event = attrs.Factory(asyncio.Event)

    def expect(self, sources: int, targets: int) -> None:
        """So many sources more, or fewer, and so many targets that are known and not ready."""
        self.expected += sources
        self.coming += targets
        self.room.set()


def in_order(standings: Sequence[Standing]) -> Iterable[Standing]:
    """The targets in the order in which they are begun: the service with most of them left first."""
    lanes: dict[tuple[str, str], deque[Standing]] = {}
    for standing in standings:
        lanes.setdefault(standing.target.key[:2], deque()).append(standing)
    return (lanes[key].popleft() for key in interleave({key: len(lane) for key, lane in lanes.items()}))

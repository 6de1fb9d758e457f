"""Who is next: which target of which service may be begun now, and when nothing new may be.

Workers ask `next` and are handed a target when there is one. Of an account's services the one with most
targets left comes first, ties in turn. Whatever may open the way (an answer, an outcome, a new list) calls
`kick`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from math import inf

import attrs

from ...errors import ApiError, GatewayError, PermissionDenied
from ..model.outcome import Outcome, Status
from ..plan.rollout import Rollout
from .availability import Availability
from .queues import Lane, Line, in_order
from .state import Ledger, Standing

_BAD = frozenset({Status.FAILED, Status.UNKNOWN})
_AT_ONCE = 200
_REFUSALS = (ApiError, GatewayError, PermissionDenied)  # each VM of a service may fail for the same one


@attrs.define(eq=False)
class Schedule:
    """Hands out the targets of one run, under its rollout."""

    ledger: Ledger
    rollout: Rollout
    accounts: Sequence[str]
    window: int | None
    availability: Availability | None = None
    windows: Mapping[str, int] = attrs.Factory(dict)  # by account, where one must not fill that of all
    limit: int | None = None
    paused: bool = False
    stopping: str | None = None
    in_flight: int = 0
    failures: int = 0
    total: int | None = None
    batch: int = 0
    batch_sizes: tuple[int, ...] = ()
    batch_failures: int = 0
    stopped: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _batch_left: int = attrs.field(default=0, init=False)
    _batches: deque[list[Standing]] = attrs.field(factory=deque, init=False)
    _lines: dict[str, Line] = attrs.field(init=False)
    _turn: int = attrs.field(default=0, init=False)
    _entries: int = attrs.field(default=0, init=False)
    _deadline_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _progress_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _pause_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _moved_at: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = {account: Line(window=self.windows.get(account, inf)) for account in self.accounts}
        self.ledger.finished = self._finished

    # -- what comes in ------------------------------------------------------------------------------------

    def open(self) -> None:
        """The run begins now: its deadlines count from here."""
        loop = asyncio.get_running_loop()
        self._moved_at = loop.time()
        if self.rollout.deadline is not None:
            self._deadline_timer = loop.call_later(self.rollout.deadline, self.stop, "deadline")
        if self.rollout.progress_deadline is not None:
            self._watch_progress(self.rollout.progress_deadline)

    def shut(self) -> None:
        """Forget the timers."""
        for timer in (self._deadline_timer, self._progress_timer, self._pause_timer):
            if timer is not None:
                timer.cancel()

    def expect(self, account: str, targets: int = 0) -> None:
        """More targets of this account are still to come, until `arrived` is called as often."""
        self._lines[account].expect(1, targets)

    def arrived(self, account: str, targets: int = 0) -> None:
        """All that was expected once is there."""
        self._lines[account].expect(-1, -targets)
        self.kick()

    def add(self, standings: Iterable[Standing]) -> None:
        """These may be begun."""
        fuller: dict[Lane, Line] = {}
        for standing in standings:
            if self.stopping is not None:
                self.ledger.give_up(standing, self.stopping)
                continue
            line = self._lines[standing.key[0]]
            lane = line.lane_of(standing)
            if lane.stopped:
                self.ledger.finish(standing, Status.NOT_ATTEMPTED, cause="same_cause")
                continue
            lane.waiting.append(standing)
            line.ready += 1
            fuller[lane] = line
        for lane, line in fuller.items():
            self._offer(line, lane)
        self.kick()

    def add_all(self, standings: Sequence[Standing]) -> None:
        """All that there is to act on, to be begun batch by batch where the rollout has any."""
        self.total = len(standings)
        if not self.rollout.has_batches:
            self.add(standings)
            return
        self.batch_sizes = self.rollout.sizes(len(standings))
        ordered = in_order(standings, lambda standing: standing.key[:2])
        for number, size in enumerate(self.batch_sizes):
            batch = [next(ordered) for _ in range(size)]
            for standing in batch:
                standing.batch = number
            self._batches.append(batch)
        self._next_batch()

    async def room(self, account: str, most: int) -> None:
        """Wait until fewer than so many targets of the account are on hand, or nothing new may be begun."""
        line = self._lines[account]
        while line.ready + line.coming >= most and self.stopping is None:
            line.room.clear()
            await line.room.wait()

    def go_on(self, standing: Standing) -> None:
        """A target's next step may be made."""
        self._lines[standing.key[0]].steps.append(standing)
        self.kick()

    def again(self, standing: Standing) -> None:
        """A target goes to the end of the queue."""
        if self.stopping is not None:
            self.ledger.give_up(standing, self.stopping)
        else:
            standing.idle = True
            self._lines[standing.key[0]].again.append(standing)
        self.kick()

    def put_back(self, standing: Standing) -> None:
        """It could not be begun after all."""
        standing.begun = False
        line = self._lines[standing.key[0]]
        line.unfinished -= 1
        if self.stopping is not None:
            self.ledger.give_up(standing, self.stopping)
            return
        lane = line.lane_of(standing)
        standing.idle = True
        lane.waiting.appendleft(standing)
        line.ready += 1
        self._offer(line, lane)

    def answered(self, standing: Standing) -> None:
        """A worker is done with it, for now or for good."""
        line = self._lines[standing.key[0]]
        lane = line.lane_of(standing)
        self.in_flight -= 1
        lane.in_flight -= 1
        if lane.steps:
            line.steps.appendleft(lane.steps.popleft())
        if not lane.entry:
            self._offer(line, lane)
        self.kick()

    # -- who is next --------------------------------------------------------------------------------------

    async def next(self, account: str) -> Standing | None:
        """The next target to act on; None when there will be none any more."""
        line = self._lines[account]
        if not line.workers and (standing := self._take(line)) is not None:
            return standing
        if self._is_over():
            return None
        turn: asyncio.Future[Standing | None] = asyncio.get_running_loop().create_future()
        line.workers.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (given := turn.result()) is not None:
                # Handed over in the very moment of the cancellation: nobody has begun it.
                self._return(given)
            raise

    def kick(self) -> None:
        """Something changed: hand out what may be begun now."""
        for line in self._lines.values():
            while line.workers:
                if line.workers[0].done():
                    line.workers.popleft()
                    continue
                standing = self._take(line)
                if standing is None:
                    break
                line.workers.popleft().set_result(standing)
        if self._is_over():
            for line in self._lines.values():
                for worker in line.workers:
                    if not worker.done():
                        worker.set_result(None)
                line.workers.clear()

    def _is_over(self) -> bool:
        return not self.ledger.open and not any(line.expected for line in self._lines.values())

    def _take(self, line: Line) -> Standing | None:
        if self.paused or (self.limit is not None and self.in_flight >= self.limit):
            return None
        standing = self._next_step(line)
        if standing is None and self.stopping is None:
            standing = self._begin(line)
            if standing is None and line.again and not self._is_full(line.lane_of(line.again[0])):
                standing = line.again.popleft()
        if standing is not None:
            standing.idle = False
            self.in_flight += 1
            line.lane_of(standing).in_flight += 1
        return standing

    def _next_step(self, line: Line) -> Standing | None:
        # What was begun is finished, whatever stops the rest.
        while line.steps:
            standing = line.steps.popleft()
            lane = line.lane_of(standing)
            if not self._is_full(lane):
                return standing
            lane.steps.append(standing)  # until `answered`: other services' steps do not wait for it
        return None

    def _begin(self, line: Line) -> Standing | None:
        if line.unfinished >= line.window:
            return None
        if self.window is not None and sum(each.unfinished for each in self._lines.values()) >= self.window:
            return None
        lane = self._next_lane(line)
        if lane is None:
            return None
        standing = lane.waiting[0]
        if self.availability is not None and not self.availability.reserve(standing.key):
            self._offer(line, lane)
            return None
        lane.waiting.popleft()
        line.ready -= 1
        line.room.set()
        self._turn += 1
        lane.last_turn = self._turn
        if self.rollout.per_service is None or lane.in_flight + 1 < self.rollout.per_service:
            self._offer(line, lane)
        standing.begun = True
        line.unfinished += 1
        return standing

    def _next_lane(self, line: Line) -> Lane | None:
        while line.heap:
            *_, entry, lane = heapq.heappop(line.heap)
            if entry != lane.entry:
                continue  # its count has changed since
            lane.entry = 0
            if lane.waiting and not self._is_full(lane):
                return lane
        return None

    def _offer(self, line: Line, lane: Lane) -> None:
        """Put a service in the heap, by how much it has left."""
        if not lane.waiting or self._is_full(lane):
            return
        self._entries += 1
        lane.entry = self._entries
        heapq.heappush(line.heap, (-len(lane.waiting), lane.last_turn, lane.place, lane.entry, lane))

    def _is_full(self, lane: Lane) -> bool:
        return self.rollout.per_service is not None and lane.in_flight >= self.rollout.per_service

    def _return(self, standing: Standing) -> None:
        self.in_flight -= 1
        line = self._lines[standing.key[0]]
        line.lane_of(standing).in_flight -= 1

    # -- what stops it ------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Hand out nothing."""
        if self.stopping is None:
            self.paused = True

    def unpause(self) -> None:
        """Hand out again."""
        if self.paused and self._progress_timer is not None:
            self._moved_at = asyncio.get_running_loop().time()
        self.paused = False
        self.kick()

    def stop(self, cause: str) -> None:
        """Begin nothing new; what was begun is finished. The first cause counts."""
        if self.stopping is None:
            self.stopping = cause
            self.paused = False
            self.stopped.set()
            for line in self._lines.values():
                line.room.set()
            self.kick()

    async def sweep(self) -> None:
        """Once stopped, give those their outcome that were not begun."""
        await self.stopped.wait()
        cause = self.stopping or "drained"
        left = [standing for standing in self.ledger.open.values() if standing.idle]
        for done, standing in enumerate(left):
            if standing.key in self.ledger.open:
                self.ledger.give_up(standing, cause)
            if done % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        for line in self._lines.values():
            line.again.clear()
        self.kick()

    def _watch_progress(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self.paused or (self._batches and not self._batch_left):  # by wish, of `pause` or `pause_between`
            self._moved_at = loop.time()
        left = self._moved_at + seconds - loop.time()
        if left <= 0:
            self.stop("no_progress")
        elif self.stopping is None:
            self._progress_timer = loop.call_later(left, self._watch_progress, seconds)

    # -- how it went --------------------------------------------------------------------------------------

    def _finished(self, standing: Standing, outcome: Outcome) -> None:
        if self.rollout.progress_deadline is not None:
            self._moved_at = asyncio.get_running_loop().time()
        if standing.begun:
            standing.begun = False
            self._lines[standing.key[0]].unfinished -= 1
        if self.availability is not None:
            self.availability.finished(outcome)
        bad = outcome.status in _BAD or (outcome.status is Status.NOT_ATTEMPTED and outcome.error is not None)
        if bad:
            self.failures += 1
        if (most := self.rollout.same_cause) is not None:
            self._judge_service(standing, outcome, most)
        if standing.batch is not None and standing.batch == self.batch:
            self._batch_left -= 1
            self.batch_failures += bad
        if bad and self.stopping is None:
            self._judge_run()
        if standing.batch is not None and not self._batch_left and self.stopping is None:
            self._end_batch()
        self.kick()

    def _judge_run(self) -> None:
        total = self.total if self.total is not None else len(self.ledger.targets)
        too_many = self.rollout.is_too_many(self.failures, total)
        if self.batch_sizes:
            size = self.batch_sizes[min(self.batch, len(self.batch_sizes) - 1)]
            too_many = too_many or self.rollout.is_too_many(self.batch_failures, size)
        if too_many:
            self.stop("max_failures")

    def _judge_service(self, standing: Standing, outcome: Outcome, most: int) -> None:
        if outcome.status is Status.NOT_ATTEMPTED:
            return
        lane = self._lines[standing.key[0]].lane_of(standing)
        refused = outcome.status is Status.FAILED and isinstance(outcome.error, _REFUSALS)
        if not refused or outcome.cause != lane.cause:
            lane.cause, lane.same = outcome.cause if refused else None, 0
        if refused:
            lane.same += 1
            if lane.same >= most and not lane.stopped:
                self._stop_service(standing, lane)

    def _stop_service(self, standing: Standing, lane: Lane) -> None:
        lane.stopped = True
        line = self._lines[standing.key[0]]
        line.ready -= len(lane.waiting)
        line.room.set()
        left, lane.waiting = lane.waiting, deque()
        # Those of later batches follow when their turn comes.
        for other in left:
            self.ledger.finish(other, Status.NOT_ATTEMPTED, cause="same_cause")

    def _end_batch(self) -> None:
        if self._batches:
            # Never at once: batches that need nothing would end one inside the other.
            pause = self.rollout.pause_between
            self._pause_timer = asyncio.get_running_loop().call_later(pause, self._next_batch)

    def _next_batch(self) -> None:
        if self._batches and self.stopping is None:
            batch = self._batches.popleft()
            self._moved_at = asyncio.get_running_loop().time()
            self.batch = batch[0].batch or 0
            self._batch_left, self.batch_failures = len(batch), 0
            self.add(batch)

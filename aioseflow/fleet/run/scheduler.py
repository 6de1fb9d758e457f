"""Who is next: which target of which service may be begun now, and when nothing new may be.

Workers ask `next` and are handed a target when there is one. Of an account's services the one with most
targets left comes first, ties in turn. Whatever may open the way (an answer, an outcome, a new list) calls
`kick`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf

import attrs

from ...errors import ApiError, GatewayError, PermissionDenied
from ..model.outcome import BAD, Outcome, Status
from ..model.target import TargetState
from ..plan.rollout import Rollout, in_order
from .availability import AvailabilityCounter
from .observer import RunObserver
from .queues import AccountQueue, ServiceQueue
from .state import RunState

_OUTCOMES_BEFORE_YIELD = 200
_ERRORS_OF_A_SERVICE = (
    ApiError,
    GatewayError,
    PermissionDenied,
)  # each VM of a service may fail for the same one


@attrs.define(eq=False)
class Scheduler(RunObserver):
    """Hands out the targets of one run, under its rollout."""

    run_state: RunState
    rollout: Rollout
    accounts: Sequence[str]
    window: int | None
    availability: AvailabilityCounter | None = None
    windows: Mapping[str, int] = attrs.Factory(dict)  # by account, where one must not fill that of all
    limit: int | None = None
    read_back: Callable[[TargetState], bool] = attrs.field(default=lambda state: False)
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
    _batches: deque[list[TargetState]] = attrs.field(factory=deque, init=False)
    _account_queues: dict[str, AccountQueue] = attrs.field(init=False)
    _last_turn: int = attrs.field(default=0, init=False)
    _last_heap_entry: int = attrs.field(default=0, init=False)
    _deadline_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _progress_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _pause_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _progress_at: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._account_queues = {
            account: AccountQueue(window=self.windows.get(account, inf)) for account in self.accounts
        }
        self.run_state.observers.add(self, is_ours=True)

    # -- what comes in ------------------------------------------------------------------------------------

    def start_timers(self) -> None:
        """The run begins now: its deadlines count from here."""
        loop = asyncio.get_running_loop()
        self._progress_at = loop.time()
        if self.rollout.deadline is not None:
            self._deadline_timer = loop.call_later(self.rollout.deadline, self.stop, "deadline")
        if self.rollout.progress_deadline is not None:
            self._watch_progress(self.rollout.progress_deadline)

    def cancel_timers(self) -> None:
        """Forget the timers."""
        for timer in (self._deadline_timer, self._progress_timer, self._pause_timer):
            if timer is not None:
                timer.cancel()

    def expect_targets(self, account: str, targets: int = 0) -> None:
        """More targets of this account are still to come, until `arrived` is called as often."""
        self._account_queues[account].change_expected(1, targets)

    def producer_finished(self, account: str, targets: int = 0) -> None:
        """All that was expected once is there."""
        self._account_queues[account].change_expected(-1, -targets)
        self.wake_workers()

    def enqueue(self, states: Iterable[TargetState]) -> None:
        """These may be begun."""
        fuller: dict[ServiceQueue, AccountQueue] = {}
        for state in states:
            if self.stopping is not None:
                self.run_state.decide(state, self.stopping)
                continue
            account_queue = self._account_queues[state.key[0]]
            queue = account_queue.queue_of(state)
            if queue.stopped:
                self.run_state.decide(state, "same_cause")
                continue
            queue.waiting.append(state)
            account_queue.ready += 1
            fuller[queue] = account_queue
        for queue, account_queue in fuller.items():
            self._push_queue(account_queue, queue)
        self.wake_workers()

    def enqueue_all(self, states: Sequence[TargetState]) -> None:
        """All that there is to act on, to be begun batch by batch where the rollout has any."""
        self.total = len(states)
        if not self.rollout.has_batches:
            self.enqueue(states)
            return
        self.batch_sizes = self.rollout.sizes(len(states))
        ordered = in_order(states, lambda state: state.key[:2])
        for number, size in enumerate(self.batch_sizes):
            batch = [next(ordered) for _ in range(size)]
            for state in batch:
                state.batch = number
            self._batches.append(batch)
        self._next_batch()

    async def wait_for_room(self, account: str, most: int) -> None:
        """Wait until fewer than so many targets of the account are on hand, or nothing new may be begun."""
        account_queue = self._account_queues[account]
        while account_queue.ready + account_queue.unwritten >= most and self.stopping is None:
            account_queue.has_room.clear()
            await account_queue.has_room.wait()

    def enqueue_next_step(self, state: TargetState) -> None:
        """A target's next step may be made."""
        self._account_queues[state.key[0]].steps.append(state)
        self.wake_workers()

    def requeue(self, state: TargetState) -> None:
        """A target goes to the end of the queue."""
        if self.stopping is not None:
            self._decide_idle(state, self.stopping)
        else:
            state.idle = True
            self._account_queues[state.key[0]].requeued.append(state)
        self.wake_workers()

    def return_to_queue(self, state: TargetState) -> None:
        """It could not be begun after all."""
        state.begun = False
        account_queue = self._account_queues[state.key[0]]
        account_queue.unfinished -= 1
        if self.stopping is not None:
            self.run_state.decide(state, self.stopping)
            return
        queue = account_queue.queue_of(state)
        state.idle = True
        queue.waiting.appendleft(state)
        account_queue.ready += 1
        self._push_queue(account_queue, queue)

    def release(self, state: TargetState) -> None:
        """A worker is done with it, for now or for good."""
        account_queue = self._account_queues[state.key[0]]
        queue = account_queue.queue_of(state)
        self.in_flight -= 1
        queue.in_flight -= 1
        if queue.steps:
            account_queue.steps.appendleft(queue.steps.popleft())
        if not queue.heap_entry:
            self._push_queue(account_queue, queue)
        self.wake_workers()

    # -- who is next --------------------------------------------------------------------------------------

    async def next_target(self, account: str) -> TargetState | None:
        """The next target to act on; None when there will be none any more."""
        account_queue = self._account_queues[account]
        if not account_queue.idle_workers and (state := self._pick(account_queue)) is not None:
            return state
        if self._is_over():
            return None
        turn: asyncio.Future[TargetState | None] = asyncio.get_running_loop().create_future()
        account_queue.idle_workers.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (given := turn.result()) is not None:
                # Handed over in the very moment of the cancellation: nobody has begun it.
                self._undo_pick(given)
            raise

    def wake_workers(self) -> None:
        """Something changed: hand out what may be begun now."""
        for account_queue in self._account_queues.values():
            while account_queue.idle_workers:
                if account_queue.idle_workers[0].done():
                    account_queue.idle_workers.popleft()
                    continue
                state = self._pick(account_queue)
                if state is None:
                    break
                account_queue.idle_workers.popleft().set_result(state)
        if self._is_over():
            for account_queue in self._account_queues.values():
                for worker in account_queue.idle_workers:
                    if not worker.done():
                        worker.set_result(None)
                account_queue.idle_workers.clear()

    def _is_over(self) -> bool:
        return not self.run_state.open and not any(
            account_queue.producers for account_queue in self._account_queues.values()
        )

    def _pick(self, account_queue: AccountQueue) -> TargetState | None:
        if self.paused or (self.limit is not None and self.in_flight >= self.limit):
            return None
        state = self._pick_next_step(account_queue)
        if state is None and self.stopping is None:
            state = self._pick_new(account_queue)
            if (
                state is None
                and account_queue.requeued
                and not self._is_full(account_queue.queue_of(account_queue.requeued[0]))
            ):
                state = account_queue.requeued.popleft()
        if state is not None:
            state.idle = False
            self.in_flight += 1
            account_queue.queue_of(state).in_flight += 1
        return state

    def _pick_next_step(self, account_queue: AccountQueue) -> TargetState | None:
        # What was begun is finished, whatever stops the rest.
        while account_queue.steps:
            state = account_queue.steps.popleft()
            queue = account_queue.queue_of(state)
            if not self._is_full(queue):
                return state
            queue.steps.append(state)  # until `answered`: other services' steps do not wait for it
        return None

    def _pick_new(self, account_queue: AccountQueue) -> TargetState | None:
        if account_queue.unfinished >= account_queue.window:
            return None
        if (
            self.window is not None
            and sum(each.unfinished for each in self._account_queues.values()) >= self.window
        ):
            return None
        queue = self._pop_queue(account_queue)
        if queue is None:
            return None
        state = queue.waiting[0]
        if self.availability is not None and not self.availability.reserve(state.key):
            self._push_queue(account_queue, queue)
            return None
        queue.waiting.popleft()
        account_queue.ready -= 1
        account_queue.has_room.set()
        self._last_turn += 1
        queue.last_turn = self._last_turn
        if self.rollout.per_service is None or queue.in_flight + 1 < self.rollout.per_service:
            self._push_queue(account_queue, queue)
        state.begun = True
        account_queue.unfinished += 1
        return state

    def _pop_queue(self, account_queue: AccountQueue) -> ServiceQueue | None:
        while account_queue.heap:
            *_, entry, queue = heapq.heappop(account_queue.heap)
            if entry != queue.heap_entry:
                continue  # its count has changed since
            queue.heap_entry = 0
            if queue.waiting and not self._is_full(queue):
                return queue
        return None

    def _push_queue(self, account_queue: AccountQueue, queue: ServiceQueue) -> None:
        """Put a service in the heap, by how much it has left."""
        if not queue.waiting or self._is_full(queue):
            return
        self._last_heap_entry += 1
        queue.heap_entry = self._last_heap_entry
        heapq.heappush(
            account_queue.heap, (-len(queue.waiting), queue.last_turn, queue.number, queue.heap_entry, queue)
        )

    def _is_full(self, queue: ServiceQueue) -> bool:
        return self.rollout.per_service is not None and queue.in_flight >= self.rollout.per_service

    def _undo_pick(self, state: TargetState) -> None:
        self.in_flight -= 1
        account_queue = self._account_queues[state.key[0]]
        account_queue.queue_of(state).in_flight -= 1

    # -- what stops it ------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Hand out nothing."""
        if self.stopping is None:
            self.paused = True

    def unpause(self) -> None:
        """Hand out again."""
        if self.paused and self._progress_timer is not None:
            self._progress_at = asyncio.get_running_loop().time()
        self.paused = False
        self.wake_workers()

    def stop(self, cause: str) -> None:
        """Begin nothing new; what was begun is finished. The first cause counts."""
        if self.stopping is None:
            self.stopping = cause
            self.paused = False
            self.stopped.set()
            for account_queue in self._account_queues.values():
                account_queue.has_room.set()
            self.wake_workers()

    async def give_up_idle(self) -> None:
        """Once stopped, give those their outcome that were not begun."""
        await self.stopped.wait()
        cause = self.stopping or "drained"
        left = [state for state in self.run_state.open.values() if state.idle]
        for done, state in enumerate(left):
            if state.key in self.run_state.open:
                self._decide_idle(state, cause)
            if done % _OUTCOMES_BEFORE_YIELD == _OUTCOMES_BEFORE_YIELD - 1:
                await asyncio.sleep(0)
        for account_queue in self._account_queues.values():
            account_queue.requeued.clear()
        self.wake_workers()

    def _decide_idle(self, state: TargetState, cause: str) -> None:
        # What may have been carried out was begun, and what was begun is finished.
        if not (state.answer_lost and self.read_back(state)):
            self.run_state.decide(state, cause)

    def _watch_progress(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self.paused or (self._batches and not self._batch_left):  # by wish, of `pause` or `pause_between`
            self._progress_at = loop.time()
        left = self._progress_at + seconds - loop.time()
        if left <= 0:
            self.stop("no_progress")
        elif self.stopping is None:
            self._progress_timer = loop.call_later(left, self._watch_progress, seconds)

    # -- how it went --------------------------------------------------------------------------------------

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """Count an outcome against the thresholds, and open the way for the next target."""
        if self.rollout.progress_deadline is not None:
            self._progress_at = asyncio.get_running_loop().time()
        if state.begun:
            state.begun = False
            self._account_queues[state.key[0]].unfinished -= 1
        if self.availability is not None:
            self.availability.note_outcome(outcome)
        bad = outcome.status in BAD or (outcome.status is Status.NOT_ATTEMPTED and outcome.error is not None)
        if bad:
            self.failures += 1
        if (most := self.rollout.same_cause) is not None:
            self._judge_service(state, outcome, most)
        if state.batch is not None and state.batch == self.batch:
            self._batch_left -= 1
            self.batch_failures += bad
        if bad and self.stopping is None:
            self._judge_run()
        if state.batch is not None and not self._batch_left and self.stopping is None:
            self._end_batch()
        self.wake_workers()

    def _judge_run(self) -> None:
        total = self.total if self.total is not None else len(self.run_state.targets)
        too_many = self.rollout.is_too_many(self.failures, total)
        if self.batch_sizes:
            size = self.batch_sizes[min(self.batch, len(self.batch_sizes) - 1)]
            too_many = too_many or self.rollout.is_too_many(self.batch_failures, size)
        if too_many:
            self.stop("max_failures")

    def _judge_service(self, state: TargetState, outcome: Outcome, most: int) -> None:
        if outcome.status is Status.NOT_ATTEMPTED:
            return
        queue = self._account_queues[state.key[0]].queue_of(state)
        refused = outcome.status is Status.FAILED and isinstance(outcome.error, _ERRORS_OF_A_SERVICE)
        if not refused or outcome.cause != queue.last_cause:
            queue.last_cause, queue.same_failures = outcome.cause if refused else None, 0
        if refused:
            queue.same_failures += 1
            if queue.same_failures >= most and not queue.stopped:
                self._stop_service(state, queue)

    def _stop_service(self, state: TargetState, queue: ServiceQueue) -> None:
        queue.stopped = True
        account_queue = self._account_queues[state.key[0]]
        account_queue.ready -= len(queue.waiting)
        account_queue.has_room.set()
        left, queue.waiting = queue.waiting, deque()
        # Those of later batches follow when their turn comes.
        for other in left:
            self.run_state.decide(other, "same_cause")

    def _end_batch(self) -> None:
        if self._batches:
            # Never at once: batches that need nothing would end one inside the other.
            pause = self.rollout.pause_between
            self._pause_timer = asyncio.get_running_loop().call_later(pause, self._next_batch)

    def _next_batch(self) -> None:
        if self._batches and self.stopping is None:
            batch = self._batches.popleft()
            self._progress_at = asyncio.get_running_loop().time()
            self.batch = batch[0].batch or 0
            self._batch_left, self.batch_failures = len(batch), 0
            self.enqueue(batch)

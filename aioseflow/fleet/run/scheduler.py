"""Order in which a run acts on its targets: which one is next, under which limits, and when no more begin.

Workers call `Scheduler.next_target`. Of the services of an account the one with most targets left is first,
ties in turn. Whatever may let another target begin (an answer, a list) calls `Scheduler.wake_workers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

import attrs

from ...policy import OUTCOMES_BEFORE_YIELD
from ..model.outcome import BAD, Outcome, Status
from .batches import Batches
from .observer import RunObserver
from .queues import AccountQueue, ServiceQueue
from .run_deadlines import RunDeadlines

if TYPE_CHECKING:
    from ..model.target import TargetState
    from ..plan.rollout import Rollout
    from .availability import AvailabilityCounter
    from .state import RunState


@attrs.define(eq=False)
class Scheduler(RunObserver):
    """Gives the targets of one run to workers, as its rollout allows.

    Attributes:
        accounts: names of the accounts.
        window: how many targets may be without an outcome after they have begun, None for no bound;
            ``windows`` the same by account, where one account must not use up the window of all.
        limit: how many targets may be in flight, None for as many as there are workers.
        read_back: reads a target with a lost answer back instead of giving it up; returns False where no
            reading can decide.
        paused: whether no target is given to workers until `unpause`.
        stopping: the cause for which nothing new begins any more, None while it does; sets ``stopped``.
        in_flight: targets that workers act on.
        failures: outcomes that count against the thresholds.
        total: number of targets, None until all are known.
    """

    run_state: RunState
    rollout: Rollout
    accounts: Sequence[str]
    window: int | None
    availability: AvailabilityCounter | None = None
    windows: Mapping[str, int] = attrs.Factory(dict)
    limit: int | None = None
    read_back: Callable[[TargetState], bool] = attrs.field(default=lambda state: False)
    paused: bool = False
    stopping: str | None = None
    in_flight: int = 0
    failures: int = 0
    total: int | None = None
    stopped: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    batches: Batches = attrs.field(factory=Batches, init=False)
    _deadlines: RunDeadlines = attrs.field(init=False)
    _batch_timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _account_queues: dict[str, AccountQueue] = attrs.field(init=False)
    _last_turn: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._deadlines = RunDeadlines(
            self.rollout.deadline,
            self.rollout.progress_deadline,
            self.stop,
            lambda: self.paused or self.batches.is_between,
        )
        self._account_queues = {
            account: AccountQueue.of(self.rollout, self.run_state, self.windows.get(account, inf))
            for account in self.accounts
        }
        self.run_state.observers.add(self, is_ours=True)

    def start_timers(self) -> None:
        """Start the timers of the rollout's deadlines, when the run begins."""
        self._deadlines.start()

    def cancel_timers(self) -> None:
        """Cancel all timers, when the run has ended."""
        self._deadlines.cancel()
        if self._batch_timer is not None:
            self._batch_timer.cancel()

    @property
    def is_window_full(self) -> bool:
        """Whether as many targets as allowed have begun and are not done."""
        queues = () if self.window is None else self._account_queues.values()
        return self.window is not None and sum(each.unfinished for each in queues) >= self.window

    def service_queues(self) -> Iterator[ServiceQueue]:
        """Yield the queue of every service."""
        for account_queue in self._account_queues.values():
            yield from account_queue.queues.values()

    # -- queueing -----------------------------------------------------------------------------------------

    def expect_targets(self, account: str, targets: int = 0) -> None:
        """Keep the workers of an account waiting until `producer_finished` was called as often.

        ``targets`` counts those that are known and that the journal has not stored yet.
        """
        self._account_queues[account].change_expected(1, targets)

    def producer_finished(self, account: str, targets: int = 0) -> None:
        """Undo one `expect_targets`: one producer of targets has finished."""
        self._account_queues[account].change_expected(-1, -targets)
        self.wake_workers()

    def enqueue(self, states: Iterable[TargetState]) -> None:
        """Put targets that have not begun into the queues of their services."""
        grown: dict[ServiceQueue, AccountQueue] = {}
        for state in states:
            if self.stopping is not None:
                self.run_state.decide(state, self.stopping)
                continue
            account_queue = self._account_queues[state.key[0]]
            queue = account_queue.queue_of(state)
            if (cause := account_queue.stopped or queue.stopped) is not None:
                self.run_state.decide(state, cause)
                continue
            queue.waiting.append(state)
            account_queue.ready += 1
            grown[queue] = account_queue
        for queue, account_queue in grown.items():
            account_queue.push(queue)
        self.wake_workers()

    def enqueue_all(self, states: Sequence[TargetState]) -> None:
        """Put all targets of the run into the queues, batch by batch where the rollout has batches."""
        self.total = len(states)
        if not self.rollout.has_batches:
            self.enqueue(states)
            return
        self.batches.split(states, self.rollout)
        self._start_batch()

    async def wait_for_room(self, account: str, most: int) -> None:
        """Wait until fewer than ``most`` targets of the account have not begun, or the run is stopped."""
        account_queue = self._account_queues[account]
        while account_queue.ready + account_queue.unwritten >= most and self.stopping is None:
            account_queue.has_room.clear()
            await account_queue.has_room.wait()

    def enqueue_next_step(self, state: TargetState) -> None:
        """Queue the next step of a target that has begun."""
        self._account_queues[state.key[0]].steps.append(state)
        self.wake_workers()

    def requeue(self, state: TargetState) -> None:
        """Put a target that has begun at the end of the queue: its step cannot be carried out now."""
        account_queue = self._account_queues[state.key[0]]
        if (cause := self.stopping or account_queue.stopped) is not None:
            self._decide_idle(state, cause)
        else:
            state.idle = True
            account_queue.requeued.append(state)
        self.wake_workers()

    def return_to_queue(self, state: TargetState) -> None:
        """Return a reserved target to its service queue: availability no longer allows it to begin."""
        self._leave_window(state)
        if self.stopping is not None:
            self.run_state.decide(state, self.stopping)
            return
        account_queue = self._account_queues[state.key[0]]
        queue = account_queue.queue_of(state)
        if queue.down_limit is not None:
            queue.down_limit.release(state.key)
        state.idle = True
        queue.waiting.appendleft(state)
        account_queue.ready += 1
        account_queue.push(queue)

    def give_place(self, state: TargetState) -> None:
        """Let another target begin in the window in place of one that has begun."""
        if state.begun:
            self._leave_window(state)
            self.wake_workers()

    def _leave_window(self, state: TargetState) -> None:
        state.begun = False
        self._account_queues[state.key[0]].unfinished -= 1

    def release(self, state: TargetState) -> None:
        """Free the place in flight of a target that a worker has finished with, for now or for good."""
        account_queue = self._account_queues[state.key[0]]
        queue = account_queue.queue_of(state)
        self.in_flight -= 1
        queue.in_flight -= 1
        if queue.steps:
            account_queue.steps.appendleft(queue.steps.popleft())
        if not queue.heap_entry:
            account_queue.push(queue)
        self.wake_workers()

    # -- the next target ----------------------------------------------------------------------------------

    async def next_target(self, account: str) -> TargetState | None:
        """Wait for the next target that a worker may act on; return None when no more will come."""
        account_queue = self._account_queues[account]
        if not account_queue.idle_workers and (state := self._pick(account_queue)) is not None:
            return state
        if self._has_ended():
            return None
        turn: asyncio.Future[TargetState | None] = asyncio.get_running_loop().create_future()
        account_queue.idle_workers.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (given := turn.result()) is not None:
                # The worker was cancelled in the moment in which it got the target, so it did nothing.
                self.in_flight -= 1
                account_queue.queue_of(given).in_flight -= 1
            raise

    def wake_workers(self) -> None:
        """Give idle workers the targets that may be acted on now."""
        for account_queue in self._account_queues.values():
            while account_queue.idle_workers:
                if account_queue.idle_workers[0].done():
                    account_queue.idle_workers.popleft()
                    continue
                state = self._pick(account_queue)
                if state is None:
                    break
                account_queue.idle_workers.popleft().set_result(state)
        if self._has_ended():
            for account_queue in self._account_queues.values():
                for worker in account_queue.idle_workers:
                    if not worker.done():
                        worker.set_result(None)
                account_queue.idle_workers.clear()

    def _has_ended(self) -> bool:
        return not self.run_state.open and not any(
            account_queue.producers for account_queue in self._account_queues.values()
        )

    def _pick(self, account_queue: AccountQueue) -> TargetState | None:
        if self.paused or (self.limit is not None and self.in_flight >= self.limit):
            return None
        state = self._pick_next_step(account_queue)
        if state is None and self.stopping is None:
            state = self._pick_new(account_queue)
            if state is None and account_queue.requeued:
                state = account_queue.pop_requeued(self.availability)
        if state is not None:
            state.idle = False
            self.in_flight += 1
            account_queue.queue_of(state).in_flight += 1
        return state

    def _pick_next_step(self, account_queue: AccountQueue) -> TargetState | None:
        # A sequence that has begun is finished, whatever stops the rest.
        while account_queue.steps:
            state = account_queue.steps.popleft()
            queue = account_queue.queue_of(state)
            if not queue.is_full:
                return state
            queue.steps.append(state)  # until `release`: steps of other services do not wait for it
        return None

    def _pick_new(self, account_queue: AccountQueue) -> TargetState | None:
        if account_queue.unfinished >= account_queue.window or self.is_window_full:
            return None
        queue = account_queue.pop()
        if queue is None:
            return None
        state = queue.waiting[0]
        if self.availability is not None and not self.availability.reserve(state.key):
            account_queue.push(queue)
            found = account_queue.first_of(self.availability.down, self.run_state.open)
            if found is None or not self.availability.reserve(found.key):
                return None
            state, queue = found, account_queue.queue_of(found)
        queue.waiting.remove(state)  # mostly the first
        account_queue.ready -= 1
        account_queue.has_room.set()
        self._last_turn += 1
        queue.last_turn = self._last_turn
        if queue.down_limit is not None:
            queue.down_limit.begin(state.key)
        if queue.in_flight + 1 < queue.most_in_flight:
            account_queue.push(queue)
        state.begun = True
        account_queue.unfinished += 1
        return state

    # -- stopping -----------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Give no target to workers until `unpause`; does nothing once the run is stopped."""
        if self.stopping is None:
            self.paused = True

    def unpause(self) -> None:
        """Give targets to workers again."""
        if self.paused:
            self._deadlines.note_progress()
        self.paused = False
        self.wake_workers()

    def stop(self, cause: str) -> None:
        """Let no new target begin; those that have begun are finished. Only the first cause counts."""
        if self.stopping is None:
            self.stopping = cause
            self.paused = False
            self.stopped.set()
            for account_queue in self._account_queues.values():
                account_queue.has_room.set()
            self.wake_workers()

    def stop_account(self, account: str, cause: str) -> None:
        """Let no new target of an account begin. Only the first cause counts."""
        account_queue = self._account_queues[account]
        if account_queue.stopped is None:
            waiting, requeued = account_queue.close(cause)
            for state in waiting:
                self.run_state.decide(state, cause)
            for state in requeued:
                self._decide_idle(state, cause)
            self.wake_workers()

    async def give_up_idle(self) -> None:
        """Wait until the run is stopped, then decide the targets that no worker acts on."""
        await self.stopped.wait()
        cause = self.stopping or "drained"
        left = [state for state in self.run_state.open.values() if state.idle]
        for done, state in enumerate(left, 1):
            if state.key in self.run_state.open:
                self._decide_idle(state, cause)
            if done % OUTCOMES_BEFORE_YIELD == 0:
                await asyncio.sleep(0)
        for account_queue in self._account_queues.values():
            account_queue.requeued.clear()
        self.wake_workers()

    def _decide_idle(self, state: TargetState, cause: str) -> None:
        # A request that may have been carried out has begun, and what has begun is finished.
        if not (state.answer_lost and self.read_back(state)):
            self.run_state.decide(state, cause)

    # -- thresholds ---------------------------------------------------------------------------------------

    def settling(self, state: TargetState) -> None:
        """Note that the panel accepted a step, for the count of refusals."""
        queue = self._account_queues[state.key[0]].queue_of(state)
        if queue.same_cause is not None and not state.answer_lost:
            queue.same_cause.accept(state.key)

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """Count an outcome against the thresholds, and let the next target begin."""
        if self.rollout.progress_deadline is not None:
            self._deadlines.note_progress()
        if state.begun:
            self._leave_window(state)
        if self.availability is not None:
            self.availability.note_outcome(outcome)
        bad = outcome.status in BAD or (outcome.status is Status.NOT_ATTEMPTED and outcome.error is not None)
        if bad:
            self.failures += 1
        if self.rollout.same_cause is not None or self.rollout.max_down_per_service is not None:
            account_queue = self._account_queues[state.key[0]]
            queue = account_queue.queue_of(state)
            if (cause := queue.note_outcome(state, outcome)) is not None:
                # Targets of later batches are decided when their batch begins.
                for other in account_queue.close_service(queue, cause):
                    self.run_state.decide(other, cause)
            elif queue.down_limit is not None and not queue.heap_entry:
                account_queue.push(queue)
        if state.batch is not None:
            self.batches.count(state, is_bad=bad)
        if bad and self.stopping is None:
            self._stop_if_too_many_failed()
        if state.batch is not None and self.batches.is_between and self.stopping is None:
            # Through the loop also without a pause: batches that need nothing would end one inside the other.
            loop, pause = asyncio.get_running_loop(), self.rollout.pause_between
            self._batch_timer = loop.call_later(pause, self._start_batch)
        self.wake_workers()

    def _start_batch(self) -> None:
        if self.batches.has_more and self.stopping is None:
            self._deadlines.note_progress()
            self.enqueue(self.batches.start_next())

    def _stop_if_too_many_failed(self) -> None:
        total = self.total if self.total is not None else len(self.run_state.targets)
        too_many = self.rollout.is_too_many(self.failures, total)
        if self.batches.sizes:
            too_many = too_many or self.rollout.is_too_many(self.batches.failures, self.batches.size)
        if too_many:
            self.stop("max_failures")

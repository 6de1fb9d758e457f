"""Workers of one account in one run.

A few workers pull targets from the scheduler, so that a fleet never needs a task for each VM.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from ...callables import is_of_run
from ...errors import SeFlowError
from ...models import Vm
from ...policy import MAX_POSTPONEMENTS, WORKER_PAUSE_MAX_SECONDS, SettlePolicy
from ...safety import Safety
from ...send_guard import guard_sending
from ..actions.action import Effect, Skip
from ..actions.method_calls import done_check, done_or_undecided, look_check
from ..actions.steps import skip_of_step
from ..journal import JournalError, LeaseLost
from ..model.outcome import ActionRaised, Status
from ..model.raised import action_raised, refuse_awaitable
from ..model.target import Stage, Target, TargetState
from ..model.vm_state import held
from .health import HealthWatcher
from .outage import PanelOutage
from .settle import SERVES, DoneCheck, Settled, SettlePoller
from .verdict import UNREACHABLE, Reading

if TYPE_CHECKING:
    from ..actions.action import Action
    from ..actions.declaration import Declaration
    from ..discovery.vm_list import VmList
    from ..model.clock import PanelClock
    from ..model.fleet_account import FleetAccount, SentCall
    from .availability import AvailabilityCounter
    from .producer import TargetProducer
    from .scheduler import Scheduler
    from .state import RunState


@attrs.define(eq=False)
class WorkerPool:
    """The workers of one account, and what follows their requests: reading back and health checks.

    Attributes:
        policy: how VMs are read back, None where the run does not wait for it.
        settled_in: by action, the seconds after which VMs were seen done.
        waited: seconds that requests waited before they were repeated.
    """

    account: FleetAccount
    policy: SettlePolicy | None
    run_state: RunState
    scheduler: Scheduler
    producer: TargetProducer
    availability: AvailabilityCounter | None = None
    settled_in: dict[str, list[float]] = attrs.field(factory=dict, init=False)
    waited: float = attrs.field(default=0.0, init=False)
    panel_clock: PanelClock = attrs.field(init=False)
    outage: PanelOutage = attrs.field(init=False)
    _settle_policy: SettlePolicy = attrs.field(init=False)
    _poller: SettlePoller | None = attrs.field(default=None, init=False)
    _tasks: asyncio.TaskGroup | None = attrs.field(default=None, init=False)
    _progress_at: float | None = attrs.field(default=None, init=False)
    _postponed: int = attrs.field(default=0, init=False)
    _health: HealthWatcher | None = attrs.field(default=None, init=False)
    _done_checks: list[DoneCheck] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.panel_clock = self.producer.discovery.panel_clock
        self.outage = PanelOutage(self.account, self.scheduler.stopped)
        self._settle_policy = self.policy or SettlePolicy()
        if (check := self.scheduler.rollout.healthy) is not None:
            self._health = HealthWatcher(check, self._settle_policy, self.account.concurrency)
        self._done_checks = [
            DoneCheck(done_check(action), look_check(action, self.account)) if action.settles else SERVES
            for action in self.run_state.steps
        ]

    # -- requests -----------------------------------------------------------------------------------------

    def start_workers(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the workers; each ends when the scheduler has no more targets for it."""
        self._tasks = tasks
        give = self.scheduler.give_place
        self._poller = SettlePoller(
            self.account, self._settle_policy, self._settled, self._note_list, tasks, give
        )
        workers = self.account.concurrency
        if self.run_state.recorder.keeps:
            # Some wait until their intent is durable while the others have requests in flight.
            workers += (workers + 1) // 2
        return [tasks.create_task(self._run_worker()) for _ in range(workers)]

    async def _run_worker(self) -> None:
        if self.run_state.recorder.keeps:
            guard_sending(self.run_state.recorder.require_lease)
        while (state := await self.scheduler.next_target(self.account.name)) is not None:
            try:
                await self._perform_step(state)
            finally:
                self.scheduler.release(state)

    async def _perform_step(self, state: TargetState) -> None:
        run_state = self.run_state
        if self.outage.is_away and not await self._wait_for_panel(state):
            return
        action, step, target = run_state.steps[state.step], run_state.declared[state.step], state.target
        if self.availability is not None and not await self._may_take_down(state):
            return
        if state.answer_lost and step.settles and await self._is_found_done(state, action):
            self.watch(state)
            return
        if state.is_doubted or len(run_state.steps) > 1:
            if (skip := await self._skip_of_step(state, action, step)) is not None:
                self._apply_skip(state, skip)
                return
            target = state.target
        changes = step.safety is not Safety.READ
        run_state.begin(state)
        error: SeFlowError | None = None
        value = None
        with self.account.capture() as exchanges:
            try:
                if changes:
                    if step.safety is Safety.ONCE:
                        # Only a request that must not be repeated is ever judged by an uptime.
                        state.sent_panel_at = self.panel_clock.now()
                    await run_state.recorder.intend(state)
                    if self.scheduler.stopping is not None and not (state.requests or state.step):
                        # The run was stopped while the intent was made durable, and nothing was sent.
                        run_state.decide(state, self.scheduler.stopping)
                        return
                    state.stage = Stage.SENT
                value = await action.perform(self.account, target.service, target.vm)
                if hasattr(value, "__await__"):
                    refuse_awaitable("perform()", value)
            except JournalError as broken:
                # The intent is not durable, or the run was taken over: nothing more is sent.
                self.producer.fail(broken)
                self._note_what_left(state, exchanges, changes=changes)
                run_state.decide(state, broken.cause)
                return
            except SeFlowError as reason:
                # The frames would take more memory than everything else that is kept of a VM.
                error = reason.with_traceback(None)
            except BaseException as reason:
                if is_of_run(reason):
                    self._note_what_left(state, exchanges, changes=changes)
                    run_state.decide(state, self._cause_of_cancellation)
                    raise
                is_sent = step.safety is Safety.ONCE and _changing(exchanges)
                error = action_raised("perform()", reason, may_have_acted=is_sent)
        run_state.answered(state, _sent(exchanges), error, changes=changes)
        if (task := asyncio.current_task()) is not None and task.cancelling():
            # The action kept the cancellation of the run to itself.
            run_state.decide(state, self._cause_of_cancellation)
            raise asyncio.CancelledError
        if step.safety is Safety.ONCE:
            self.panel_clock.note(exchanges)
        for exchange in exchanges:
            self.waited += sum(exchange.waits)
        if error is not None and (
            self._may_try_later(state, error) or await self._was_lost_in_outage(state, step, error)
        ):
            await self._postpone(state)
            return
        self._progress_at = asyncio.get_running_loop().time()
        self._postponed = 0
        if error is not None and (isinstance(error, ActionRaised) or not state.answer_lost):
            run_state.decide(state)
        elif isinstance(value, Skip):
            self._apply_skip(state, value)
        elif not changes and not step.settles:
            run_state.decide(state, value=value)
        else:
            self._read_back(state, step)

    @property
    def _cause_of_cancellation(self) -> str:
        return LeaseLost.cause if self.run_state.recorder.lease_is_lost else "cancelled"

    @staticmethod
    def _note_what_left(state: TargetState, exchanges: Sequence[SentCall], *, changes: bool) -> None:
        """Note what was sent for a target whose step was broken off."""
        state.requests += _sent(exchanges)
        if not (state.answer_lost or (changes and _changing(exchanges))):
            # Nothing left, or it was refused for now.
            state.stage = Stage.QUEUED

    async def _skip_of_step(self, state: TargetState, action: Action, step: Declaration) -> Skip | None:
        """Return why a VM does not need a step, or must not get it.

        The VM is read by itself before a step is left out, because its list may be older than a change that
        this run, an earlier run or another program made. Where it cannot be read, only a step that must not
        be repeated is left out.
        """
        state.is_doubted = False
        skip = skip_of_step(action, state.target.vm)
        if skip is None or state.answer_lost:
            # What may have been done already is not found needless: it is sent again, or read back.
            return None
        if (vm := await self._read_vm(state)) is None:
            return skip if step.safety is Safety.ONCE else None
        return skip_of_step(action, vm)

    async def _is_found_done(self, state: TargetState, action: Action) -> bool:
        """Whether a step whose answer was lost is seen done, or under way, before it is sent again."""
        vm = None if self.policy is None else await self._read_vm(state)
        return vm is not None and bool(done_or_undecided(action, vm) or held(vm) is not None)

    async def _read_vm(self, state: TargetState) -> Vm | None:
        """Read a VM by itself; None where it cannot be read."""
        target = state.target
        try:
            vm = await self.account.polls.get(target.service.id, target.vm.id)
        except SeFlowError:
            return None
        except asyncio.CancelledError:
            self.run_state.decide(state, self._cause_of_cancellation)
            raise
        state.target = Target(target.account, target.service, vm)
        return vm

    def _apply_skip(self, state: TargetState, skip: Skip) -> None:
        """Start the next step after one that was not needed; decide the target where there is none."""
        state.stage = Stage.QUEUED
        if skip.status is Status.UNCHANGED and state.step < len(self.run_state.steps) - 1:
            self._start_next_step(state)
        elif skip.status is Status.UNCHANGED and state.changed_before:
            self._step_done(state, reading=Reading.DONE)
        else:
            self.run_state.skip(state, skip)

    async def _may_take_down(self, state: TargetState) -> bool:
        """Whether a VM may go down now, by a fresh list; VMs may have gone down by themselves.

        Otherwise the target is back in a queue, or decided.
        """
        is_begun = state.step > 0
        takes_down = self.run_state.declared[state.step].effect.takes_down
        if self.availability is None or state.postponed or (is_begun and not takes_down):
            return True
        try:
            await self.availability.refresh(
                self.account, state.target.service.id, max_age=self._settle_policy.first_poll
            )
        except asyncio.CancelledError:
            self.run_state.decide(state, self._cause_of_cancellation)
            raise
        self.scheduler.wake_workers()
        is_halted = self.scheduler.paused or self.scheduler.stopping is not None
        if self.availability.confirm(state.key) and (is_begun or not is_halted):
            return True
        if is_begun:
            self.scheduler.requeue(state)
        else:
            self.scheduler.return_to_queue(state)
        return False

    def _note_list(self, service_id: str, listed: VmList) -> None:
        if self.availability is not None:
            self.availability.note_list(self.account.name, service_id, listed)
            self.scheduler.wake_workers()

    async def _wait_for_panel(self, state: TargetState) -> bool:
        """Wait until the panel answers. Otherwise the target, and all that wait, are decided."""
        try:
            if self._tasks is None or await self.outage.wait(state.key[1], self._tasks):
                return True
        except asyncio.CancelledError:
            self.run_state.decide(state, self._cause_of_cancellation)
            raise
        if self.scheduler.stopping is None:
            self.scheduler.stop_account(self.account.name, UNREACHABLE)
        self.run_state.decide(state, self.scheduler.stopping or UNREACHABLE)
        return False

    async def _was_lost_in_outage(self, state: TargetState, step: Declaration, error: SeFlowError) -> bool:
        """Whether the panel is away as a whole, so that a step that may be repeated waits for it."""
        if step.safety is Safety.ONCE or state.postponed >= MAX_POSTPONEMENTS:
            return False
        try:
            return await self.outage.explains(error, state.key[1])
        except asyncio.CancelledError:
            self.run_state.decide(state, self._cause_of_cancellation)
            raise

    def _may_try_later(self, state: TargetState, error: SeFlowError) -> bool:
        """Whether a target may go back to the queue once more while the panel is in trouble."""
        if error.never_left and self.outage.is_away:
            # The next try waits until the panel answers, for as long as a run waits for that.
            return True
        if state.postponed >= MAX_POSTPONEMENTS:
            return False
        if not (error.retry_budget_empty or error.never_left):
            return False
        now = asyncio.get_running_loop().time()
        if self._progress_at is None:
            self._progress_at = now
        return now - self._progress_at < self._settle_policy.patience

    async def _postpone(self, state: TargetState) -> None:
        """Put a target at the end of the queue, and pause before this worker takes the next one."""
        self.run_state.postpone(state)
        self.scheduler.requeue(state)
        self._postponed += 1
        pause = min(
            WORKER_PAUSE_MAX_SECONDS, 0.5 * 2.0 ** min(10, self._postponed // self.account.concurrency)
        )
        # Random, so that workers that failed together do not send together.
        await asyncio.sleep(pause * (0.5 + 0.5 * random.random()))  # noqa: S311 - not a secret

    # -- reading back -------------------------------------------------------------------------------------

    def _read_back(self, state: TargetState, step: Declaration) -> None:
        """Read a step back that was accepted, or whose answer was lost, where a reading can decide."""
        is_last = state.step == len(self.run_state.steps) - 1
        if step.settles and (self.policy is not None or not is_last):
            self.watch(state)
        elif state.answer_lost:
            self.run_state.decide(state)
        elif step.effect is Effect.BOUNCE and (self.scheduler.rollout.waits_for_return or not is_last):
            self.watch(state)
        else:
            self._step_done(state, reading=None)

    def oldest_settling(self) -> Iterator[tuple[float, str]]:
        """Yield the VM of each service that has been read back longest: since when, and its name."""
        return iter(()) if self._poller is None else self._poller.oldest()

    def watch(self, state: TargetState) -> None:
        """Read a target back until it is seen done, or the patience ends. The workers must have started."""
        self.run_state.settle(state)
        if self._poller is None:
            raise RuntimeError("a target cannot be read back before start_workers()")
        self._poller.watch(state, self._done_checks[state.step])

    def _settled(self, state: TargetState, settled: Settled) -> None:
        step = self.run_state.declared[state.step]
        if settled.vm is not None:
            state.target = Target(state.target.account, state.target.service, settled.vm)
        if settled.reading is not Reading.DONE:
            self.run_state.decide(state, reading=settled.reading, unread=settled.error)
            return
        if not state.answer_lost:
            self.settled_in.setdefault(step.name, []).append(settled.seconds)
        self._step_done(state, reading=Reading.DONE if step.settles else Reading.SERVES)

    def _step_done(self, state: TargetState, *, reading: Reading | None) -> None:
        """Follow a step that counts as done: start the next one or the health check, or decide the target."""
        if state.step < len(self.run_state.steps) - 1:
            state.changed_before = True
            state.verified = state.verified and reading is Reading.DONE
            self._start_next_step(state)
        elif (
            (health := self._health) is not None
            and self.run_state.declared[state.step].safety is not Safety.READ
            and self._tasks is not None
        ):
            self.run_state.settle(state)
            self._tasks.create_task(self._await_health(state, health, reading))
        else:
            self.run_state.decide(state, reading=reading)

    def _start_next_step(self, state: TargetState) -> None:
        self.run_state.advance(state)
        self.scheduler.enqueue_next_step(state)

    async def _await_health(self, state: TargetState, health: HealthWatcher, reading: Reading | None) -> None:
        """Wait until a VM is healthy, then decide its target."""
        healthy = await health.wait(state)
        if healthy is True:
            self.run_state.decide(state, reading=reading)
        else:
            self.run_state.decide(state, reading=Reading.UNHEALTHY, unread=healthy or None)


def _sent(exchanges: Sequence[SentCall]) -> int:
    sent = 0
    for exchange in exchanges:  # mostly one, for which a generator costs more than this loop
        sent += exchange.sent
    return sent


def _changing(exchanges: Sequence[SentCall]) -> bool:
    """Whether a request that changes something may have left and was not certainly refused."""
    return any(
        exchange.sent > exchange.refused and not exchange.request.startswith("GET ") for exchange in exchanges
    )

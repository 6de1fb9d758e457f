"""The workers of one account in one run: they pull targets, so that a fleet is never a task for each VM."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import attrs

from ...errors import SeFlowError
from ...models import PowerState, Service, Vm
from ...policy import MAX_POSTPONEMENTS, WORKER_PAUSE_MAX_SECONDS, SettlePolicy
from ...safety import Safety
from ..actions.action import Action, Skip
from ..discovery.vm_list import VmList, read_vms
from ..journal import JournalError
from ..model.outcome import Status
from ..model.target import Stage, Target, TargetState
from .settle import DoneCheck, Settled, SettlePoller
from .verdict import Reading

if TYPE_CHECKING:
    from ..model.clock import PanelClock
    from ..model.fleet_account import FleetAccount, SentCall
    from .availability import AvailabilityCounter
    from .producer import TargetProducer
    from .scheduler import Scheduler
    from .state import RunState


@attrs.define(eq=False)
class WorkerPool:
    """Acts and settles for one account."""

    account: FleetAccount
    policy: SettlePolicy | None
    run_state: RunState
    scheduler: Scheduler
    producer: TargetProducer
    availability: AvailabilityCounter | None = None
    settled_in: dict[str, list[float]] = attrs.field(factory=dict, init=False)
    waited: float = attrs.field(default=0.0, init=False)
    panel_clock: PanelClock = attrs.field(init=False)
    waits_for_return: bool = attrs.field(init=False)
    """Whether it matters that a VM serves again, although that proves nothing else."""
    _poller: SettlePoller | None = attrs.field(default=None, init=False)
    _tasks: asyncio.TaskGroup | None = attrs.field(default=None, init=False)
    _progress_at: float | None = attrs.field(default=None, init=False)
    _postponed: int = attrs.field(default=0, init=False)
    _checks: asyncio.Semaphore = attrs.field(init=False)
    _checks_of_steps: list[DoneCheck] = attrs.field(init=False)
    _settles: list[bool] = attrs.field(init=False)

    @waits_for_return.default
    def _has_to_serve(self) -> bool:
        return self.scheduler.rollout.waits_for_return

    def __attrs_post_init__(self) -> None:
        self.panel_clock = self.producer.discovery.panel_clock
        self._checks = asyncio.Semaphore(max(1, self.account.concurrency))
        # Asked for once: an action may compute what it declares.
        self._settles = [action.settles for action in self.run_state.steps]
        self._checks_of_steps = [self._check_of(action) for action in self.run_state.steps]

    # -- work ---------------------------------------------------------------------------------------------

    def start_workers(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the workers; they end when there is nothing left to do."""
        self._tasks = tasks
        policy = self.policy or SettlePolicy()
        self._poller = SettlePoller(self.account, policy, self._settled, self._note_list, tasks)
        workers = self.account.concurrency
        if self.run_state.recorder.keeps:
            # Some wait for their intent to be durable, while as many as may be are in flight.
            workers += (workers + 1) // 2
        return [tasks.create_task(self._run_worker()) for _ in range(workers)]

    async def _run_worker(self) -> None:
        while (state := await self.scheduler.next_target(self.account.name)) is not None:
            try:
                await self._perform_step(state)
            finally:
                self.scheduler.release(state)

    async def _perform_step(self, state: TargetState) -> None:
        run_state = self.run_state
        action, target = run_state.steps[state.step], state.target
        if self.availability is not None and not await self._may_take_down(state):
            return
        if state.is_doubted:
            target = await self._read_once_more(state)
        is_to_be_checked = state.is_doubted or len(run_state.steps) > 1
        state.is_doubted = False
        if is_to_be_checked and (skip := action.skip(target.vm)) is not None:
            self._apply_skip(state, skip)
            return
        changes = action.safety is not Safety.READ
        run_state.begin(state)
        error: SeFlowError | None = None
        value = None
        with self.account.capture() as exchanges:
            try:
                if changes:
                    if action.safety is Safety.ONCE:
                        # Only what must not be repeated is ever judged by an uptime.
                        state.sent_panel_at = self.panel_clock.now()
                    await run_state.recorder.intend(state)
                    if self.scheduler.stopping is not None and not (state.requests or state.step):
                        # It may have been stopped while the intent was made durable: nothing new is begun.
                        run_state.decide(state, self.scheduler.stopping)
                        return
                    state.stage = Stage.SENT
                value = await action.perform(self.account, target.service, target.vm)
            except JournalError as broken:
                # The intent is not durable, so nothing was sent and nothing more will be.
                self.producer.fail(broken)
                run_state.decide(state, "journal_failed")
                return
            except SeFlowError as reason:
                # Its frames would cost more memory than all else that is kept of a VM.
                error = reason.with_traceback(None)
            except asyncio.CancelledError:
                state.requests += _sent(exchanges)
                if not (state.answer_lost or (changes and _changing(exchanges))):
                    # Nothing left, or it was refused for now.
                    state.stage = Stage.QUEUED
                run_state.decide(state, "cancelled")
                raise
        run_state.answered(state, _sent(exchanges), error, changes=changes)
        if action.safety is Safety.ONCE:
            self.panel_clock.note(exchanges)
        for exchange in exchanges:
            self.waited += sum(exchange.waits)
        if error is not None and error.retry_budget_empty and self._has_patience(state):
            await self._postpone(state)
            return
        self._progress_at = asyncio.get_running_loop().time()
        self._postponed = 0
        if error is not None and not state.answer_lost:
            run_state.decide(state)
        elif isinstance(value, Skip):
            self._apply_skip(state, value)
        elif not changes and not self._settles[state.step]:
            run_state.decide(state, value=value)
        else:
            self._read_back(state, action)

    async def _read_once_more(self, state: TargetState) -> Target:
        """Read a VM by itself, because its list may be an old one; if that fails, keep what was listed."""
        target = state.target
        try:
            vm = await self.account.polls.get(target.service.id, target.vm.id)
        except SeFlowError:
            return target
        except asyncio.CancelledError:
            self.run_state.decide(state, "cancelled")
            raise
        state.target = Target(target.account, target.service, vm)
        return state.target

    def _apply_skip(self, state: TargetState, skip: Skip) -> None:
        """Go on after a step that turned out to be needless, or end where it is impossible."""
        state.stage = Stage.QUEUED
        if skip.status is Status.UNCHANGED and state.step < len(self.run_state.steps) - 1:
            self._start_next_step(state)
        elif skip.status is Status.UNCHANGED and state.changed_before:
            self._step_done(state, reading=Reading.DONE)
        else:
            self.run_state.skip(state, skip)

    async def _may_take_down(self, state: TargetState) -> bool:
        """Look once more, shortly before: machines may have gone down by themselves since the last list."""
        if self.availability is None or state.step or state.postponed:
            return True
        name, service_id = state.target.account, state.target.service.id
        now = asyncio.get_running_loop().time()
        if (
            self.availability.seconds_since_list(name, service_id, now)
            > (self.policy or SettlePolicy()).first_poll
        ):
            try:
                self._note_list(service_id, await read_vms(self.account, self.account.polls, service_id))
            except SeFlowError:
                # What cannot be read now is as it was read last.
                pass
            except asyncio.CancelledError:
                self.run_state.decide(state, "cancelled")
                raise
        held_up = self.scheduler.paused or self.scheduler.stopping is not None
        if self.availability.confirm(state.key) and not held_up:
            return True
        self.scheduler.return_to_queue(state)
        return False

    def _note_list(self, service_id: str, listed: VmList) -> None:
        if self.availability is not None:
            self.availability.read(self.account.name, service_id, listed)
            self.scheduler.wake_workers()

    def _has_patience(self, state: TargetState) -> bool:
        """Whether a target may still go back into the queue while the panel is in trouble."""
        if state.postponed >= MAX_POSTPONEMENTS:
            return False
        now = asyncio.get_running_loop().time()
        if self._progress_at is None:
            self._progress_at = now
        return now - self._progress_at < (self.policy or SettlePolicy()).patience

    async def _postpone(self, state: TargetState) -> None:
        """Back to the end of the queue, and a pause before this worker takes the next."""
        self.run_state.postpone(state)
        self.scheduler.requeue(state)
        self._postponed += 1
        pause = min(
            WORKER_PAUSE_MAX_SECONDS, 0.5 * 2.0 ** min(10, self._postponed // self.account.concurrency)
        )
        # Workers that failed together do not come back together.
        await asyncio.sleep(pause * (0.5 + 0.5 * random.random()))  # noqa: S311 - not a secret

    # -- reading back -------------------------------------------------------------------------------------

    def _read_back(self, state: TargetState, action: Action) -> None:
        """Read a step back that was accepted, or whose answer was lost, where a reading can tell."""
        is_last = state.step == len(self.run_state.steps) - 1
        if self._settles[state.step] and (self.policy is not None or not is_last):
            self.watch(state)
        elif state.answer_lost:
            self.run_state.decide(state)
        elif (self.waits_for_return or not is_last) and action.takes_down and not action.ends_down:
            self.watch(state)
        else:
            self._step_done(state, reading=None)

    def watch(self, state: TargetState) -> None:
        """Read a target back until it is seen to be done."""
        self.run_state.settle(state)
        if self._poller is None:
            raise RuntimeError("nobody works yet")
        self._poller.watch(state, self._checks_of_steps[state.step])

    def _check_of(self, action: Action) -> DoneCheck:
        if action.settles:
            return DoneCheck(action.done, partial(action.look, self.account))
        return DoneCheck(_serves, _cannot_tell)

    def _settled(self, state: TargetState, settled: Settled) -> None:
        action = self.run_state.steps[state.step]
        if settled.vm is not None:
            state.target = Target(state.target.account, state.target.service, settled.vm)
        if settled.reading is not Reading.DONE:
            self.run_state.decide(state, reading=settled.reading, unread=settled.error)
            return
        if self._settles[state.step] and not state.answer_lost:
            self.settled_in.setdefault(action.name, []).append(settled.seconds)
        self._step_done(state, reading=Reading.DONE if self._settles[state.step] else Reading.SERVES)

    def _step_done(self, state: TargetState, *, reading: Reading | None) -> None:
        """Go on after a step that was read as done, or was accepted and cannot be read back."""
        action = self.run_state.steps[state.step]
        if state.step < len(self.run_state.steps) - 1:
            state.changed_before = True
            state.verified = state.verified and reading is Reading.DONE
            self._start_next_step(state)
        elif (
            self.scheduler.rollout.healthy is not None
            and action.safety is not Safety.READ
            and self._tasks is not None
        ):
            self.run_state.settle(state)
            self._tasks.create_task(self._await_health(state, reading))
        else:
            self.run_state.decide(state, reading=reading)

    def _start_next_step(self, state: TargetState) -> None:
        self.run_state.advance(state)
        self.scheduler.enqueue_next_step(state)

    async def _await_health(self, state: TargetState, reading: Reading | None) -> None:
        """Ask whether a VM serves again, until it does or the patience ends."""
        policy = self.policy or SettlePolicy()
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + policy.patience, policy.first_poll
        while not await self._is_healthy(state):
            if loop.time() + pause > until:
                self.run_state.decide(state, reading=Reading.UNHEALTHY)
                return
            await asyncio.sleep(pause)
            pause = min(policy.longest_poll, pause * 1.5)
        self.run_state.decide(state, reading=reading)

    async def _is_healthy(self, state: TargetState) -> bool:
        healthy = self.scheduler.rollout.healthy
        if healthy is None:
            return True
        try:
            async with self._checks, asyncio.timeout((self.policy or SettlePolicy()).patience):
                return bool(await healthy(state.target.service, state.target.vm))
        except Exception:  # noqa: BLE001 - a check that breaks has not seen the VM healthy
            return False


def _sent(exchanges: Sequence[SentCall]) -> int:
    sent = 0
    for exchange in exchanges:  # mostly one: a generator costs more than all of this
        sent += exchange.sent
    return sent


def _changing(exchanges: Sequence[SentCall]) -> bool:
    """Whether a request that is no mere reading may have left, and was not just turned away."""
    return any(
        exchange.sent > exchange.refused and not exchange.request.startswith("GET ") for exchange in exchanges
    )


def _serves(vm: Vm | None) -> bool | None:
    if vm is None:
        return False
    return None if vm.power is PowerState.UNKNOWN else vm.power is PowerState.RUNNING


async def _cannot_tell(service: Service, vm: Vm) -> bool | None:
    return None

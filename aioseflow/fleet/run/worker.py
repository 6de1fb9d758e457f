"""The workers of one account in one run: they pull targets, so that a fleet is never a task for each VM."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial

import attrs

from ...errors import SeFlowError
from ...models import PowerState, Service, Vm
from ...policy import LONGEST_PAUSE_IN_TROUBLE, POSTPONED_AT_MOST, SettlePolicy
from ...safety import Safety
from ..actions.action import Action, Skip
from ..discovery.vm_list import VmList, read_vms
from ..journal import JournalError
from ..model.fleet_account import FleetAccount, SentCall
from ..model.outcome import Status, cause_of
from ..model.target import Target
from ..recovery.past import NOT_READABLE
from .availability import AvailabilityCounter
from .producer import TargetProducer
from .scheduler import Scheduler
from .settle import DoneCheck, SettlePoller, SettleResult
from .state import RunState, TargetState


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
    waits_for_return: bool = attrs.field(init=False)
    """Whether it matters that a VM serves again, although that proves nothing else."""
    _poller: SettlePoller | None = attrs.field(default=None, init=False)
    _tasks: asyncio.TaskGroup | None = attrs.field(default=None, init=False)
    _progress_at: float | None = attrs.field(default=None, init=False)
    _postponed: int = attrs.field(default=0, init=False)
    _checks: asyncio.Semaphore = attrs.field(init=False)
    _checks_of_steps: list[DoneCheck] = attrs.field(init=False)

    @waits_for_return.default
    def _has_to_serve(self) -> bool:
        rollout = self.scheduler.rollout
        named = (rollout.window, rollout.healthy, rollout.max_failures)
        return rollout.needs_everything() or any(each is not None for each in named)

    def __attrs_post_init__(self) -> None:
        self._checks = asyncio.Semaphore(max(1, self.account.concurrency))
        self._checks_of_steps = [self._check_of(action) for action in self.run_state.steps]

    # -- work ---------------------------------------------------------------------------------------------

    def work(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the workers; they end when there is nothing left to do."""
        self._tasks = tasks
        policy = self.policy or SettlePolicy()
        self._poller = SettlePoller(self.account, policy, self._settled, self._read, tasks)
        workers = self.account.concurrency
        if self.run_state.recorder.keeps:
            # Some wait for their intent to be durable, while as many as may be are in flight.
            workers += (workers + 1) // 2
        return [tasks.create_task(self._pull()) for _ in range(workers)]

    async def _pull(self) -> None:
        while (state := await self.scheduler.next(self.account.name)) is not None:
            try:
                await self._act(state)
            finally:
                self.scheduler.answered(state)

    async def _act(self, state: TargetState) -> None:
        action, target = self.run_state.steps[state.step], state.target
        if self.availability is not None and not await self._may_go_down(state):
            return
        if len(self.run_state.steps) > 1 and (skip := action.skip(target.vm)) is not None:
            self._skipped(state, skip)
            return
        changes = action.safety is not Safety.READ
        self.run_state.begin(state)
        error: SeFlowError | None = None
        value = None
        with self.account.capture() as exchanges:
            try:
                if changes:
                    await self.run_state.recorder.intend(state)
                    if self.scheduler.stopping is not None and not (state.attempts or state.step):
                        # It may have been stopped while the intent was made durable: nothing new is begun.
                        self.run_state.finish(state, Status.NOT_ATTEMPTED, cause=self.scheduler.stopping)
                        return
                value = await action.perform(self.account, target.service, target.vm)
            except JournalError as broken:
                self._not_written(state, broken)
                return
            except SeFlowError as reason:
                # Its frames would cost more memory than all else that is kept of a VM.
                error = reason.with_traceback(None)
            except asyncio.CancelledError:
                self.run_state.sent(state, _sent(exchanges), state.error)
                self._cancelled(state, left=changes and _changing(exchanges))
                raise
        self.run_state.sent(state, _sent(exchanges), error)
        for exchange in exchanges:
            self.waited += sum(exchange.waits)
        if error is not None and error.retry_budget_empty and self._has_patience(state):
            await self._postpone(state)
            return
        self._progress_at = asyncio.get_running_loop().time()
        self._postponed = 0
        if error is not None and not (changes and state.may_have_acted):
            bad = error.attempts or state.changed
            status = Status.FAILED if bad else Status.NOT_ATTEMPTED
            self.run_state.finish(state, status, cause=cause_of(error), error=error)
        elif isinstance(value, Skip):
            self._skipped(state, value)
        elif not changes and not action.settles:
            self.run_state.finish(state, Status.UNCHANGED, verified=True, value=value)
        else:
            self._taken(state, action)

    def _skipped(self, state: TargetState, skip: Skip) -> None:
        """A step turned out to be needless, or impossible."""
        if skip.status is Status.UNCHANGED:
            self._step_done(state, changed=False, verified=True, cause=skip.cause)
        else:
            status = Status.FAILED if state.changed else skip.status
            self.run_state.finish(state, status, cause=skip.cause, error=skip.error)

    def _cancelled(self, state: TargetState, *, left: bool) -> None:
        if left or state.may_have_acted:
            status = Status.UNKNOWN
        else:
            status = Status.FAILED if state.changed else Status.NOT_ATTEMPTED
        self.run_state.finish(state, status, cause="cancelled", error=state.error)

    def _not_written(self, state: TargetState, broken: JournalError) -> None:
        """The intent is not durable, so nothing was sent and nothing more will be."""
        self.producer.fail(broken)
        status = Status.FAILED if state.changed else Status.NOT_ATTEMPTED
        self.run_state.finish(
            state,
            Status.UNKNOWN if state.may_have_acted else status,
            cause="journal_failed",
            error=state.error,
        )

    async def _may_go_down(self, state: TargetState) -> bool:
        """Look once more, shortly before: machines may have gone down by themselves since the last list."""
        if self.availability is None or state.step or state.postponed:
            return True
        name, service_id = state.target.account, state.target.service.id
        now = asyncio.get_running_loop().time()
        if self.availability.age(name, service_id, now) > (self.policy or SettlePolicy()).first_poll:
            try:
                self._read(service_id, await read_vms(self.account, self.account.polls, service_id))
            except SeFlowError:
                # What cannot be read now is as it was read last.
                pass
            except asyncio.CancelledError:
                self.run_state.finish(state, Status.NOT_ATTEMPTED, cause="cancelled")
                raise
        held_up = self.scheduler.paused or self.scheduler.stopping is not None
        if self.availability.holds(state.key) and not held_up:
            return True
        self.scheduler.put_back(state)
        return False

    def _read(self, service_id: str, listed: VmList) -> None:
        if self.availability is not None:
            self.availability.read(self.account.name, service_id, listed)
            self.scheduler.kick()

    def _has_patience(self, state: TargetState) -> bool:
        """Whether a target may still go back into the queue while the panel is in trouble."""
        if state.postponed >= POSTPONED_AT_MOST:
            return False
        now = asyncio.get_running_loop().time()
        if self._progress_at is None:
            self._progress_at = now
        return now - self._progress_at < (self.policy or SettlePolicy()).patience

    async def _postpone(self, state: TargetState) -> None:
        """Back to the end of the queue, and a pause before this worker takes the next."""
        self.run_state.postpone(state)
        self.scheduler.again(state)
        self._postponed += 1
        pause = min(
            LONGEST_PAUSE_IN_TROUBLE, 0.5 * 2.0 ** min(10, self._postponed // self.account.concurrency)
        )
        # Workers that failed together do not come back together.
        await asyncio.sleep(pause * (0.5 + 0.5 * random.random()))  # noqa: S311 - not a secret

    # -- what became of it --------------------------------------------------------------------------------

    def _taken(self, state: TargetState, action: Action) -> None:
        """The panel accepted it, or may have acted without our seeing the answer (`TargetState.error`)."""
        error = state.error
        is_last = state.step == len(self.run_state.steps) - 1
        state.accepted = error is None
        if action.settles and (self.policy is not None or not is_last):
            self.watch(state)
        elif error is not None:
            self.run_state.finish(state, Status.UNKNOWN, cause=cause_of(error), error=error)
        elif (self.waits_for_return or not is_last) and action.takes_down and not action.ends_down:
            self.watch(state)
        else:
            self._step_done(state, changed=True, verified=False)

    def watch(self, state: TargetState) -> None:
        """Read it back until it is seen to be done."""
        self.run_state.settle(state)
        if self._poller is None:
            raise RuntimeError("nobody works yet")
        self._poller.watch(state, self._checks_of_steps[state.step])

    def _check_of(self, action: Action) -> DoneCheck:
        if action.settles:
            return DoneCheck(action.done, partial(action.look, self.account))
        return DoneCheck(_serves, _cannot_tell)

    def _settled(self, state: TargetState, verdict: SettleResult, vm: Vm | None, seconds: float) -> None:
        action, error = self.run_state.steps[state.step], state.error
        if vm is not None:
            target = state.target
            state.target = Target(target.account, target.service, vm)
        if verdict == "seen":
            if error is None and action.settles:
                self.settled_in.setdefault(action.name, []).append(seconds)
            self._step_done(state, changed=action.safety is not Safety.READ, verified=action.settles)
        elif error is not None:
            self.run_state.finish(state, Status.UNKNOWN, cause=cause_of(error), error=error)
        elif verdict == "not_seen":
            self.run_state.finish(state, Status.FAILED, cause="not_settled")
        elif action.settles:
            self.run_state.finish(state, Status.UNKNOWN, cause=NOT_READABLE, error=state.unread)
        else:
            self.run_state.finish(state, Status.CHANGED, cause=NOT_READABLE, error=state.unread)

    def _step_done(
        self, state: TargetState, *, changed: bool, verified: bool, cause: str | None = None
    ) -> None:
        state.changed = state.changed or changed
        state.verified = state.verified and verified
        if state.step < len(self.run_state.steps) - 1:
            self.run_state.advance(state)
            self.scheduler.go_on(state)
        elif self.scheduler.rollout.healthy is not None and state.changed and self._tasks is not None:
            self.run_state.settle(state)
            self._tasks.create_task(self._await_health(state))
        else:
            self._done(state, cause)

    def _done(self, state: TargetState, cause: str | None = None) -> None:
        status = Status.CHANGED if state.changed else Status.UNCHANGED
        self.run_state.finish(
            state,
            status,
            verified=state.verified,
            cause=None if state.changed else cause,
            error=state.error,
        )

    async def _await_health(self, state: TargetState) -> None:
        """Ask whether it serves again, until it does or the patience ends."""
        policy = self.policy or SettlePolicy()
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + policy.patience, policy.first_poll
        while not await self._is_healthy(state):
            if loop.time() + pause > until:
                self.run_state.finish(state, Status.FAILED, cause="unhealthy", error=state.error)
                return
            await asyncio.sleep(pause)
            pause = min(policy.longest_poll, pause * 1.5)
        self._done(state)

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

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
from ..model.fleet_account import Account, Sent
from ..model.outcome import Status, cause_of
from ..recovery.past import NOT_READABLE
from ..select.selection import Target
from .availability import Availability
from .producer import Intake
from .scheduler import Schedule
from .settle import Judge, Settler, Verdict
from .state import Ledger, Standing


@attrs.define(eq=False)
class Crew:
    """Acts and settles for one account."""

    account: Account
    policy: SettlePolicy | None
    ledger: Ledger
    schedule: Schedule
    intake: Intake
    availability: Availability | None = None
    settled_in: dict[str, list[float]] = attrs.field(factory=dict, init=False)
    waited: float = attrs.field(default=0.0, init=False)
    waits_for_return: bool = attrs.field(init=False)
    """Whether it matters that a VM serves again, although that proves nothing else."""
    _settler: Settler | None = attrs.field(default=None, init=False)
    _tasks: asyncio.TaskGroup | None = attrs.field(default=None, init=False)
    _progress_at: float | None = attrs.field(default=None, init=False)
    _postponed: int = attrs.field(default=0, init=False)
    _checks: asyncio.Semaphore = attrs.field(init=False)
    _judges: list[Judge] = attrs.field(init=False)

    @waits_for_return.default
    def _has_to_serve(self) -> bool:
        rollout = self.schedule.rollout
        named = (rollout.window, rollout.healthy, rollout.max_failures)
        return rollout.needs_everything() or any(each is not None for each in named)

    def __attrs_post_init__(self) -> None:
        self._checks = asyncio.Semaphore(max(1, self.account.concurrency))
        self._judges = [self._judge_of(action) for action in self.ledger.steps]

    # -- work ---------------------------------------------------------------------------------------------

    def work(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the workers; they end when there is nothing left to do."""
        self._tasks = tasks
        policy = self.policy or SettlePolicy()
        self._settler = Settler(self.account, policy, self._settled, self._read, tasks)
        workers = self.account.concurrency
        if self.ledger.book.keeps:
            # Some wait for their intent to be durable, while as many as may be are in flight.
            workers += (workers + 1) // 2
        return [tasks.create_task(self._pull()) for _ in range(workers)]

    async def _pull(self) -> None:
        while (standing := await self.schedule.next(self.account.name)) is not None:
            try:
                await self._act(standing)
            finally:
                self.schedule.answered(standing)

    async def _act(self, standing: Standing) -> None:
        action, target = self.ledger.steps[standing.step], standing.target
        if self.availability is not None and not await self._may_go_down(standing):
            return
        if len(self.ledger.steps) > 1 and (skip := action.skip(target.vm)) is not None:
            self._skipped(standing, skip)
            return
        changes = action.safety is not Safety.READ
        self.ledger.begin(standing)
        error: SeFlowError | None = None
        value = None
        with self.account.capture() as exchanges:
            try:
                if changes:
                    await self.ledger.book.intend(standing)
                    if self.schedule.stopping is not None and not (standing.attempts or standing.step):
                        # It may have been stopped while the intent was made durable: nothing new is begun.
                        self.ledger.finish(standing, Status.NOT_ATTEMPTED, cause=self.schedule.stopping)
                        return
                value = await action.perform(self.account, target.service, target.vm)
            except JournalError as broken:
                self._not_written(standing, broken)
                return
            except SeFlowError as reason:
                # Its frames would cost more memory than all else that is kept of a VM.
                error = reason.with_traceback(None)
            except asyncio.CancelledError:
                self.ledger.sent(standing, _sent(exchanges), standing.error)
                self._cancelled(standing, left=changes and _changing(exchanges))
                raise
        self.ledger.sent(standing, _sent(exchanges), error)
        for exchange in exchanges:
            self.waited += sum(exchange.waits)
        if error is not None and error.retry_budget_empty and self._has_patience(standing):
            await self._postpone(standing)
            return
        self._progress_at = asyncio.get_running_loop().time()
        self._postponed = 0
        if error is not None and not (changes and standing.may_have_acted):
            bad = error.attempts or standing.changed
            status = Status.FAILED if bad else Status.NOT_ATTEMPTED
            self.ledger.finish(standing, status, cause=cause_of(error), error=error)
        elif isinstance(value, Skip):
            self._skipped(standing, value)
        elif not changes and not action.settles:
            self.ledger.finish(standing, Status.UNCHANGED, verified=True, value=value)
        else:
            self._taken(standing, action)

    def _skipped(self, standing: Standing, skip: Skip) -> None:
        """A step turned out to be needless, or impossible."""
        if skip.status is Status.UNCHANGED:
            self._step_done(standing, changed=False, verified=True, cause=skip.cause)
        else:
            status = Status.FAILED if standing.changed else skip.status
            self.ledger.finish(standing, status, cause=skip.cause, error=skip.error)

    def _cancelled(self, standing: Standing, *, left: bool) -> None:
        if left or standing.may_have_acted:
            status = Status.UNKNOWN
        else:
            status = Status.FAILED if standing.changed else Status.NOT_ATTEMPTED
        self.ledger.finish(standing, status, cause="cancelled", error=standing.error)

    def _not_written(self, standing: Standing, broken: JournalError) -> None:
        """The intent is not durable, so nothing was sent and nothing more will be."""
        self.intake.fail(broken)
        status = Status.FAILED if standing.changed else Status.NOT_ATTEMPTED
        self.ledger.finish(
            standing,
            Status.UNKNOWN if standing.may_have_acted else status,
            cause="journal_failed",
            error=standing.error,
        )

    async def _may_go_down(self, standing: Standing) -> bool:
        """Look once more, shortly before: machines may have gone down by themselves since the last list."""
        if self.availability is None or standing.step or standing.postponed:
            return True
        name, service_id = standing.target.account, standing.target.service.id
        now = asyncio.get_running_loop().time()
        if self.availability.age(name, service_id, now) > (self.policy or SettlePolicy()).first_poll:
            try:
                self._read(service_id, await read_vms(self.account, self.account.polls, service_id))
            except SeFlowError:
                # What cannot be read now is as it was read last.
                pass
            except asyncio.CancelledError:
                self.ledger.finish(standing, Status.NOT_ATTEMPTED, cause="cancelled")
                raise
        held_up = self.schedule.paused or self.schedule.stopping is not None
        if self.availability.holds(standing.key) and not held_up:
            return True
        self.schedule.put_back(standing)
        return False

    def _read(self, service_id: str, listed: VmList) -> None:
        if self.availability is not None:
            self.availability.read(self.account.name, service_id, listed)
            self.schedule.kick()

    def _has_patience(self, standing: Standing) -> bool:
        """Whether a target may still go back into the queue while the panel is in trouble."""
        if standing.postponed >= POSTPONED_AT_MOST:
            return False
        now = asyncio.get_running_loop().time()
        if self._progress_at is None:
            self._progress_at = now
        return now - self._progress_at < (self.policy or SettlePolicy()).patience

    async def _postpone(self, standing: Standing) -> None:
        """Back to the end of the queue, and a pause before this worker takes the next."""
        self.ledger.postpone(standing)
        self.schedule.again(standing)
        self._postponed += 1
        pause = min(
            LONGEST_PAUSE_IN_TROUBLE, 0.5 * 2.0 ** min(10, self._postponed // self.account.concurrency)
        )
        # Workers that failed together do not come back together.
        await asyncio.sleep(pause * (0.5 + 0.5 * random.random()))  # noqa: S311 - not a secret

    # -- what became of it --------------------------------------------------------------------------------

    def _taken(self, standing: Standing, action: Action) -> None:
        """The panel accepted it, or may have acted without our seeing the answer (`Standing.error`)."""
        error = standing.error
        is_last = standing.step == len(self.ledger.steps) - 1
        standing.accepted = error is None
        if action.settles and (self.policy is not None or not is_last):
            self.watch(standing)
        elif error is not None:
            self.ledger.finish(standing, Status.UNKNOWN, cause=cause_of(error), error=error)
        elif (self.waits_for_return or not is_last) and action.takes_down and not action.ends_down:
            self.watch(standing)
        else:
            self._step_done(standing, changed=True, verified=False)

    def watch(self, standing: Standing) -> None:
        """Read it back until it is seen to be done."""
        self.ledger.settle(standing)
        if self._settler is None:
            raise RuntimeError("nobody works yet")
        self._settler.watch(standing, self._judges[standing.step])

    def _judge_of(self, action: Action) -> Judge:
        if action.settles:
            return Judge(action.done, partial(action.look, self.account))
        return Judge(_serves, _cannot_tell)

    def _settled(self, standing: Standing, verdict: Verdict, vm: Vm | None, seconds: float) -> None:
        action, error = self.ledger.steps[standing.step], standing.error
        if vm is not None:
            target = standing.target
            standing.target = Target(target.account, target.service, vm)
        if verdict == "seen":
            if error is None and action.settles:
                self.settled_in.setdefault(action.name, []).append(seconds)
            self._step_done(standing, changed=action.safety is not Safety.READ, verified=action.settles)
        elif error is not None:
            self.ledger.finish(standing, Status.UNKNOWN, cause=cause_of(error), error=error)
        elif verdict == "not_seen":
            self.ledger.finish(standing, Status.FAILED, cause="not_settled")
        elif action.settles:
            self.ledger.finish(standing, Status.UNKNOWN, cause=NOT_READABLE, error=standing.unread)
        else:
            self.ledger.finish(standing, Status.CHANGED, cause=NOT_READABLE, error=standing.unread)

    def _step_done(
        self, standing: Standing, *, changed: bool, verified: bool, cause: str | None = None
    ) -> None:
        standing.changed = standing.changed or changed
        standing.verified = standing.verified and verified
        if standing.step < len(self.ledger.steps) - 1:
            self.ledger.advance(standing)
            self.schedule.go_on(standing)
        elif self.schedule.rollout.healthy is not None and standing.changed and self._tasks is not None:
            self.ledger.settle(standing)
            self._tasks.create_task(self._await_health(standing))
        else:
            self._done(standing, cause)

    def _done(self, standing: Standing, cause: str | None = None) -> None:
        status = Status.CHANGED if standing.changed else Status.UNCHANGED
        self.ledger.finish(
            standing,
            status,
            verified=standing.verified,
            cause=None if standing.changed else cause,
            error=standing.error,
        )

    async def _await_health(self, standing: Standing) -> None:
        """Ask whether it serves again, until it does or the patience ends."""
        policy = self.policy or SettlePolicy()
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + policy.patience, policy.first_poll
        while not await self._is_healthy(standing):
            if loop.time() + pause > until:
                self.ledger.finish(standing, Status.FAILED, cause="unhealthy", error=standing.error)
                return
            await asyncio.sleep(pause)
            pause = min(policy.longest_poll, pause * 1.5)
        self._done(standing)

    async def _is_healthy(self, standing: Standing) -> bool:
        healthy = self.schedule.rollout.healthy
        if healthy is None:
            return True
        try:
            async with self._checks, asyncio.timeout((self.policy or SettlePolicy()).patience):
                return bool(await healthy(standing.target.service, standing.target.vm))
        except Exception:  # noqa: BLE001 - a check that breaks has not seen the VM healthy
            return False


def _sent(exchanges: Sequence[Sent]) -> int:
    sent = 0
    for exchange in exchanges:  # mostly one: a generator costs more than all of this
        sent += exchange.sent
    return sent


def _changing(exchanges: Sequence[Sent]) -> bool:
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

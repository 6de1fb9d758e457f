"""Run execution: the work of one process on a run, from its first list to its last outcome.

A resumed run has several.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from ...errors import SeFlowError
from ...policy import SettlePolicy
from ..actions.steps import ends_down, takes_down
from ..plan.survey import Survey
from ..select.matcher import protection
from .availability import AvailabilityCounter
from .producer import TargetProducer
from .scheduler import Scheduler
from .stored_outcome import last_entry, outcome_of, remains_of
from .worker import WorkerPool

if TYPE_CHECKING:
    from ..journal import StoredRun
    from ..model.fleet_account import FleetAccount
    from ..model.outcome import TargetKey
    from ..model.target import TargetState
    from ..model.undiscovered import Undiscovered, WithoutVms
    from ..plan.plan import Plan
    from ..plan.spec import RunSpec
    from .state import RunState

_TARGETS_PER_JOURNAL_WRITE: Final = 500


class RunResumer(Protocol):
    """Restores the targets of an earlier run execution: `recovery.resume.Resumer`."""

    async def read_back(self, history: StoredRun) -> None:
        """Restore every target and decide those that a list decides, before there are workers."""
        ...

    def requeue_targets(self) -> None:
        """Queue the targets that are not decided, once there are workers."""
        ...


@attrs.define(eq=False)
class RunExecution:
    """Makes the parts of a run, and works until every target has its outcome.

    Attributes:
        pools: the workers of each account.
        is_discovered: whether all targets of the run are known.
        on_begun: called once nothing keeps the run from beginning any more.
    """

    accounts: tuple[FleetAccount, ...]
    spec: RunSpec
    run_state: RunState
    scheduler: Scheduler = attrs.field(init=False)
    availability: AvailabilityCounter | None = attrs.field(default=None, init=False)
    pools: list[WorkerPool] = attrs.field(init=False)
    is_discovered: bool = attrs.field(default=False, init=False)
    on_begun: Callable[[], None] = attrs.field(default=lambda: None, init=False)

    def __attrs_post_init__(self) -> None:
        spec, rollout = self.spec, self.spec.rules
        window, windows = spec.window(self.accounts), spec.windows(self.accounts)
        if rollout.max_unavailable is not None and takes_down(spec.steps):
            policy = spec.policy or SettlePolicy()
            self.availability = AvailabilityCounter(
                allowed=1, stays_down=ends_down(spec.steps), stale_for=policy.longest_poll
            )
        names = [account.name for account in self.accounts]
        planned = {} if spec.plan is None else {vm.key: vm.why_not for vm in spec.plan.vms if vm.why_not}
        self.scheduler = Scheduler(self.run_state, rollout, names, window, self.availability, windows)
        self.scheduler.read_back = self._read_back
        self.pools = [
            WorkerPool(
                account,
                spec.policy,
                self.run_state,
                self.scheduler,
                TargetProducer(
                    account,
                    spec.selection,
                    protection(account),
                    self.run_state,
                    self.scheduler,
                    self.availability,
                    count_all=spec.counts_all_vms,
                    planned=planned,
                    confirms_skips=spec.confirms_skips,
                ),
                self.availability,
            )
            for account in self.accounts
        ]

    def _read_back(self, state: TargetState) -> bool:
        """Read back a target whose answer was lost, and return True; False where no reading can decide."""
        pool = next(pool for pool in self.pools if pool.account.name == state.key[0])
        if self.spec.policy is None or not self.spec.steps[state.step].settles:
            return False
        state.idle = False
        pool.watch(state)
        return True

    @property
    def error(self) -> SeFlowError | None:
        """The error of the journal; or that of the first account, where no account could be listed."""
        for pool in self.pools:
            if pool.producer.journal_error is not None:
                return pool.producer.journal_error
        errors = [pool.producer.discovery.error for pool in self.pools]
        return errors[0] if all(error is not None for error in errors) else None

    @property
    def undiscovered(self) -> tuple[Undiscovered, ...]:
        """The services and accounts that could not be listed, or only in part."""
        return tuple(lost for pool in self.pools for lost in pool.producer.discovery.undiscovered)

    @property
    def without_vms(self) -> tuple[WithoutVms, ...]:
        """The selected services that have no VMs."""
        return tuple(found for pool in self.pools for found in pool.producer.discovery.without_vms)

    def restore_ended(self, history: StoredRun) -> None:
        """Restore the outcomes of a run that has ended."""
        at = last_entry(history)
        self.run_state.restore_outcomes(
            (outcome_of(target, self.run_state.declared, at), remains_of(target))
            for target in history.targets
        )
        self._restore_undiscovered(history)

    async def work(self, *, whole: bool, history: StoredRun | None, resumer: RunResumer | None) -> None:
        """Bring every target to its outcome.

        Args:
            whole: whether all targets must be known before the first is acted on.
            history: what earlier run executions stored, None for a run that begins.
            resumer: restores its targets.

        Raises:
            InvalidArgument: the run was refused before anything was changed.
        """
        self.scheduler.start_timers()
        for account in self.accounts:
            self.scheduler.expect_targets(account.name)
        if history is not None and resumer is not None:
            for pool in self.pools:
                pool.producer.discovery.recall(history.without_vms)
            await resumer.read_back(history)
        if self.spec.plan is not None and (history is None or not history.discovered):
            self._restore_losses_of_plan(self.spec.plan)
        complete = history is not None and self._is_complete(history)
        if whole and not complete:
            await self._select_everything(is_resumed=history is not None)
        if whole or complete:
            self.on_begun()
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self.scheduler.give_up_idle())]
                if self.availability is not None:
                    helpers.append(tasks.create_task(self._watch_availability(self.availability)))
                workers = [worker for pool in self.pools for worker in pool.start_workers(tasks)]
                if resumer is not None:
                    resumer.requeue_targets()
                if not whole and not complete:
                    for pool in self.pools:
                        self.scheduler.expect_targets(pool.account.name)
                        pool.producer.on_begun = self.on_begun
                    producing = [tasks.create_task(pool.producer.produce()) for pool in self.pools]
                    helpers.append(tasks.create_task(self._mark_discovered_after(producing)))
                for account in self.accounts:
                    self.scheduler.producer_finished(account.name)
                await asyncio.wait(workers)
                if not self.is_discovered and self.scheduler.stopping is None:
                    self._mark_discovered()
                for helper in helpers:
                    helper.cancel()
        finally:
            self.scheduler.cancel_timers()
        contested: dict[TargetKey, str] = {}
        for pool in self.pools:
            contested |= pool.producer.contested
        if not self.run_state.has_acted:
            await self.run_state.recorder.refuse_contested(contested)

    def _is_complete(self, history: StoredRun) -> bool:
        """Whether all targets are known from earlier run executions, and nothing is to be listed now."""
        if not history.discovered or (history.info.undiscovered and not self.spec.selection_lost):
            return False
        self._restore_undiscovered(history)
        return True

    def _restore_undiscovered(self, history: StoredRun) -> None:
        for pool in self.pools:
            discovery = pool.producer.discovery
            discovery.reading = False
            discovery.lose(loss for loss in history.info.undiscovered if loss.account == pool.account.name)
            discovery.recall(history.without_vms)

    def _restore_losses_of_plan(self, plan: Plan) -> None:
        """Name the losses of the plan in the report of the run, which is then not ok."""
        for found in plan.without_vms:
            self.run_state.recorder.without_vms(found)
        if plan.lost:
            # Recorded now, so that the report of a killed run names them, too.
            self.run_state.recorder.lost([loss.as_undiscovered() for loss in plan.lost])
        for pool in self.pools:
            discovery, name = pool.producer.discovery, pool.account.name
            discovery.recall(plan.without_vms)
            discovery.lose(loss.as_undiscovered() for loss in plan.lost if loss.account == name)

    async def _mark_discovered_after(self, producing: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(producing)
        if self.scheduler.stopping is None and not self.is_discovered:
            self._mark_discovered()

    def _mark_discovered(self) -> None:
        """Note that all targets are known, as far as their services could be listed."""
        self.is_discovered = True
        if self.spec.plan is not None or not self.undiscovered:
            # Otherwise recorded at the end of the run, together with the losses.
            self.run_state.recorder.discovered()

    # -- listing before acting ----------------------------------------------------------------------------

    async def _select_everything(self, *, is_resumed: bool) -> None:
        """List everything, check the guards, and queue all targets."""
        survey = Survey(self.spec, [pool.producer.discovery for pool in self.pools])
        await survey.read()
        if self.availability is not None:
            for account, listed in survey.listed:
                self.availability.note_list(account, listed.service.id, listed)
        survey.check()
        if not is_resumed:
            survey.check_availability()
        found = survey.targets
        if self.spec.plan is not None:
            # Lists come in any order, and the order decides about batches.
            places = {vm.key: place for place, vm in enumerate(self.spec.plan.vms)}
            found.sort(key=lambda target: places[target.key])
        gone = survey.gone() if self.spec.selection.missing == "name" else []
        states = self.run_state.add_targets([*found, *gone])
        await self._record(states)
        self._mark_discovered()
        for state in states[len(states) - len(gone) :]:
            self.run_state.decide(state, "not_found")
        states = [state for state in states if state.key in self.run_state.open]
        producers = {pool.account.name: pool.producer for pool in self.pools}
        if self.availability is not None:
            allowed = self.scheduler.rollout.unavailable_allowed(len(states))
            self.availability.allowed = allowed or 1
        needing = [state for state in states if producers[state.target.account].skip_needless([state])]
        self.scheduler.enqueue_all(needing)

    async def _record(self, states: Sequence[TargetState]) -> None:
        """Record targets. Raises `RunRefused` where another run acts on one of them."""
        recorder = self.run_state.recorder
        # All of them before the first wait, so that a cancel in between does not leave some out.
        writing = [
            recorder.selected(states[start : start + _TARGETS_PER_JOURNAL_WRITE])
            for start in range(0, len(states), _TARGETS_PER_JOURNAL_WRITE)
        ]
        taken: dict[int, str] = {}
        for each in writing:
            taken |= dict(await each) if each is not None else {}
        contested = {state.key: taken[state.number] for state in states if state.number in taken}
        await recorder.refuse_contested(contested)

    # -- availability -------------------------------------------------------------------------------------

    async def _watch_availability(self, availability: AvailabilityCounter) -> None:
        """List services while VMs wait because too many are down. Stops the run when nothing changes.

        Services of the run are also listed from time to time, because VMs may go down by themselves.
        """
        policy, accounts = self.spec.policy or SettlePolicy(), {each.name: each for each in self.accounts}
        loop = asyncio.get_running_loop()
        pause, moved_at, count = policy.first_poll, loop.time(), -1
        while self.scheduler.stopping is None:
            await asyncio.sleep(pause)
            blocked = availability.blocked and not self.scheduler.paused
            if blocked:
                availability.blocked = False
                for account, service_id in sorted(availability.services_with_vms_down()):
                    await availability.refresh(accounts[account], service_id, max_age=policy.first_poll)
            if self.run_state.queued and not self.scheduler.paused:
                old = availability.services_read_before(loop.time() - policy.longest_poll)
                for account, service_id in old:
                    await availability.refresh(accounts[account], service_id, max_age=policy.longest_poll)
            if not blocked:
                pause, moved_at = policy.first_poll, loop.time()
                continue
            self.scheduler.wake_workers()
            before, count = count, len(self.run_state.outcomes)
            is_moving = count != before or self.run_state.in_flight or self.run_state.settling
            if is_moving or not availability.blocked:
                moved_at, pause = loop.time(), policy.first_poll
            elif loop.time() - moved_at >= policy.patience:
                self.scheduler.stop("max_unavailable")
            else:
                pause = policy.longer_pause(pause)

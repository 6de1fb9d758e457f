"""One sitting of a run: from its first list to its last outcome, or to whatever ends it before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from ...errors import SeFlowError
from ...policy import SettlePolicy
from ..actions.steps import ends_down, takes_down
from ..discovery.vm_list import read_vms
from ..model.refusals import refuse_contested
from ..plan.survey import Survey
from ..select.matcher import protection
from .availability import AvailabilityCounter
from .producer import TargetProducer
from .scheduler import Scheduler
from .stored_outcome import outcome_of
from .worker import WorkerPool

if TYPE_CHECKING:
    from ..journal import StoredRun
    from ..model.fleet_account import FleetAccount
    from ..model.target import TargetState
    from ..model.undiscovered import Undiscovered
    from ..model.without_vms import WithoutVms
    from ..plan.plan import Plan
    from ..plan.spec import RunSpec
    from .state import RunState

_TARGETS_PER_JOURNAL_WRITE: Final = 500


class RunResumer(Protocol):
    """Takes up the targets of an earlier run execution: `recovery.resume.Resumer`."""

    async def read_back(self, history: StoredRun) -> None:
        """Decide on every target, before there are workers."""
        ...

    def requeue_targets(self) -> None:
        """Hand the targets to the workers."""
        ...


@attrs.define(eq=False)
class RunExecution:
    """Brings the parts of a run together, and works until every target has its outcome."""

    accounts: tuple[FleetAccount, ...]
    spec: RunSpec
    run_state: RunState
    scheduler: Scheduler = attrs.field(init=False)
    availability: AvailabilityCounter | None = attrs.field(default=None, init=False)
    pools: list[WorkerPool] = attrs.field(init=False)
    is_discovered: bool = attrs.field(default=False, init=False)

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
        """Read a target with a lost answer back instead of giving it up; False where no reading tells."""
        pool = next(pool for pool in self.pools if pool.account.name == state.key[0])
        if self.spec.policy is None or not self.spec.steps[state.step].settles:
            return False
        state.idle = False
        pool.watch(state)
        return True

    @property
    def error(self) -> SeFlowError | None:
        """What kept every account from being listed, or the journal from being written."""
        broken = [
            pool.producer.journal_error for pool in self.pools if pool.producer.journal_error is not None
        ]
        if broken:
            return broken[0]
        errors = [pool.producer.discovery.error for pool in self.pools]
        # One account that answers makes a report; where none does there is nothing to report.
        return errors[0] if all(error is not None for error in errors) else None

    @property
    def undiscovered(self) -> tuple[Undiscovered, ...]:
        """What could not be listed, or only in part."""
        return tuple(lost for pool in self.pools for lost in pool.producer.discovery.undiscovered)

    @property
    def without_vms(self) -> tuple[WithoutVms, ...]:
        """The selected services that have no VMs."""
        return tuple(found for pool in self.pools for found in pool.producer.discovery.without_vms)

    def restore_ended(self, history: StoredRun) -> None:
        """Take over a run that is over."""
        now = datetime.now(UTC)
        self.run_state.restore_outcomes(
            outcome_of(target, self.spec.steps, now) for target in history.targets
        )
        self._restore_undiscovered(history)

    async def work(self, *, whole: bool, history: StoredRun | None, resumer: RunResumer | None) -> None:
        """Do all of it. Raises `InvalidArgument` for what is refused before anything is changed."""
        self.scheduler.start_timers()
        for account in self.accounts:
            # Until everything that is to come was offered.
            self.scheduler.expect_targets(account.name)
        if history is not None and resumer is not None:
            for pool in self.pools:
                pool.producer.discovery.recall(history.without_vms)
            await resumer.read_back(history)
        elif self.spec.plan is not None:
            self._restore_losses_of_plan(self.spec.plan)
        complete = history is not None and self._is_complete(history)
        if whole and not complete:
            await self._select_everything()
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
                    feeding = [tasks.create_task(pool.producer.produce()) for pool in self.pools]
                    helpers.append(tasks.create_task(self._note_discovered(feeding)))
                for account in self.accounts:
                    self.scheduler.producer_finished(account.name)
                await asyncio.wait(workers)
                if not self.is_discovered and self.scheduler.stopping is None:
                    self._mark_discovered()
                for helper in helpers:
                    helper.cancel()
        finally:
            self.scheduler.cancel_timers()

    def _is_complete(self, history: StoredRun) -> bool:
        """Whether an earlier sitting knew all targets; what could not be listed then may be listed now."""
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
        """A plan that did not know everything makes no report that is ok."""
        for found in plan.without_vms:
            self.run_state.recorder.without_vms(found)
        if plan.lost:
            # Durable with the selection: the report of a killed run names them, too.
            self.run_state.recorder.lost([loss.as_undiscovered() for loss in plan.lost])
        for pool in self.pools:
            discovery, name = pool.producer.discovery, pool.account.name
            discovery.recall(plan.without_vms)
            discovery.lose(loss.as_undiscovered() for loss in plan.lost if loss.account == name)

    async def _note_discovered(self, feeding: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(feeding)
        if self.scheduler.stopping is None and not self.is_discovered:
            self._mark_discovered()

    def _mark_discovered(self) -> None:
        """No targets will be added any more, but what could not be listed may be by a later sitting."""
        self.is_discovered = True
        if self.spec.plan is not None or not any(c.producer.discovery.undiscovered for c in self.pools):
            # With losses, which become durable at the end of the run, it is known then.
            self.run_state.recorder.discovered()

    # -- everything before anything -----------------------------------------------------------------------

    async def _select_everything(self) -> None:
        survey = Survey(self.spec, [pool.producer.discovery for pool in self.pools])
        await survey.read()
        if self.availability is not None:
            for account, listed in survey.listed:
                self.availability.read(account, listed.service.id, listed)
        survey.check()
        found = survey.targets
        if self.spec.plan is not None:
            # Lists come in any order, and batches are made of the order.
            places = {vm.key: place for place, vm in enumerate(self.spec.plan.vms)}
            found.sort(key=lambda target: places[target.key])
        gone = survey.gone() if self.spec.selection.missing == "name" else []
        states = self.run_state.add_targets([*found, *gone])
        await self._record(states)
        self._mark_discovered()
        for state in states[len(states) - len(gone) :]:
            self.run_state.decide(state, "not_found")
        self.offer([state for state in states if state.key in self.run_state.open])

    def offer(self, states: Sequence[TargetState]) -> None:
        """Let targets be begun, in batches where there are any."""
        producers = {pool.account.name: pool.producer for pool in self.pools}
        if self.availability is not None:
            allowed = self.scheduler.rollout.unavailable_allowed(len(states))
            self.availability.allowed = allowed or 1
        needing = [state for state in states if producers[state.target.account].skip_needless([state])]
        self.scheduler.enqueue_all(needing)

    async def _record(self, states: Sequence[TargetState]) -> None:
        """Write targets down; refuse those that another run is at."""
        recorder = self.run_state.recorder
        # All in one go: a target that is known here must be known there, whatever comes in between.
        writing = [
            recorder.selected(states[start : start + _TARGETS_PER_JOURNAL_WRITE])
            for start in range(0, len(states), _TARGETS_PER_JOURNAL_WRITE)
        ]
        taken: dict[int, str] = {}
        for each in writing:
            taken |= dict(await each) if each is not None else {}
        refuse_contested({state.target.key: taken[state.number] for state in states if state.number in taken})

    # -- while it goes on ---------------------------------------------------------------------------------

    async def _watch_availability(self, availability: AvailabilityCounter) -> None:
        """See what goes down by itself, and what of it comes up again; give up when nothing moves."""
        policy = self.spec.policy or SettlePolicy()
        loop = asyncio.get_running_loop()
        pause, moved_at, count = policy.first_poll, loop.time(), -1
        while self.scheduler.stopping is None:
            await asyncio.sleep(pause)
            blocked = availability.blocked and not self.scheduler.paused
            if blocked:
                availability.blocked = False
                for place in sorted(availability.services_with_vms_down()):
                    await self._read_anew(availability, place, policy.first_poll)
            if self.run_state.queued and not self.scheduler.paused:
                # Any machine of the run's services counts, also where nothing is done at the moment.
                for place in availability.services_read_before(loop.time() - policy.longest_poll):
                    await self._read_anew(availability, place, policy.longest_poll)
            if not blocked:
                pause, moved_at = policy.first_poll, loop.time()
                continue
            self.scheduler.wake_workers()
            now, before, count = loop.time(), count, len(self.run_state.outcomes)
            if (
                count != before
                or self.run_state.in_flight
                or self.run_state.settling
                or not availability.blocked
            ):
                moved_at, pause = now, policy.first_poll
            elif now - moved_at >= policy.patience:
                self.scheduler.stop("max_unavailable")
            else:
                pause = min(policy.longest_poll, pause * 1.5)

    async def _read_anew(self, availability: AvailabilityCounter, place: tuple[str, str], age: float) -> None:
        """Read the list of a service, unless the last one is younger than so many seconds."""
        name, service_id = place
        now = asyncio.get_running_loop().time()
        if availability.seconds_since_list(name, service_id, now) < age:
            return
        account = next(account for account in self.accounts if account.name == name)
        try:
            listed = await read_vms(account, account.polls, service_id)
        except SeFlowError:
            return  # as it was read last
        availability.read(name, service_id, listed)

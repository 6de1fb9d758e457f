"""Life of a run execution: how it is prepared, works, and ends, for whatever reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ...errors import InvalidArgument
from ..journal import JournalError, LeaseLost, RunIsActive, lease_lost
from ..model.ending import ENDED_BY, REFUSED
from ..model.refusals import RunRefused, only_error, require_same
from ..model.timeline import moments_of
from ..plan.spec import NO_WORK, same_work
from .execution import RunExecution
from .metrics import AccountFlow, RunMetrics
from .preparation import PreparedRun
from .recorder import JournalRecorder
from .state import RunState

if TYPE_CHECKING:
    from ..journal import RunHeader, RunInfo, StoredRun
    from ..model.fleet_account import Closeable, FleetAccount
    from .observer import RunObserver
    from .preparation import Prepare
    from .run_owner import RunOwner


class RunLifecycle:
    """Prepares, works and ends one run execution; its account closes it by `cancel` and `wait_closed`.

    Until a run is prepared, ``run_state``, ``execution`` and ``metrics`` are those of a run of no VM.

    Attributes:
        accounts: the accounts that the run ends with.
        created_at: time of the first start of the run.
        finished_at: time of its end, None while it lasts.
        ended_by: the cause for which it ended early, empty where it came to its end, None while it lasts.
        error: what it raises at its end.
        is_repeated: whether it was complete already, so that nothing is done.
        is_abandoned: whether it was cancelled.
    """

    def __init__(
        self,
        run_id: str,
        owner: RunOwner,
        accounts: Sequence[FleetAccount],
        prepared: PreparedRun | Prepare,
        *,
        repeat_unknown: bool,
    ) -> None:
        self.run_id = run_id
        self.accounts = accounts
        self.created_at = self._began = datetime.now(UTC)
        self.finished_at: datetime | None = None
        self.ended_by: str | None = None
        self.is_repeated = False
        self.error: BaseException | None = None
        self.is_abandoned = False
        self._owner = owner
        self._prepare = None if isinstance(prepared, PreparedRun) else prepared
        self._repeat_unknown = repeat_unknown
        self._recorder = JournalRecorder(run_id, owner.journal)
        self._task: asyncio.Task[None] | None = None
        self._inner: asyncio.Task[None] | None = None
        self._over: Callable[[], None] = lambda: None
        self._stored: StoredRun | None = None
        self._before: RunInfo | None = None
        self._observers: list[RunObserver] = []
        self._ended = asyncio.Event()
        self._begun = asyncio.Event()
        self._bind(prepared if isinstance(prepared, PreparedRun) else PreparedRun((), NO_WORK))

    def _bind(self, prepared: PreparedRun) -> None:
        self._load = prepared.load
        self.spec = prepared.spec
        self.run_state = RunState(prepared.spec.steps, self._recorder)
        self.execution = RunExecution(prepared.accounts, prepared.spec, self.run_state)
        self.execution.on_begun = self._begun.set
        flows = [AccountFlow(account) for account in prepared.accounts]
        discoveries = [pool.producer.discovery for pool in self.execution.pools]
        self.metrics = RunMetrics(self.run_state, flows, self.execution.scheduler, discoveries)
        for observer in self._observers:
            self.run_state.observers.add(observer)

    @property
    def is_prepared(self) -> bool:
        """Whether it is known what the run is to do."""
        return self._prepare is None

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run execution went before this one."""
        return self._load is not None

    @property
    def is_over(self) -> bool:
        """Whether every target has its outcome."""
        return self._ended.is_set()

    @property
    def is_live(self) -> bool:
        """Whether the run was started and has not ended."""
        return self._task is not None and not self._ended.is_set()

    @property
    def header(self) -> RunHeader:
        """The header that a journal records before the run starts."""
        return self.spec.header(self.run_id, self.execution.accounts, self.created_at)

    async def prepared(self) -> PreparedRun:
        """Look up what the run is to do, where it is not known yet. Raises what the run would raise."""
        if self._prepare is None:
            return PreparedRun(self.execution.accounts, self.spec, self._load)
        return await self._prepare(None)

    async def prepare(self) -> None:
        """Become the prepared run, before the start."""
        if self._prepare is None or self._task is not None:
            return
        try:
            await self._prepare_late(await self._prepare(None))
        except BaseException:
            # It will never be started, and need not warn of that.
            self.is_abandoned = True
            raise

    def open(self) -> None:
        """Open the journal, where it is immediate. Raises `ConfigurationError`, also for a closed account."""
        self.error = None
        try:
            self._require_open_accounts()
            self._recorder.open_now()
        except BaseException as error:
            self.error = error
            raise

    def _require_open_accounts(self) -> None:
        for account in self.execution.accounts:
            account.require_open()

    def start(self, over: Callable[[], None], earlier: Closeable | None) -> None:
        """Begin, in the running loop, what `open` opened; ``over`` is called at the end.

        ``earlier`` is a live run of the same id.
        """
        self._began = self.created_at = datetime.now(UTC)
        loop = asyncio.get_running_loop()
        self._over = over
        self.metrics.begin(loop.time)
        for account in self.accounts:
            account.attach(self)
        self._task = loop.create_task(self._supervise(earlier), name=f"aioseflow run {self.run_id}")
        self._task.add_done_callback(self._finish_after)

    def observe(self, observer: RunObserver) -> None:
        """Call an observer with every step of every target from now on."""
        self._observers.append(observer)
        self.run_state.observers.add(observer)

    def cancel(self) -> None:
        """Stop now: a target whose request has no answer is ``unknown``, others ``not_attempted``."""
        if not self.is_abandoned:
            self.is_abandoned = True
            if self._inner is not None:
                self._inner.cancel()

    async def wait_begun(self) -> None:
        """Wait until nothing keeps the run from beginning, or it has ended."""
        if self._task is not None:
            await self._begun.wait()

    async def wait_closed(self) -> None:
        """Wait until every target has its outcome. Errors of the run are not raised."""
        if self._task is not None:
            # Not for the task: cancelling the waiter must not cancel the run.
            await self._ended.wait()

    # -- work ---------------------------------------------------------------------------------------------

    async def _supervise(self, earlier: Closeable | None) -> None:
        """Do the work and end the run, also when the work fails or is cancelled."""
        inner = self._inner = asyncio.get_running_loop().create_task(self._work(earlier))
        if self.is_abandoned:
            inner.cancel()
        is_loop_closing = False
        while not inner.done():
            try:
                await asyncio.wait([inner])
            except asyncio.CancelledError:
                # The loop is being closed, so the run ends without waiting for anything.
                is_loop_closing, self.is_abandoned = True, True
                inner.cancel()
        try:
            await self._conclude(inner, is_loop_closing=is_loop_closing)
        except asyncio.CancelledError:
            self._finish("cancelled")
            raise

    async def _work(self, earlier: Closeable | None) -> None:
        owner, recorder, history = self._owner, self._recorder, None
        await recorder.open()
        if self._prepare is not None:
            await self._prepare_late(await self._prepare(earlier))
        if self._load is None and (info := await recorder.create(self.header)) is not None:
            # Another process made this run since it was looked for: then it is that run.
            require_same(self.run_id, same=same_work(info.header.document, self.spec))
            self._load = partial(recorder.load, self.execution.accounts)
        if self._load is not None:
            history = await self._load()
            self._before = history.info
            self.created_at = history.info.started_at or history.info.header.created_at
            before = (self._began - self.created_at).total_seconds()
            self.metrics.continue_from(moments_of(history.timeline), before)
            if history.info.state == "ended" and owner.is_complete(history, self.spec.steps):
                self.execution.restore_ended(history)
                self.finished_at, self.ended_by = history.info.finished_at, history.info.ended_by
                self.is_repeated = True
                return
        stored_names = {} if history is None else history.stored_names
        others = await recorder.hold(self._lose, self.execution.accounts, stored_names)
        if owner.journal is None:
            keys = {account.name: account.key for account in self.execution.accounts}
            elsewhere = owner.acting_elsewhere(keys, self.run_state)
            recorder.taken_in_memory, others = elsewhere.taken, elsewhere.any_is_live
        if self._load is not None and recorder.is_held:
            # Another process may have gone on with the run until it was held.
            history = self._stored = await self._load()
        self.created_at = self.created_at if history is not None else recorder.held_at or self.created_at
        if history is not None and not history.discovered and self.spec.selection_lost:
            raise InvalidArgument(
                f"run {self.run_id} was ended before all its VMs were known, and {self.spec.selection_lost}"
            )
        await owner.restore_limits(self.execution.accounts)
        resumer = None
        if history is not None:
            resumer = owner.resumer(self.execution, repeat_unknown=self._repeat_unknown)
        # While another run is live, nothing begins before it is known that the two have no VM in common.
        whole = self.spec.needs_everything or others
        await self.execution.work(whole=whole, history=history, resumer=resumer)

    async def _prepare_late(self, prepared: PreparedRun) -> None:
        """Replace the run of no VM by the prepared one, and take over its limit, pause and stop."""
        state, scheduler = self.run_state, self.execution.scheduler
        self._prepare = None
        self._bind(prepared)
        self._require_open_accounts()
        now = self.execution.scheduler
        now.limit, now.paused = scheduler.limit, scheduler.paused
        if scheduler.stopping is not None:
            now.stop(scheduler.stopping)
        self.metrics.begin(asyncio.get_running_loop().time)
        # Readers of outcomes continue with the new run state.
        state.end()

    def _lose(self) -> None:
        """Stop, because the lease is lost: another process may run it, and nothing can be recorded."""
        self.execution.scheduler.stop(LeaseLost.cause)
        if self._inner is not None:
            self._inner.cancel()

    # -- end ----------------------------------------------------------------------------------------------

    async def _conclude(self, inner: asyncio.Task[None], *, is_loop_closing: bool) -> None:
        cause = self._ending_of(inner)
        if not is_loop_closing:
            await self.run_state.close(cause)
        self._end_targets(cause)
        recorder = self._recorder
        try:
            if recorder.is_held and not is_loop_closing:
                await self._owner.remember(self.execution, self._began)
            # Everything is durable before the run has ended.
            await recorder.flush(now=is_loop_closing)
        except JournalError as error:
            self.error = self.error or error
        if isinstance(self.error, LeaseLost) and not is_loop_closing:
            self.error = await recorder.lease_error()
        try:
            # What was refused is no run: it is not the last one, and cannot be resumed.
            await recorder.close(withdraw=self.ended_by == REFUSED and not is_loop_closing)
        except JournalError as error:
            self.error = self.error or error
        self._finish(cause)

    def _ending_of(self, inner: asyncio.Task[None]) -> str:
        """Return the cause for targets that have no outcome, and set ``error``."""
        cause = self.execution.scheduler.stopping or "drained"
        if self._recorder.lease_is_lost:
            self.error = lease_lost(self.run_id)
            return LeaseLost.cause
        if inner.cancelled():
            # A cancelled run has a report and no error.
            self.is_abandoned = True
            return "cancelled"
        error = inner.exception()
        if error is None:
            self.error = self.execution.error or self._recorder.broken
            return cause
        self.error = only_error(error)
        if isinstance(self.error, RunRefused):
            return self.error.reason
        return "invalid_selection" if isinstance(self.error, InvalidArgument) else "run_failed"

    def _end_targets(self, cause: str) -> None:
        """Decide the targets that are still open, and record the end of the run. Later calls do nothing."""
        if self.finished_at is not None:
            return
        for state in list(self.run_state.open.values()):
            self.run_state.decide(state, cause)
        for pool in self.execution.pools:
            pool.producer.discovery.give_up(cause)
        self.finished_at = max(self.run_state.time.now(), self.created_at)
        self.ended_by = self._ended_by(cause)
        self.metrics.end()
        if self._stored is not None and len(self.run_state.targets) < len(self._stored.targets):
            self._keep_record()
            return
        error, execution = None if self.error is None else str(self.error), self.execution
        if execution.is_discovered:
            self._recorder.discovered()
        timeline = self.metrics.timeline.moments
        lost, without_vms = execution.undiscovered, execution.without_vms
        self._recorder.ended(self.finished_at, error, lost, without_vms, timeline, self.ended_by)

    def _ended_by(self, cause: str) -> str:
        """Return the cause for which this run execution left something, empty where it left nothing."""
        if isinstance(self.error, InvalidArgument | RunIsActive):
            return REFUSED
        left = self.run_state.causes | {lost.cause for lost in self.execution.undiscovered}
        return cause if cause in left and cause in ENDED_BY else ""

    def _keep_record(self) -> None:
        """Keep the record of a run that could not be resumed: it has ended only if it had before."""
        info = self._before
        if info is not None and info.state == "ended" and info.finished_at is not None:
            by = info.ended_by or ""
            self._recorder.ended(info.finished_at, info.error, info.undiscovered, None, None, by)

    def _finish(self, cause: str) -> None:
        if self._ended.is_set():
            return
        self._end_targets(cause)
        self.run_state.end()
        try:
            self._recorder.close_now()
        except JournalError as error:
            self.error = self.error or error
        for account in self.accounts:
            account.detach(self)
        self._over()
        self._ended.set()
        self._begun.set()

    def _finish_after(self, task: asyncio.Task[None]) -> None:
        """End the run where its task could not: it was cancelled before its first step, or raised."""
        if task.cancelled():
            self.is_abandoned = True
        elif (error := task.exception()) is not None:
            self.error = self.error or error
        self._finish("cancelled" if task.cancelled() else "run_failed")

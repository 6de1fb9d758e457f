"""`Run`: one action on one selection, from the outside."""

from __future__ import annotations

import asyncio
import secrets
import warnings
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from ...errors import InvalidArgument
from ..actions.steps import Steps
from ..journal import Journal, JournalError, RunHeader, RunInfo, StoredRun
from ..model.fleet_account import FleetAccount
from ..model.outcome import Outcome
from ..model.progress import Progress, ServiceProgress
from ..model.refusals import RunRefused, only_error, require_same
from ..model.timeline import Moment, moments_of
from ..plan.rollout import check_limit
from ..plan.spec import RunSpec, same_work
from ..report.report import Report
from .execution import RunExecution, RunResumer
from .metrics import AccountFlow, RunMetrics
from .observer import RunObserver
from .recorder import JournalRecorder, header_of
from .state import Remains, RunState


class RunOwner(Protocol):
    """Keeps the runs of a fleet: `recovery.registry.RunRegistry`."""

    @property
    def journal(self) -> Journal | None:
        """The journal into which its runs are recorded."""
        ...

    def made(self, run: Run) -> None:
        """Remember a run that may never be started."""
        ...

    def started(self, run: Run) -> None:
        """Remember a run that has started."""
        ...

    def ended(self, run: Run) -> None:
        """Let go of a run that is over."""
        ...

    def resumer(self, execution: RunExecution, *, repeat_unknown: bool) -> RunResumer:
        """The object that takes up what an earlier run execution left."""
        ...

    def is_complete(self, stored: StoredRun, steps: Steps) -> bool:
        """Whether a stored run leaves nothing to resume."""
        ...

    async def restore_limits(self, accounts: Sequence[FleetAccount]) -> None:
        """Let each account start near the limit that an earlier run found."""
        ...

    async def remember(self, execution: RunExecution, began: datetime) -> None:
        """Keep what a run measured, for the estimates and limits of later ones."""
        ...


class Run:
    """An action on a selection of VMs; made by `Fleet.stop` and its siblings.

    It starts when first awaited, iterated, entered or `start`\\ ed; nothing is sent before. ``await run``
    gives the `Report`; ``async for outcome in run`` every outcome from the first, in any number of loops,
    none of which slows the run or stops it by ending. ``async with run`` waits for its end, and cancels it
    if the block fails. Closing the client cancels it. One VM's failure never raises; `InvalidArgument` for
    what is refused before anything is sent, the error of the only account (or of all) that could not be
    listed, `JournalError` where nothing can be written down, and `RunIsActive` for a run that another process
    is at do.
    """

    def __init__(
        self,
        accounts: tuple[FleetAccount, ...],
        spec: RunSpec,
        owner: RunOwner,
        *,
        run_id: str | None = None,
        history: Callable[[], Any] | None = None,
        repeat_unknown: bool = False,
    ) -> None:
        self.run_id = run_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._accounts = accounts
        self._spec = spec
        self._owner = owner
        self._history = history
        self._repeat_unknown = repeat_unknown
        self._recorder = JournalRecorder(self.run_id, owner.journal)
        self._run_state = RunState(spec.steps, self._recorder)
        self._execution = RunExecution(accounts, spec, self._run_state)
        self._metrics = RunMetrics(self._run_state, [AccountFlow(each) for each in accounts], self._execution)
        self._created_at = self._began = datetime.now(UTC)
        self._finished_at: datetime | None = None
        self._stored: StoredRun | None = None
        self._before: RunInfo | None = None
        self._is_recorded = history is not None
        self._is_leased = self._is_held = False
        self._cancelled = self._is_asked_for = False
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._inner: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        owner.made(self)

    @property
    def id(self) -> str:
        """The run's name, known at once; with a journal the run is durable before it can be read."""
        self._record()
        return self.run_id

    @property
    def spec(self) -> RunSpec:
        """What it is to do."""
        return self._spec

    @property
    def has_begun(self) -> bool:
        """Whether it was started."""
        return self._is_asked_for

    @property
    def is_over(self) -> bool:
        """Whether every target has its outcome."""
        return self._ended.is_set()

    @property
    def is_live(self) -> bool:
        """Whether it has started and is not over."""
        return self._task is not None and not self._ended.is_set()

    def __repr__(self) -> str:
        done, targets = (
            len(self._run_state.outcomes) + len(self._run_state.past),
            len(self._run_state.targets),
        )
        return f"<Run {self.run_id}: {self._run_state.action}, {done} of {targets}>"

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        return self._metrics.progress(live=self.is_live, over=self._finished_at is not None)

    @property
    def services(self) -> Sequence[ServiceProgress]:
        """Where each service that has targets stands, as it was found; kept up to date."""
        return self._run_state.services

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The latest outcomes that are failed or unknown, the newest last; at most 50."""
        return tuple(self._run_state.failures)

    @property
    def timeline(self) -> tuple[Moment, ...]:
        """How it went so far: a few hundred moments at most, however long it takes."""
        return tuple(self._metrics.timeline.moments)

    @property
    def report(self) -> Report:
        """What is known so far; after the end, the same as ``await run``."""
        run_state = self._run_state
        return Report(
            run_id=self.run_id,
            action=run_state.action,
            steps=self._spec.declared,
            targets=tuple(run_state.targets),
            outcomes=run_state.all_outcomes(),
            undiscovered=self._execution.undiscovered,
            without_vms=self._execution.without_vms,
            started_at=self._created_at,
            finished_at=self._finished_at,
            error=self._error,
            parent=self._spec.parent,
            note=self._spec.note,
            requested_by=self._spec.requested_by,
            resumed=int(self._history is not None),
            missing_values=self._spec.selection.missing_values,
            timeline=self.timeline,
        )

    @property
    def limit(self) -> int | None:
        """How many requests of this run may be in flight, None for as many as its accounts allow."""
        return self._execution.scheduler.limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        check_limit(limit)
        self._execution.scheduler.limit = limit
        if self.is_live:
            self._execution.scheduler.wake_workers()

    def start(self) -> Self:
        """Begin, in the running loop; more than once does nothing more.

        Raises `ConfigurationError`, `JournalError` among it.
        """
        if self._task is None:
            self._is_asked_for = True
            self._began = datetime.now(UTC)
            loop = asyncio.get_running_loop()
            for account in self._accounts:
                account.require_open()
            self._record()
            self._owner.started(self)
            self._metrics.begin(loop.time)
            self._task = loop.create_task(self._supervise(), name=f"aioseflow run {self.run_id}")
            self._task.add_done_callback(self._make_sure)
            for account in self._accounts:
                account.attach(self)
        return self

    def pause(self) -> None:
        """Start nothing new; what is in flight goes on."""
        self._execution.scheduler.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._execution.scheduler.unpause()

    def drain(self) -> None:
        """Finish what was begun, start nothing more; the rest is ``not_attempted``."""
        self._execution.scheduler.stop("drained")

    def cancel(self) -> None:
        """Stop now: what was sent without an answer is ``unknown``, what was not is ``not_attempted``."""
        if not self._cancelled:
            self._cancelled = True
            if self._inner is not None:
                self._inner.cancel()

    def observe(self, observer: RunObserver) -> None:
        """Let an observer hear of every step of every target from now on.

        An observer that raises is logged and dropped; the run goes on.
        """
        self._run_state.observers.add(observer)

    async def wait_closed(self) -> None:
        """Wait until every target has its outcome; raises nothing of the run's."""
        if self._task is not None:
            # Not the task: a waiter that is cancelled must not take the run with it.
            await self._ended.wait()

    def __await__(self) -> Generator[Any, None, Report]:
        return self._result().__await__()

    async def _result(self) -> Report:
        self.start()
        await self.wait_closed()
        self._raise_error()
        return self.report

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        self.start()
        async for outcome in self._run_state.follow():
            yield outcome
        # Whoever saw the last outcome may ask for the run's report, or go on with it.
        await self.wait_closed()
        self._raise_error()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.cancel()
        await self.wait_closed()

    def __del__(self) -> None:
        if getattr(self, "_task", self) is None and not (self._cancelled or self._is_asked_for):
            warnings.warn(
                f"run {self.run_id} ({self._run_state.action}) was never started: await it or iterate it",
                RuntimeWarning,
                stacklevel=1,
                source=self,
            )

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def correct(self, outcome: Outcome, remains: Remains) -> None:
        """Put an outcome that was learned later in the place of the one that its VM has."""
        self._run_state.correct(outcome, remains)

    @property
    def run_state(self) -> RunState:
        """Everything known of its targets."""
        return self._run_state

    @property
    def header(self) -> RunHeader:
        """What a journal records before it starts."""
        return header_of(self.run_id, self._accounts, self._spec, self._created_at)

    # -- its life -----------------------------------------------------------------------------------------

    def _record(self) -> None:
        """Make it durable that there is such a run; a file is written only where a journal was asked for."""
        journal = self._owner.journal
        if journal is None or self._is_recorded:
            return
        if not journal.create(self.header) and (info := journal.look_up(self.run_id)) is not None:
            # Somebody was quicker with this run_id since it was looked for: then it is that run.
            require_same(self.run_id, same=same_work(info.header.document, self._spec))
            self._history = partial(journal.read, self.run_id)
        self._is_recorded = True

    async def _supervise(self) -> None:
        """Whatever ends the work, the last word is said."""
        inner = self._inner = asyncio.get_running_loop().create_task(self._work())
        if self._cancelled:
            inner.cancel()
        hurry = False
        while not inner.done():
            try:
                await asyncio.wait([inner])
            except asyncio.CancelledError:
                # The loop is being closed: what is left is done without waiting.
                hurry, self._cancelled = True, True
                inner.cancel()
        try:
            await self._conclude(inner, hurry=hurry)
        except asyncio.CancelledError:
            self._say_last_word("cancelled")
            raise

    async def _work(self) -> None:
        journal, history = self._owner.journal, None
        if journal is not None:
            journal.acquire()
            self._is_leased = True
        if self._history is not None:
            history = await self._history()
            self._before = history.info
            self._created_at = history.info.started_at or history.info.header.created_at
            before = (self._began - self._created_at).total_seconds()
            self._metrics.continue_from(moments_of(history.timeline), before)
            if history.info.state == "ended" and self._owner.is_complete(history, self._spec.steps):
                self._execution.restore_ended(history)
                self._finished_at = history.info.finished_at
                return
        if journal is not None:
            journal.hold(self.run_id)
            self._is_held = True
            if self._history is not None:
                # Until it was held, somebody else may have gone on with it.
                history = self._stored = await self._history()
        if history is not None and not history.discovered and self._spec.selection_lost:
            raise InvalidArgument(
                f"run {self.run_id} was ended before all its VMs were known, and {self._spec.selection_lost}"
            )
        whole = self._spec.needs_everything
        if journal is not None:
            await self._owner.restore_limits(self._accounts)
            others = [run for run in await journal.running() if run != self.run_id]
            self._recorder.dead = frozenset(run for run in others if not journal.is_held(run))
            # Beside another run nothing is begun before it is known that both are not at the same VM.
            whole = whole or len(self._recorder.dead) < len(others)
        resumer = None
        if history is not None:
            resumer = self._owner.resumer(self._execution, repeat_unknown=self._repeat_unknown)
        await self._execution.work(whole=whole, history=history, resumer=resumer)

    async def _conclude(self, inner: asyncio.Task[None], *, hurry: bool) -> None:
        cause = self._execution.scheduler.stopping or "drained"
        if inner.cancelled():
            # Cancelling a run is an ending like any other: its report says what was not done.
            self._cancelled, cause = True, "cancelled"
        elif (error := inner.exception()) is not None:
            self._error = only_error(error)
            cause = "invalid_selection" if isinstance(self._error, InvalidArgument) else "run_failed"
            cause = self._error.reason if isinstance(self._error, RunRefused) else cause
        else:
            self._error = self._execution.error or self._recorder.broken
        if not hurry:
            await self._run_state.close(cause)
        self._close_up(cause)
        if self._is_held and self._owner.journal is not None:
            try:
                await self._write_up(self._owner.journal, hurry=hurry)
            except JournalError as error:
                self._error = self._error or error
        self._say_last_word(cause)

    async def _write_up(self, journal: Journal, *, hurry: bool) -> None:
        """Everything that was told is durable before the run says that it is over."""
        if hurry:
            journal.flush_now()
            return
        await self._owner.remember(self._execution, self._began)
        await journal.flush()

    def _close_up(self, cause: str) -> None:
        """Nothing is open any more, and nothing will be."""
        if self._finished_at is not None:
            return  # or it was over before it began
        for state in list(self._run_state.open.values()):
            self._run_state.decide(state, cause)
        for pool in self._execution.pools:
            pool.producer.discovery.give_up(cause)
        self._finished_at = max(self._run_state.time.now(), self._created_at)
        self._metrics.end()
        if self._is_held and self._stored is not None and not self._is_taken_up(self._stored):
            self._leave_as_it_was()
        elif self._is_held:
            error, execution = None if self._error is None else str(self._error), self._execution
            if execution.is_discovered:
                self._recorder.discovered()
            lost, without = execution.undiscovered, execution.without_vms
            self._recorder.ended(self._finished_at, error, lost, without, self.timeline)

    def _is_taken_up(self, stored: StoredRun) -> bool:
        """Whether everything that an earlier run execution left is a target of this one."""
        return len(self._run_state.targets) >= len(stored.targets)

    def _leave_as_it_was(self) -> None:
        """Keep the record of a run whose resumption was refused: it has ended only if it had before."""
        info = self._before
        if info is not None and info.state == "ended" and info.finished_at is not None:
            self._recorder.ended(info.finished_at, info.error, info.undiscovered, None, None)

    def _say_last_word(self, cause: str) -> None:
        if self._ended.is_set():
            return
        self._close_up(cause)
        self._run_state.end()
        self._let_go()
        for account in self._accounts:
            account.detach(self)
        self._owner.ended(self)
        self._ended.set()

    def _let_go(self) -> None:
        journal = self._owner.journal
        if journal is None or not self._is_leased:
            return
        if self._is_held:
            journal.unhold(self.run_id)
        self._is_leased = self._is_held = False
        try:
            journal.release()
        except JournalError as error:
            self._error = self._error or error

    def _make_sure(self, task: asyncio.Task[None]) -> None:
        """A task may be cancelled before its first step, and then never say anything."""
        if task.cancelled():
            self._cancelled = True
        elif (error := task.exception()) is not None:
            self._error = self._error or error
        self._say_last_word("cancelled" if task.cancelled() else "run_failed")

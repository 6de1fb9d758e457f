"""`Run`: one action on one selection, from the outside."""

from __future__ import annotations

import asyncio
import secrets
import warnings
from collections.abc import AsyncIterator, Generator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from ..journal import RunHeader
from ..model.ending import REFUSED, RunPhase
from ..model.fleet_account import FleetAccount
from ..model.outcome import Outcome
from ..model.progress import Progress, ServiceProgress
from ..model.target import Remains
from ..model.timeline import Moment
from ..plan.rollout import check_limit
from ..plan.spec import RunSpec
from ..report.report import Report
from .lifecycle import RunLifecycle
from .observer import RunObserver
from .preparation import Prepare, PreparedRun
from .run_owner import RunOwner
from .state import RunState
from .waits import waiting_for


class RunKeeper(RunOwner, Protocol):
    """Keeps the runs of a fleet: `recovery.registry.RunRegistry`."""

    def made(self, run: Run) -> None:
        """Remember a run that may never be started."""
        ...

    def started(self, run: Run) -> Run | None:
        """Remember a run that starts; return the one of the same id that is still live."""
        ...

    def ended(self, run: Run) -> None:
        """Let go of a run that is over."""
        ...


class Run:
    """An action on a selection of VMs; made by `Fleet.stop` and its siblings.

    A run starts when first awaited, iterated, entered, `begun` or `start`\\ ed; nothing is sent before. With
    a journal it is durable before anything of it is sent. ``await run`` gives the `Report`; ``async for
    outcome in run`` every outcome from the first, in any number of loops, none of which slows the run or
    stops it by ending. Nor does a time-out or a cancellation round ``await run`` or a loop stop it
    (`asyncio.timeout`, anyio's ``move_on_after``): the run goes on, and may be awaited again. ``async with
    run`` waits for its end, and cancels it if the block fails or the wait is cancelled, so that a time-out
    round ``async with run: await run`` stops the run. Closing the client cancels it.

    One VM's failure never raises. Awaiting or iterating raises `InvalidArgument` for what is refused before
    anything is sent, the error of the only account (or of all) that could not be listed, `JournalError` where
    nothing can be recorded, `RunIsActive` for a run that another process executes, and `LeaseLost` where
    another process took it over.
    """

    def __init__(
        self,
        keeper: RunKeeper,
        accounts: Sequence[FleetAccount],
        prepared: PreparedRun | Prepare,
        *,
        run_id: str | None = None,
        repeat_unknown: bool = False,
    ) -> None:
        self.run_id = run_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._keeper = keeper
        self._life = RunLifecycle(self.run_id, keeper, accounts, prepared, repeat_unknown=repeat_unknown)
        self._is_asked_for = False
        keeper.made(self)

    @property
    def id(self) -> str:
        """The name of the run, known at once; to read it writes nothing."""
        return self.run_id

    @property
    def is_prepared(self) -> bool:
        """Whether it is known what the run is to do; if not, it is looked up at the start."""
        return self._life.is_prepared

    @property
    def spec(self) -> RunSpec:
        """The spec of the run: what it is to do; empty until the run is prepared."""
        return self._life.spec

    async def prepared_spec(self) -> RunSpec:
        """Return what the run is to do, looked up where it is not known. Raises what the run would raise."""
        return (await self._life.prepared()).spec

    async def prepare(self) -> None:
        """Look up what the run is to do, if that is not known, before it is started.

        Raises what the run would raise.
        """
        await self._life.prepare()

    @property
    def state(self) -> RunPhase:
        """Whether the run is new, running, ended or refused."""
        life = self._life
        if life.ended_by == REFUSED or (life.error is not None and not (life.is_live or life.is_over)):
            return RunPhase.REFUSED
        return RunPhase.RUNNING if life.is_live else RunPhase.ENDED if life.is_over else RunPhase.NEW

    @property
    def error(self) -> BaseException | None:
        """The error that refused or broke the run, which ``await run`` raises; None if there is none."""
        return self._life.error

    @property
    def has_begun(self) -> bool:
        """Whether `start` was called."""
        return self._is_asked_for

    @property
    def is_over(self) -> bool:
        """Whether every target has its outcome."""
        return self._life.is_over

    @property
    def is_live(self) -> bool:
        """Whether the run has started and is not over."""
        return self._life.is_live

    def __repr__(self) -> str:
        state = self._life.run_state
        done = len(state.outcomes) + len(state.earlier)
        return f"<Run {self.run_id}: {state.action}, {done} of {len(state.targets)}>"

    @property
    def progress(self) -> Progress:
        """The progress of the run at this moment."""
        life = self._life
        waiting = tuple(waiting_for(life.execution, life.metrics.now)) if self.is_live else ()
        return life.metrics.progress(waiting, live=self.is_live, over=life.finished_at is not None)

    @property
    def services(self) -> Sequence[ServiceProgress]:
        """The progress of each service that has targets, in the order of their discovery; kept up to date."""
        return self._life.run_state.services

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The latest outcomes that are failed or unknown, the newest last; at most 50."""
        return tuple(self._life.run_state.failures)

    @property
    def timeline(self) -> tuple[Moment, ...]:
        """The course of the run so far: a few hundred moments at most, however long it takes."""
        return tuple(self._life.metrics.timeline.moments)

    @property
    def report(self) -> Report:
        """The report of what is known so far; after the end, the result of ``await run``."""
        life = self._life
        state, execution, spec = life.run_state, life.execution, life.spec
        return Report(
            run_id=self.run_id,
            action=state.action,
            steps=spec.declared,
            targets=tuple(state.targets),
            outcomes=state.all_outcomes(),
            undiscovered=execution.undiscovered,
            without_vms=execution.without_vms,
            started_at=life.created_at,
            finished_at=life.finished_at,
            error=life.error,
            ended_by=life.ended_by,
            parent=spec.parent,
            follows=spec.follows,
            note=spec.note,
            requested_by=spec.requested_by,
            resumed=int(life.is_resumed and not life.is_repeated),
            repeated=life.is_repeated,
            missing_values=spec.selection.missing_values,
            timeline=self.timeline,
        )

    @property
    def limit(self) -> int | None:
        """How many requests of this run may be in flight, None for as many as its accounts allow."""
        return self._life.execution.scheduler.limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        check_limit(limit)
        scheduler = self._life.execution.scheduler
        scheduler.limit = limit
        if self.is_live:
            scheduler.wake_workers()

    def start(self) -> Self:
        """Begin, in the running loop; more than once does nothing more.

        Raises `ConfigurationError` where an account is not open.
        """
        life = self._life
        if not (life.is_live or life.is_over):
            self._is_asked_for = True
            life.open()
            earlier = self._keeper.started(self)
            life.start(partial(self._keeper.ended, self), earlier)
        return self

    async def begun(self) -> None:
        """Start the run, and return once nothing keeps it from beginning.

        The selection, the guards, other runs on the same VMs and the journal were checked then, and the first
        targets are known; with a guard or named ids all of them. Raises what awaiting the run would raise, if
        it is refused or has ended by then. A cancelled waiter does not stop the run.
        """
        self.start()
        await self._life.wait_begun()
        self._raise_error()

    def pause(self) -> None:
        """Start nothing new; what is in flight goes on."""
        self._life.execution.scheduler.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._life.execution.scheduler.unpause()

    def drain(self) -> None:
        """Finish what was begun, start nothing more; the rest is ``not_attempted``."""
        self._life.execution.scheduler.stop("drained")

    def cancel(self) -> None:
        """Stop now: what was sent without an answer is ``unknown``, what was not is ``not_attempted``."""
        self._life.cancel()

    def observe(self, observer: RunObserver) -> None:
        """Let an observer hear of every step of every target from now on.

        An observer that raises is logged and dropped; the run goes on.
        """
        self._life.observe(observer)

    async def wait_closed(self) -> None:
        """Wait until every target has its outcome; raises nothing of the run's."""
        await self._life.wait_closed()

    def __await__(self) -> Generator[Any, None, Report]:
        return self._result().__await__()

    async def _result(self) -> Report:
        self.start()
        await self.wait_closed()
        self._raise_error()
        return self.report

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        self.start()
        followed = None
        # A run that is prepared late gets another run state by that.
        while followed is not self._life.run_state:
            followed = self._life.run_state
            async for outcome in followed.follow():
                yield outcome
        # A reader of the last outcome may ask for the run's report, or go on with the run.
        await self.wait_closed()
        self._raise_error()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.cancel()
        interruption: asyncio.CancelledError | None = None
        while True:
            try:
                await self.wait_closed()
                break
            except asyncio.CancelledError as cancelled:
                # The run ends with its block, also where anyio cancels every wait in a scope anew.
                self.cancel()
                interruption = cancelled
        if interruption is not None:
            raise interruption

    def __del__(self) -> None:
        life = getattr(self, "_life", None)
        if life is not None and not (self._is_asked_for or life.is_abandoned):
            warnings.warn(
                f"run {self.run_id} ({life.run_state.action}) was never started: await it or iterate it",
                RuntimeWarning,
                stacklevel=1,
                source=self,
            )

    def _raise_error(self) -> None:
        if self._life.error is not None:
            raise self._life.error

    def correct(self, outcome: Outcome, remains: Remains) -> None:
        """Put an outcome that was learned later in the place of the one that its VM has."""
        self._life.run_state.correct(outcome, remains)

    @property
    def accounts(self) -> Sequence[FleetAccount]:
        """The accounts that it acts on."""
        return self._life.execution.accounts

    @property
    def run_state(self) -> RunState:
        """Everything known of its targets."""
        return self._life.run_state

    @property
    def header(self) -> RunHeader:
        """The header that a journal records before the run starts."""
        return self._life.header

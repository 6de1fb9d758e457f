"""`Run`: one action on one selection, from the outside."""

from __future__ import annotations

import asyncio
import secrets
import warnings
from collections.abc import AsyncIterator, Generator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from ..errors import InvalidArgument
from ..policy import SettlePolicy
from .account import Account
from .action import Action
from .crew import Control, Crew
from .ledger import Ledger
from .outcome import Outcome, Progress, Report
from .select import Selection, check_found


class Run:
    """An action on a selection of VMs; made by `Fleet.stop` and its siblings.

    It starts when first awaited, iterated, entered or `start`\\ ed; nothing is sent before. ``await run``
    gives the `Report`; ``async for outcome in run`` every outcome from the first, in any number of loops,
    none of which slows the run or stops it by ending. ``async with run`` waits for its end, and cancels it
    if the block fails. Closing the client cancels it. One VM's failure never raises; `InvalidArgument` for
    ids that do not exist and the error of the only account (or of all) that could not be listed do.
    """

    def __init__(
        self,
        accounts: tuple[Account, ...],
        action: Action,
        selection: Selection,
        policy: SettlePolicy | None,
    ) -> None:
        self._id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._accounts = accounts
        self._action = action
        self._selection = selection
        self._ledger = Ledger(action.name, action.changes)
        self._control = Control()
        self._control.running.set()
        self._crews = [
            Crew(account, action, selection, policy, self._ledger, self._control) for account in accounts
        ]
        self._created_at = datetime.now(UTC)
        self._finished_at: datetime | None = None
        self._cancelled = False
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def id(self) -> str:
        """The run's name, known at once."""
        return self._id

    def __repr__(self) -> str:
        done, targets = len(self._ledger.outcomes), len(self._ledger.targets)
        return f"<Run {self._id}: {self._action.name}, {done} of {targets}>"

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        ledger = self._ledger
        return Progress(
            targets=len(ledger.targets),
            counts=dict(ledger.counts),
            in_flight=ledger.in_flight,
            settling=ledger.settling,
            queued=ledger.queued,
            discovering=self._finished_at is None and any(crew.discovery.reading for crew in self._crews),
            undiscovered=sum(len(crew.discovery.undiscovered) for crew in self._crews),
        )

    @property
    def report(self) -> Report:
        """What is known so far; after the end, the same as ``await run``."""
        return Report(
            run_id=self._id,
            action=self._action.name,
            targets=tuple(self._ledger.targets),
            outcomes=tuple(self._ledger.outcomes),
            undiscovered=tuple(lost for crew in self._crews for lost in crew.discovery.undiscovered),
            started_at=self._created_at,
            finished_at=self._finished_at,
            error=self._error,
        )

    def start(self) -> Self:
        """Begin, in the running loop; more than once does nothing more. Raises `ConfigurationError`."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            for account in self._accounts:
                account.require_open()
            self._task = loop.create_task(self._work(), name=f"aioseflow run {self._id}")
            self._task.add_done_callback(self._end)
            for account in self._accounts:
                account.adopt(self)
        return self

    def pause(self) -> None:
        """Start nothing new; what is in flight goes on."""
        self._control.running.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._control.running.set()

    def drain(self) -> None:
        """Finish what is sent, start nothing more; the rest is ``not_attempted``."""
        self._control.draining = True
        self._control.running.set()

    def cancel(self) -> None:
        """Stop now: what was sent without an answer is ``unknown``, what was not is ``not_attempted``."""
        if not self._cancelled:
            self._cancelled = True
            if self._task is not None:
                self._task.cancel()

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
        async for outcome in self._ledger.follow():
            yield outcome
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
        if getattr(self, "_task", self) is None and not self._cancelled:
            warnings.warn(
                f"run {self._id} ({self._action.name}) was never started: await it or iterate it",
                RuntimeWarning,
                stacklevel=1,
                source=self,
            )

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _end(self, task: asyncio.Task[None]) -> None:
        """The last word, whatever ended the run: a task may be cancelled before its first step."""
        cause = "drained"
        if task.cancelled():
            # Cancelling a run is an ending like any other: its report says what was not done.
            self._cancelled, cause = True, "cancelled"
        elif (error := task.exception()) is not None:
            self._error = _only(error)
            cause = "invalid_selection" if isinstance(self._error, InvalidArgument) else "run_failed"
        for crew in self._crews:
            crew.discovery.give_up(cause)
        self._finished_at = datetime.now(UTC)
        self._ledger.close(cause)
        for account in self._accounts:
            account.release(self)
        self._ended.set()

    async def _work(self) -> None:
        if self._cancelled:
            raise asyncio.CancelledError
        explicit = self._selection.is_explicit
        if explicit:
            await self._look_up()
        async with asyncio.TaskGroup() as tasks:
            for crew in self._crews:
                tasks.create_task(crew.work(listed=explicit))
        errors = [crew.discovery.error for crew in self._crews]
        if all(error is not None for error in errors):
            # One account that answers makes a report; where none does there is nothing to report.
            self._error = errors[0]

    async def _look_up(self) -> None:
        """Find everything that was named before anything is sent."""
        async with asyncio.TaskGroup() as tasks:
            listings = [tasks.create_task(crew.list_everything()) for crew in self._crews]
        discoveries = [crew.discovery for crew in self._crews]
        asked = all(discovery.error is None for discovery in discoveries)
        read = not any(discovery.undiscovered for discovery in discoveries)
        check_found(
            self._selection,
            [target for listing in listings for target in listing.result()[0]],
            services={service for each in discoveries for service in each.services} if asked else None,
            vms={pair for listing in listings for pair in listing.result()[1]} if read else None,
        )


def _only(error: BaseException) -> BaseException:
    """The exception itself where a group holds just one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

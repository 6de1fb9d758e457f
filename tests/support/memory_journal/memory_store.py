"""Store of a journal in memory: what a process that is killed leaves is gone with the last that shares it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple

from aioseflow.fleet.journal.change import Change, Kind
from aioseflow.fleet.journal.codec import from_micros
from aioseflow.fleet.journal.faults import LeaseLost, lease_lost
from aioseflow.fleet.journal.records import RunInfo, StoredRun

from .memory_database import MemoryDatabase
from .memory_lease import MemoryLeases

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_OF_NO_RUN = (Kind.CREATE, Kind.LEARN, Kind.MARK)


class MemoryStore:
    """Store of one process that uses a `MemoryDatabase`.

    Args:
        database: the database, shared with the stores of other processes; None for one of its own.
        delay: seconds that every coroutine suspends for, as one that asks a server does; None for never.
    """

    def __init__(self, database: MemoryDatabase | None = None, *, delay: float | None = None) -> None:
        self.database = MemoryDatabase() if database is None else database
        self.commits = 0
        self.leases = MemoryLeases(self.database, self._pause)
        self._delay = delay

    @contextmanager
    def in_this_thread(self) -> Iterator[bool]:
        """Not possible where it is as far away as a server."""
        yield self.immediate

    @property
    def immediate(self) -> bool:
        """Whether no coroutine suspends."""
        return self._delay is None

    @property
    def place(self) -> str:
        """The word for it in messages."""
        return "in memory"

    async def open(self) -> None:
        """Suspend, as the making of a connection does."""
        await self._pause()

    async def close(self) -> None:
        """Suspend, as the end of a connection does."""
        await self._pause()

    def submit(self, function: Callable[[*Ts], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Carry out a function at once, or when the delay has passed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def carry_out() -> None:
            try:
                result = function(*arguments)
            except Exception as error:  # noqa: BLE001 - it is the awaiting code's to catch
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        if self._delay is None:
            carry_out()
        else:
            loop.call_later(self._delay, carry_out)
        return future

    async def _pause(self) -> None:
        if self._delay is not None:
            await asyncio.sleep(self._delay)

    # -- changes ------------------------------------------------------------------------------------------

    def apply(self, changes: Sequence[Change]) -> list[Any]:
        """Make the changes, all or none, without those of runs whose lease was lost."""
        with self.database.lock:
            lost = [self._lost(kind, parameters) for kind, parameters, _ in changes]
            made = iter(
                self.database.apply(
                    [
                        (kind, parameters)
                        for (kind, parameters, _), error in zip(changes, lost, strict=True)
                        if error is None
                    ]
                )
            )
            self.commits += 1
            return [next(made) if error is None else error for error in lost]

    def _lost(self, kind: Kind, parameters: tuple[Any, ...]) -> LeaseLost | None:
        run = None if kind in _OF_NO_RUN else self.database.runs.get(parameters[0])
        if run is None or not self.leases.is_lost(run.info.header.run_id):
            return None
        return lease_lost(run.info.header.run_id)

    def forget(self, run_id: str) -> bool:
        """Delete an ended run."""
        with self.database.lock:
            run = self.database.run_of(run_id)
            if run is None or run.info.state != "ended":
                return False
            del self.database.runs[run.number]
            return True

    # -- readings -----------------------------------------------------------------------------------------

    def number_of(self, run_id: str) -> int | None:
        """The number of a run, None if there is no such run."""
        with self.database.lock:
            run = self.database.run_of(run_id)
            return None if run is None else run.number

    def run_ids(self, *, running: bool = False) -> list[str]:
        """The ids of all runs, or of those recorded as running, the newest first."""
        infos = (run.info for run in self.database.newest_first())
        return [info.header.run_id for info in infos if not running or info.state == "running"]

    def all_runs(self) -> list[RunInfo]:
        """Every run, the newest first."""
        with self.database.lock:
            return [run.read_info() for run in self.database.newest_first()]

    def one_run(self, run_id: str) -> RunInfo | None:
        """A run without its targets."""
        with self.database.lock:
            run = self.database.run_of(run_id)
            return None if run is None else run.read_info()

    def whole_run(self, run_id: str) -> StoredRun | None:
        """A run with its targets."""
        with self.database.lock:
            run = self.database.run_of(run_id)
            return None if run is None else run.read()

    def open_elsewhere(self, run: int, dead: Set[str]) -> dict[tuple[str, str, str], str]:
        """The VMs that other running runs are not done with, with the run."""
        with self.database.lock:
            return self.database.open_elsewhere(run, dead)

    def learned(self, account_key: str, name: str) -> dict[str, float]:
        """The numbers that are remembered of an account."""
        with self.database.lock:
            known = sorted(self.database.learned.items())
            return {
                key: value
                for account in (name, account_key)
                for (each, key), value in known
                if each == account
            }

    def prunable(self, before: int | None, keep: int) -> list[str]:
        """The ended runs beyond the newest ``keep`` that ended before a time, the oldest first."""
        with self.database.lock:
            ended = [run.info for run in self.database.newest_first() if run.info.state == "ended"]
        limit = None if before is None else from_micros(before)
        left = [info for info in ended[keep:] if limit is None or (info.finished_at or limit) < limit]
        return [info.header.run_id for info in reversed(left)]

"""The journal of an application: what its runs were to do, did, and were about to do."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from ...errors import ConfigurationError, InvalidArgument, SeFlowError
from ..model.target import Stage
from ..model.undiscovered import Undiscovered
from ..model.without_vms import WithoutVms
from . import codec
from .change import Kind
from .codec import text, to_micros, to_micros_or_none
from .faults import JournalError, RunNotFound
from .group_commit import GroupCommit
from .records import RunHeader, RunInfo, StoredRun, TargetRow
from .sqlite import run_lock as lock
from .sqlite.places import inode, named

# sqlite3 and what builds on it is loaded when a journal is opened: `import aioseflow` stays light.
if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from filelock import BaseFileLock

    from .sqlite.sqlite_store import SqliteStore

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Journal:
    """A file that says of every target of every run how far it has come; it survives kill -9 and power cuts.

    The file is open while somebody holds a lease (`acquire`, `release`). What only marks progress is enqueued
    and becomes durable within a few milliseconds, in its order; `intend` returns when it is. Once something
    could not be made durable nothing is taken any more (`broken`). One loop at a time may use it.

    Parameters:
        path: the file; made when it is first opened, readable for its owner only. ``~`` is one's home.
        linger: seconds for which a commit waits for company.

    Raises:
        ConfigurationError: the path can be no file's.
    """

    def __init__(self, path: str | os.PathLike[str], *, linger: float = 0.003) -> None:
        self.path = named(path)
        if not (math.isfinite(linger) and linger >= 0):
            raise InvalidArgument(f"linger={linger!r} is no time to wait; give seconds, 0 or more")
        self._linger = linger
        self._leases = 0
        self._store: SqliteStore | None = None
        self._writer: GroupCommit | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._broken: JournalError | None = None
        self._sound: tuple[int, int] | None = None
        self._numbers: dict[str, int] = {}
        self._held: dict[str, BaseFileLock] = {}

    def __repr__(self) -> str:
        return f"Journal({os.fspath(self.path)!r})"

    @property
    def broken(self) -> JournalError | None:
        """Why nothing is recorded any more; None while all is well. To open it anew is a new beginning."""
        return self._broken if self._writer is None else self._writer.broken

    def acquire(self) -> None:
        """Open the file, or keep it open. Raises `JournalError` where it cannot be used."""
        if self._store is None:
            from concurrent.futures import ThreadPoolExecutor

            from .sqlite.sqlite_store import SqliteStore

            place = self._place()
            self._store = SqliteStore(place, trusted=self._sound is not None and self._sound == inode(place))
            # To look for damage takes a while in a large file: once is enough.
            self._sound = self._store.inode
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="aioseflow-journal")
            self._writer = GroupCommit(self._store, self._executor, self._linger)
            self._broken = None
        self._leases += 1

    def release(self) -> None:
        """Give a lease back; the last one makes everything durable and closes the file.

        Raises `JournalError` if something could not be made durable and nobody has been told so.
        """
        if self._store is None or self._writer is None or self._executor is None:
            raise ConfigurationError(f"{self!r} was released more often than it was acquired")
        self._leases -= 1
        if self._leases:
            return
        store, writer, executor = self._store, self._writer, self._executor
        try:
            if writer.broken is None:
                writer.commit_now()
            writer.raise_untold()
        finally:
            self._store = self._writer = self._executor = None
            self._broken = writer.broken
            self._numbers.clear()
            executor.shutdown(wait=True)
            store.close()

    @contextlib.contextmanager
    def _leased(self) -> Iterator[tuple[SqliteStore, GroupCommit]]:
        self.acquire()
        try:
            assert self._store is not None and self._writer is not None  # noqa: S101, PT018
            yield self._store, self._writer
        finally:
            self.release()

    def create(self, header: RunHeader) -> bool:
        """Record a run, durably; False if there is one of that id already.

        Raises `InvalidArgument` where its document is not JSON, and `JournalError`.
        """
        values = codec.run_values(header)
        with self._leased() as (_, writer):
            return bool(writer.commit_now((Kind.CREATE, values, None)))

    def hold(self, run_id: str) -> None:
        """Become the one runner of this run; recorded, durably, as running here from now on.

        The kernel frees it when this process dies. Raises `RunIsActive`, `RunNotFound` and `JournalError`.
        """
        from .sqlite import queries as reading

        with self._leased() as (store, writer):
            if store.number_of(run_id) is None:
                raise self._not_found(run_id)
            held = None if run_id in self._held else lock.take(lock.place(self._place(), run_id))
            if held is None:
                raise reading.active(store, run_id)
            try:
                self._numbers[run_id] = self._record_holder(store, writer, run_id)
            except BaseException:
                held.release()
                raise
            self._held[run_id] = held

    def _record_holder(self, store: SqliteStore, writer: GroupCommit, run_id: str) -> int:
        # Between the look and the lock it may have been pruned.
        number = store.number_of(run_id)
        if number is None:
            raise self._not_found(run_id)
        now = to_micros(datetime.now(UTC))
        values = (os.getpid(), text(socket.gethostname()), now, now, number)
        writer.commit_now((Kind.HOLD, values, None))
        return number

    def unhold(self, run_id: str) -> None:
        """Let others take this run; nothing happens if it is not held here."""
        held = self._held.pop(run_id, None)
        if held is not None:
            held.release()

    def is_held(self, run_id: str) -> bool:
        """Whether a living process, this one too, is running this run."""
        return run_id in self._held or lock.is_taken(lock.place(self._place(), run_id))

    # A run's progress, in the order in which it is told

    def selected(
        self, run_id: str, rows: Sequence[TargetRow], *, dead: Set[str] = frozenset()
    ) -> asyncio.Future[list[tuple[int, str]]]:
        """Record targets; those that another running run is not done with are recorded as not attempted.

        The result, when it is durable, names these: their numbers, each with the id of the other run. Runs
        that are known to be ``dead`` keep nothing from others.
        """
        number = self._number(run_id)
        values = [codec.target_values(number, row) for row in rows]
        future: asyncio.Future[list[tuple[int, str]]] = asyncio.get_running_loop().create_future()
        self._open().put((Kind.SELECTED, (number, values, dead), future))
        return future

    def without_vms(self, run_id: str, found: WithoutVms) -> None:
        """A selected service has no VMs."""
        self._open().put((Kind.WITHOUT_VMS, codec.without_values(self._number(run_id), found), None))

    def lost(self, run_id: str, losses: Sequence[Undiscovered]) -> None:
        """Record the services that could not be listed, in place of those recorded before."""
        number = self._number(run_id)
        rows = [codec.loss_values(number, place, loss) for place, loss in enumerate(losses)]
        self._open().put((Kind.LOST, (number, rows), None))

    def discovered(self, run_id: str) -> None:
        """Every target of the run is known now."""
        self._open().put((Kind.DISCOVERED, (self._number(run_id),), None))

    async def intend(
        self, run_id: str, number: int, step: int, at: datetime, *, panel_at: datetime | None = None
    ) -> None:
        """Return when it is durable that a request for this target may be sent from now on.

        Raises `JournalError`: then it is not, and nothing may be sent. Cancelled, it may be either; what is
        told of the target afterwards replaces it.
        """
        future = asyncio.get_running_loop().create_future()
        micros = to_micros(at)
        values = (step, micros, micros, to_micros_or_none(panel_at), self._number(run_id), number)
        self._open().put((Kind.INTEND, values, future))
        await future

    def accepted(
        self, run_id: str, number: int, *, attempts: int, answer_lost: bool, error: SeFlowError | None
    ) -> None:
        """The answer is known, or lost; it remains to be read back what became of the target."""
        stage = Stage.SENT if answer_lost else Stage.ACCEPTED
        values = (int(stage), attempts, answer_lost, codec.dump_error(error), self._number(run_id), number)
        self._open().put((Kind.ACCEPTED, values, None))

    def requeued(
        self,
        run_id: str,
        number: int,
        *,
        step: int,
        attempts: int,
        answer_lost: bool,
        error: SeFlowError | None = None,
        changed_before: bool = False,
    ) -> None:
        """Record that a target waits again: ``error`` postponed it, or its next step has come."""
        told = (step, attempts, answer_lost, codec.dump_error(error), answer_lost, changed_before)
        self._open().put((Kind.REQUEUED, (*told, self._number(run_id), number), None))

    def finished(
        self,
        run_id: str,
        number: int,
        *,
        status: str,
        verified: bool,
        cause: str | None,
        step_name: str | None,
        attempts: int,
        answer_lost: bool,
        error: SeFlowError | None,
        started_at: datetime | None,
        finished_at: datetime | None,
        left_at: Stage,
    ) -> None:
        """What became of the target is final."""
        values = (
            str(status),
            verified,
            None if cause is None else text(str(cause)),
            None if step_name is None else text(str(step_name)),
            attempts,
            answer_lost,
            codec.dump_error(error),
            to_micros_or_none(started_at),
            to_micros_or_none(finished_at),
            int(left_at),
            self._number(run_id),
            number,
        )
        self._open().put((Kind.FINISHED, values, None))

    def reopened(self, run_id: str, numbers: Sequence[int]) -> None:
        """The targets wait again although they were final; what was sent for them stays known."""
        run, writer = self._number(run_id), self._open()
        for number in numbers:
            writer.put((Kind.REOPENED, (run, number), None))

    def ended(
        self,
        run_id: str,
        *,
        finished_at: datetime,
        error: str | None,
        undiscovered: Sequence[Undiscovered],
        without_vms: Sequence[WithoutVms] | None = None,
        timeline: Sequence[Any] | None = None,
    ) -> None:
        """The run is over; ``error`` is what it raised. None keeps what is known of the last two."""
        run = self._number(run_id)
        values = codec.ended_values(run, finished_at, error, undiscovered, without_vms, timeline)
        self._open().put((Kind.ENDED, values, None))

    def learn(self, account: str, key: str, value: float) -> None:
        """Remember a number of an account, in place of what was remembered by that key."""
        if not math.isfinite(value):
            raise InvalidArgument(f"{key}={value!r} is not a number to remember")
        self._open().put((Kind.LEARN, (text(account), text(key), float(value)), None))

    async def flush(self) -> None:
        """Return when everything that was told so far is durable. Raises `JournalError`."""
        await self._open().flush()

    def flush_now(self) -> None:
        """`flush` in this thread, for a loop that is about to end."""
        self._open().commit_now()

    # Reading; what was told before is read too

    async def runs(self) -> list[RunInfo]:
        """Every run, the newest first."""
        from .sqlite import queries as reading

        with self._leased() as (store, _):
            return await self._reading(reading.all_runs, store)

    async def find(self, run_id: str) -> RunInfo | None:
        """The run, or None."""
        from .sqlite import queries as reading

        with self._leased() as (store, _):
            return await self._reading(reading.one_run, store, run_id)

    def look_up(self, run_id: str) -> RunInfo | None:
        """The same at once, in this thread: one run is read in no time."""
        from .sqlite import queries as reading

        with self._leased() as (store, writer):
            if writer.broken is None:
                writer.commit_now()
            return reading.one_run(store, run_id)

    async def running(self) -> list[str]:
        """The ids of the runs that have begun and not ended; `is_held` says which of them live."""
        from .sqlite import queries as reading

        with self._leased() as (store, _):
            return await self._reading(reading.running, store)

    async def open_elsewhere(self, run_id: str, dead: Set[str]) -> dict[tuple[str, str, str], str]:
        """The VMs, by account, service and VM id, that other running runs are not done with, with the run."""
        from .sqlite import queries as reading

        with self._leased() as (store, _):
            return await self._reading(reading.open_elsewhere, store, run_id, dead)

    async def read(self, run_id: str) -> StoredRun:
        """The run with all its targets. Raises `RunNotFound`, which names ids that are near."""
        from .sqlite import queries as reading

        with self._leased() as (store, _):
            return await self._reading(reading.whole_run, store, run_id)

    def read_now(self, run_id: str) -> StoredRun:
        """The same at once, in this thread. Raises `RunNotFound`."""
        from .sqlite import queries as reading

        with self._leased() as (store, writer):
            if writer.broken is None:
                writer.commit_now()
            return reading.whole_run(store, run_id)

    async def learned(self, account: str) -> dict[str, float]:
        """What is remembered of an account, by its keys."""
        from .sqlite import queries as reading

        with self._leased() as (store, _):
            return await self._reading(reading.learned, store, account)

    async def prune(self, *, before: datetime | None = None, keep: int | None = None) -> int:
        """Delete ended runs and return how many: those that ended before a time, and are not among the newest
        ``keep``. A run that is held stays.
        """
        from .sqlite import pruning

        limit, spared = pruning.check(before, keep)
        with self._leased() as (store, _):
            deleted = 0
            for run_id in await self._reading(pruning.prunable, store, limit, spared):
                # One at a time: what is written meanwhile does not wait for all.
                if await self._in_thread(pruning.prune, store, self._place(), run_id):
                    self._numbers.pop(run_id, None)
                    deleted += 1
            return deleted

    async def _reading(self, read: Callable[[*Ts], T], *arguments: *Ts) -> T:
        if self._writer is not None and self._writer.broken is None:
            await self._writer.flush()
        return await self._in_thread(read, *arguments)

    async def _in_thread(self, do: Callable[[*Ts], T], *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, do, *arguments)

    def _open(self) -> GroupCommit:
        if self._writer is None:
            raise ConfigurationError(f"{self!r} is not open; acquire() it for as long as it is written to")
        return self._writer

    def _number(self, run_id: str) -> int:
        number = self._numbers.get(run_id)
        if number is None:
            self._open()
            assert self._store is not None  # noqa: S101
            number = self._store.number_of(run_id)
            if number is None:
                raise self._not_found(run_id)
            self._numbers[run_id] = number
        return number

    def _place(self) -> Path:
        # SQLite follows links: its files, and our locks, are beside what the name leads to.
        return Path(os.path.realpath(self.path))

    def _not_found(self, run_id: str) -> RunNotFound:
        from .sqlite import queries as reading

        assert self._store is not None  # noqa: S101
        return reading.not_found(self._store, run_id)

"""The journal of an application: what its runs were to do, did, and were about to do."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import math
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, TypeVarTuple

import attrs

from ...errors import ConfigurationError, InvalidArgument
from . import codec
from .account_names import NamedAccount
from .change import Kind
from .codec import text, to_micros
from .faults import JournalError, LeaseLost, RunIsActive, RunNotFound, lease_lost, run_is_active
from .group_commit import GroupCommit
from .held_run import HeldRun
from .journal_store import JournalStore
from .lease import Holder
from .records import RunHeader, RunInfo, StoredRun

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen
class OtherRuns:
    """The runs that are recorded as running, without one: ``living`` and those whose process is gone."""

    living: frozenset[str]
    dead: frozenset[str]


class Journal:
    """A record of how far every target of every run has come; it survives kill -9 and power cuts.

    The store is open for writing between `acquire` and `release`; readings need neither, no lock for writing
    and no medium that can be written. One loop at a time may use a journal. Where its store is ``immediate``,
    as a file is where no loop runs, only `read`, `runs`, `learned`, `others`, `prune` and `flush` suspend.

    Args:
        where: the path of a SQLite file, which is made when it is first opened, readable for its owner only
            (``~`` is one's home); or a `JournalStore`.
        linger: seconds for which a commit waits for other changes.

    Raises:
        ConfigurationError: the path can be no file's.
    """

    def __init__(self, where: str | os.PathLike[str] | JournalStore, *, linger: float = 0.003) -> None:
        if isinstance(where, str | bytes | os.PathLike):
            # sqlite3 is loaded when a journal is made: `import aioseflow` stays light.
            from .sqlite.sqlite_store import SqliteStore

            where = SqliteStore(where)
        self._store = where
        if not (math.isfinite(linger) and linger >= 0):
            raise InvalidArgument(f"linger={linger!r} is no time to wait; give seconds, 0 or more")
        self._linger = linger
        self._uses = 0
        self._commits: GroupCommit | None = None
        self._broken: JournalError | None = None
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"Journal({self._store.place!r})"

    @property
    def path(self) -> Path:
        """The path of the file, for a journal that is in one."""
        return Path(self._store.place)

    @property
    def immediate(self) -> bool:
        """Whether a coroutine of it that looks up one run never suspends."""
        return self._store.immediate

    def in_this_thread(self) -> AbstractContextManager[bool]:
        """Be immediate within a block, for a loop that is about to end; gives whether that is possible."""
        return self._store.in_this_thread()

    @property
    def broken(self) -> JournalError | None:
        """Why nothing is recorded any more; None while all is well. To open it anew is a new beginning."""
        return self._broken if self._commits is None else self._commits.broken

    async def acquire(self) -> None:
        """Open the store, or keep it open. Raises `JournalError` where it cannot be used."""
        async with self._opening():
            if self._commits is None:
                await self._store.open()
                self._commits = GroupCommit(self._store, self._linger)
                self._broken = None
            self._uses += 1

    async def release(self) -> None:
        """Undo an `acquire`; the last one makes everything durable and closes the store.

        Raises `JournalError` if a change could not be made durable and nothing has raised that yet.
        """
        if not self._uses:
            raise ConfigurationError(f"{self!r} was released more often than it was acquired")
        self._uses -= 1
        if self._uses:
            return
        async with self._opening():
            commits = self._commits
            if self._uses or commits is None:
                return
            try:
                await self._settle()
                commits.raise_unraised()
            finally:
                self._commits, self._broken = None, commits.broken
                await self._store.close()

    # -- runs ---------------------------------------------------------------------------------------------

    async def create(self, header: RunHeader) -> bool:
        """Record a run, durably; False if there is one of that id already.

        Raises `InvalidArgument` where its document is not JSON, and `JournalError`.
        """
        values = codec.run_values(header)
        async with self._opened() as commits:
            return bool(await commits.commit(Kind.CREATE, values))

    async def hold(
        self,
        run_id: str,
        *,
        lost: Callable[[], None] = lambda: None,
        account_keys: Mapping[str, str] = _NO_NAMES,
        stored_names: Mapping[str, str] = _NO_NAMES,
    ) -> HeldRun:
        """Become the one runner of a run; recorded, durably, as running here from now on.

        The journal has to be kept open (`acquire`) while the run is recorded. ``lost`` is called when this
        process learns that it is the runner no more. ``account_keys`` are recorded where the run has none
        yet; ``stored_names`` are the names that accounts have in the journal, by those that they have here.

        Raises `RunIsActive`, `RunNotFound` and `JournalError`.
        """
        keys = {stored_names.get(name, name): key for name, key in account_keys.items()}
        async with self._opened() as commits:
            await self._number(commits, run_id)
            lease = await self._store.leases.take(run_id, lost)
            if lease is None:
                raise await self.active(run_id)
            try:
                # Between the look and the lease it may have been pruned.
                number = await self._number(commits, run_id)
                at = to_micros(datetime.now(UTC))
                holder = (os.getpid(), text(socket.gethostname()), at)
                await commits.commit(Kind.HOLD, (number, *holder, codec.names_to_json(keys)))
            except BaseException:
                await lease.give()
                raise
            held_at = codec.from_micros(at)
            return HeldRun(
                run_id, number, stored_names, held_at, lease, self._store, self._open, self._settle
            )

    async def active(self, run_id: str) -> RunIsActive:
        """Return the error for a run that a living process holds, which it names."""
        return run_is_active(run_id, await self.holder(run_id))

    async def lost(self, run_id: str) -> LeaseLost:
        """Return the error for a run that this process may not go on with; it names the new holder."""
        try:
            return lease_lost(run_id, await self.holder(run_id))
        except JournalError:
            # A store that cannot be asked is often the reason why the lease was lost.
            return lease_lost(run_id)

    async def holder(self, run_id: str) -> Holder | None:
        """Return the process that has a run, None if no living process has it."""
        return await self._store.leases.holder(run_id)

    async def living(self, run_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the runs that a living process goes on with, this one too."""
        return await self._store.leases.living(run_ids)

    async def others(self, run_id: str) -> OtherRuns:
        """Return the runs, other than this one, that have begun and not ended."""
        async with self._opened() as commits:
            running = frozenset(await commits.read(self._running)) - {run_id}
            living = await self.living(running)
            return OtherRuns(living, running - living)

    # -- readings, of everything that was recorded before -------------------------------------------------

    async def runs(self) -> list[RunInfo]:
        """Return every run, the newest first; one whose rows are damaged has the state ``damaged``."""
        return await self._read(self._store.all_runs)

    async def look_up(self, run_id: str) -> RunInfo | None:
        """Return a run without its targets, None if there is no such run."""
        return await self._read(self._store.one_run, run_id, soon=True)

    async def read(self, run_id: str, *, soon: bool = False) -> StoredRun:
        """Return a run with its targets.

        With ``soon`` an immediate journal reads it in the thread of the loop, without suspending.

        Raises `RunNotFound`, which names ids that are near, and `JournalError`, which names what is damaged.
        """
        stored = await self._read(self._store.whole_run, run_id, soon=soon)
        if stored is None:
            raise await self._not_found(run_id)
        return stored

    async def learned(self, account: NamedAccount) -> dict[str, float]:
        """Return the numbers that are remembered of an account, by their keys."""
        return await self._read(self._store.learned, account.key, account.name)

    async def _read(self, function: Callable[[*Ts], T], *arguments: *Ts, soon: bool = False) -> T:
        """Read after everything that was recorded before; a store that is not open is not opened for it."""
        if self._commits is not None:
            async with self._opened() as commits:
                return await (commits.read_soon if soon else commits.read)(function, *arguments)
        if soon and self._store.immediate:
            return function(*arguments)
        return await self._store.submit(function, *arguments)

    # -- other changes ------------------------------------------------------------------------------------

    def learn(self, account: NamedAccount, key: str, value: float) -> None:
        """Remember a number of an account, in place of the one that was remembered by that key."""
        if not math.isfinite(value):
            raise InvalidArgument(f"{key}={value!r} is not a number to remember")
        self._open().put((Kind.LEARN, (text(account.key), text(key), float(value)), None))

    async def flush(self) -> None:
        """Return when every change so far is durable. Raises `JournalError`."""
        await self._open().flush()

    def flush_now(self) -> None:
        """`flush` in this thread, for a loop that is about to end."""
        self._open().commit_now()

    async def prune(self, *, before: datetime | None = None, keep: int | None = None) -> int:
        """Delete ended runs and return how many: those that ended before a time, and are not among the newest
        ``keep``. A run that is held stays.
        """
        limit, spared = _check_limits(before, keep)
        async with self._opened() as commits:
            deleted = 0
            for run_id in await commits.read(self._store.prunable, limit, spared):
                # One at a time: commits that are made meanwhile do not wait for all.
                deleted += await self._prune(run_id)
            return deleted

    async def withdraw(self, run_id: str) -> bool:
        """Delete a run that has ended without having begun, and return whether it is gone."""
        async with self._opened():
            return await self._prune(run_id)

    async def _prune(self, run_id: str) -> bool:
        lease = await self._store.leases.take(run_id, lambda: None)
        if lease is None:
            return False
        gone = False
        try:
            gone = await self._store.submit(self._store.forget, run_id)
        finally:
            await lease.give(pruned=gone)
        return gone

    # -- the store ----------------------------------------------------------------------------------------

    def _opening(self) -> AbstractAsyncContextManager[Any]:
        """The turn of one that opens or closes the store; where nothing suspends there is only one."""
        if self._store.immediate:
            return contextlib.nullcontext()
        loop = asyncio.get_running_loop()
        if self._turn is None or self._loop is not loop:
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[GroupCommit]:
        await self.acquire()
        try:
            yield self._open()
        finally:
            await self.release()

    def _open(self) -> GroupCommit:
        if self._commits is None:
            raise ConfigurationError(f"{self!r} is not open; acquire() it for as long as it is written to")
        return self._commits

    async def _settle(self) -> None:
        if self._commits is not None and self._commits.broken is None:
            await self._commits.settle()

    def _ids(self) -> list[str]:
        return self._store.run_ids()

    def _running(self) -> list[str]:
        return self._store.run_ids(running=True)

    async def _number(self, commits: GroupCommit, run_id: str) -> int:
        number = await commits.read_soon(self._store.number_of, run_id)
        if number is None:
            raise await self._not_found(run_id)
        return number

    async def _not_found(self, run_id: str) -> RunNotFound:
        ids = await self._read(self._ids, soon=True)
        near = [known for known in ids if run_id and known.startswith(run_id)][:3]
        near += [known for known in difflib.get_close_matches(run_id, ids) if known not in near]
        if near:
            hint = f"did you mean {' or '.join(near[:3])}?"
        else:
            hint = f"the newest is {ids[0]}" if ids else "it has no runs yet"
        return RunNotFound(f"the journal {self._store.place} has no run {run_id!r:.80}; {hint}")


def _check_limits(before: datetime | None, keep: int | None) -> tuple[int | None, int]:
    """The limits of `Journal.prune` as numbers. Raises `InvalidArgument` where there is none: that never
    means everything.
    """
    if before is None and keep is None:
        raise InvalidArgument(
            "say which runs to delete: those that ended before=…, all but the newest keep=…"
        )
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 0):
        raise InvalidArgument(f"keep={keep!r} is no number of runs; give 0 or more")
    return codec.to_micros_or_none(before), keep or 0

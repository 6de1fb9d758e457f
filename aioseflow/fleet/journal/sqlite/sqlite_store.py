"""Store of a journal in a SQLite file: each group of changes is one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, TypeVarTuple

from ..account_names import counterpart
from ..change import Change, Kind
from ..faults import JournalError
from ..immediate import has_loop
from ..lease import Holder
from ..records import RunInfo, StoredRun
from . import queries
from .file_lease import FileLeases
from .opening import (
    CANNOT_BE_OPENED,
    CANNOT_BE_READ,
    READ_ONLY,
    companions,
    connect,
    open_database,
    open_to_read,
    translated,
)
from .places import inode, named
from .rows import keys_or_none
from .statements import (
    COUNT,
    COUNT_ALL,
    CREATE,
    END,
    FORGET,
    FORGET_LOSSES,
    FORGET_WITHOUT_VMS,
    INSERT_CONTESTED,
    INSERT_LOSS,
    INSERT_TARGET,
    INSERT_WITHOUT_VMS,
    ONE_ROW,
    OPEN_ELSEWHERE,
    OTHER_RUNNING,
)
from .tables import MIGRATIONS, Migration

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_kind_of: Final = itemgetter(0)
_parameters_of: Final = itemgetter(1)


_Opened: TypeAlias = tuple[sqlite3.Connection, tuple[Path, ...], list[tuple[int, int]]]
"""A connection, the files of the database, and their inodes."""


class SqliteStore:
    """The runs of a journal in one file, durable with every commit.

    The path may be that of a link: SQLite's files and the locks are next to the file that it leads to.

    Args:
        path: the file; made when it is first opened, readable for its owner only. ``~`` is one's home.

    Attributes:
        commits: number of transactions that have become durable.

    Raises:
        ConfigurationError: the path can be no file's.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        vfs: str | None = None,
    ) -> None:
        self.path = named(path)
        self.commits = 0
        self.leases = FileLeases(self)
        self._migrations = migrations
        self._vfs = vfs
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._files: tuple[Path, ...] = ()
        self._inodes: list[tuple[int, int]] = []
        self._searched: tuple[int, int] | None = None
        self._holds_loop = False

    @property
    def immediate(self) -> bool:
        """Whether functions run in this thread: it has no loop, or one that is about to end.

        A disk may take seconds for what mostly takes microseconds, and everything in a loop would wait.
        """
        return self._holds_loop or not has_loop()

    @contextlib.contextmanager
    def in_this_thread(self) -> Iterator[bool]:
        """Be immediate within the block, although a loop runs."""
        before, self._holds_loop = self._holds_loop, True
        try:
            yield True
        finally:
            self._holds_loop = before

    @property
    def place(self) -> str:
        """The path of the file."""
        return os.fspath(self.path)

    @property
    def file(self) -> Path:
        """The file that the path leads to."""
        return Path(os.path.realpath(self.path))

    async def open(self) -> None:
        """Open the file, which is made or brought up to date where needed. Raises `JournalError`."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="aioseflow-journal")
        try:
            if self.immediate:
                opened = self._connect()
            else:
                opened = await self._connect_in(executor)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        self._connection, self._files, self._inodes = opened
        self._searched, self._executor = self._inodes[0], executor

    async def _connect_in(self, executor: ThreadPoolExecutor) -> _Opened:
        opening = asyncio.get_running_loop().run_in_executor(executor, self._connect)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread goes on, and nobody would close what it opens.
            opening.add_done_callback(_close_opened)
            raise

    def _connect(self) -> _Opened:
        path = self.file
        # To look for damage takes a while in a large file: once is enough.
        trusted = self._searched is not None and self._searched == inode(path)
        connection = open_database(path, migrations=self._migrations, trusted=trusted, vfs=self._vfs)
        files = (path, companions(path)[-1])
        try:
            with translated(path, CANNOT_BE_OPENED):
                return connection, files, [_inode(file) for file in files]
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        """Close the file; the last process to do so tidies up what SQLite keeps next to it."""
        connection, self._connection = self._connection, None
        executor, self._executor = self._executor, None
        if executor is None or connection is None:
            return
        if self.immediate:
            executor.shutdown(wait=True)
            self._disconnect(connection)
            return
        closing = asyncio.get_running_loop().run_in_executor(executor, self._disconnect, connection)
        executor.shutdown(wait=False)
        # The thread closes it also where nobody waits for that any more.
        await asyncio.shield(closing)

    def _disconnect(self, connection: sqlite3.Connection) -> None:
        with self._lock, translated(self.path, "could not be closed"):
            connection.close()

    async def carry_out(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Carry out a function: in this thread where the store is immediate, else in its own."""
        return function(*arguments) if self.immediate else await self.submit(function, *arguments)

    def submit(self, function: Callable[[*Ts], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Carry out a function in the thread of this store."""
        return asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    # -- changes ------------------------------------------------------------------------------------------

    def apply(self, changes: Sequence[Change]) -> list[Any]:
        """Make the changes durable in their order, all or none, and return the result of each."""
        if all(kind is Kind.MARK for kind, _, _ in changes):
            return [None] * len(changes)
        results: list[Any] = []
        begun = all(kind is not Kind.CREATE for kind, _, _ in changes)
        full = "; free space on its disk, then " + ("resume the run" if begun else "begin the run again")
        with self._lock, translated(self.path, "could not record what was done", full=full):
            with self._transaction() as connection:
                for kind, same in itertools.groupby(changes, _kind_of):
                    results += self._do(connection, kind, list(map(_parameters_of, same)))
            # A deleted file takes commits as if nothing had happened.
            if [_inode(file) for file in self._files] != self._inodes:
                raise JournalError(
                    f"the journal {self.path} was moved, replaced or deleted while it was in use"
                )
        return results

    def forget(self, run_id: str) -> bool:
        """Delete an ended run; False if it is not ended, or gone already."""
        with self._lock, translated(self.path, "could not be pruned"), self._transaction() as connection:
            row = connection.execute(
                "SELECT id FROM runs WHERE run_id = ? AND state = 'ended'", (run_id,)
            ).fetchone()
            for statement in FORGET if row is not None else ():
                connection.execute(statement, row)
        return row is not None

    # -- readings, by a connection of their own so that no commit waits for them ---------------------------

    def number_of(self, run_id: str) -> int | None:
        """The number of a run in the file, None if there is no such run."""
        with self._lock, translated(self.path, CANNOT_BE_READ):
            return queries.number_of(self._opened(), run_id)

    def run_ids(self, *, running: bool = False) -> list[str]:
        """The ids of all runs, or of those recorded as running, the newest first."""
        with self._reading() as connection:
            return queries.run_ids(connection, running=running)

    def all_runs(self) -> list[RunInfo]:
        """Every run, the newest first."""
        with self._reading() as connection:
            return queries.all_runs(connection)

    def one_run(self, run_id: str) -> RunInfo | None:
        """A run without its targets."""
        with self._reading() as connection:
            return queries.one_run(connection, run_id)

    def whole_run(self, run_id: str) -> StoredRun | None:
        """A run with its targets."""
        with self._reading() as connection:
            return queries.whole_run(connection, run_id)

    def open_elsewhere(self, run: int, dead: Set[str]) -> dict[tuple[str, str, str], str]:
        """The VMs that other running runs are not done with, with the run."""
        with self._reading() as connection:
            return queries.open_elsewhere(connection, run, dead)

    def learned(self, account_key: str, name: str) -> dict[str, float]:
        """The numbers that are remembered of an account."""
        with self._reading() as connection:
            return queries.learned(connection, account_key, name)

    def prunable(self, before: int | None, keep: int) -> list[str]:
        """The ended runs beyond the newest ``keep`` that ended before a time, the oldest first."""
        with self._reading() as connection:
            return queries.prunable(connection, before, keep)

    def recorded_holder(self, run_id: str) -> Holder:
        """The process that took a run last."""
        with self._reading() as connection:
            return queries.holder(connection, run_id)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with (
            translated(self.path, CANNOT_BE_READ),
            contextlib.closing(self._reader()) as connection,
        ):
            # One transaction, so that everything that is read is of one moment.
            connection.execute("BEGIN")
            yield connection

    def _reader(self) -> sqlite3.Connection:
        path = self.file
        if self._connection is not None:
            return connect(path, mode=READ_ONLY, vfs=self._vfs)
        now = inode(path)
        trusted = self._searched is not None and self._searched == now
        connection = open_to_read(path, migrations=self._migrations, trusted=trusted, vfs=self._vfs)
        self._searched = now
        return connection

    # -- in a transaction ---------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"the journal {self.path} is not open")
        return self._connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.commits += 1

    def _do(self, connection: sqlite3.Connection, kind: Kind, rows: list[tuple[Any, ...]]) -> list[Any]:
        one_row = ONE_ROW.get(kind)
        if one_row is None:
            do = _OTHERS[kind]
            return [do(connection, *row) for row in rows]
        sql, order = one_row
        if connection.executemany(sql, rows if order is None else map(order, rows)).rowcount != len(rows):
            raise JournalError(
                f"the journal {self.path} does not have a target or run that changed ({kind.name}); "
                "was the run deleted meanwhile?"
            )
        return [None] * len(rows)


def _close_opened(opening: asyncio.Future[_Opened]) -> None:
    """Close what was opened for nobody."""
    if not opening.cancelled() and opening.exception() is None:
        # In a thread, too.
        opening.get_loop().run_in_executor(None, opening.result()[0].close)


def _create(connection: sqlite3.Connection, *values: Any) -> bool:
    return connection.execute(CREATE, values).rowcount == 1


def _select(
    connection: sqlite3.Connection, run: int, rows: Sequence[tuple[Any, ...]], dead: Set[str]
) -> list[tuple[int, str]]:
    conflicts: dict[int, str] = {}
    others = [other for other in connection.execute(OTHER_RUNNING, (run,)) if other[1] not in dead]
    mine = queries.account_keys(connection, run) if others else {}
    for other, run_id, document in others:
        theirs = keys_or_none(document)
        names = {account: counterpart(account, mine, theirs) for account in {row[2] for row in rows}}
        for row in rows:
            if row[1] not in conflicts and (name := names[row[2]]) is not None:
                key = (other, name, row[3], row[5])
                if connection.execute(OPEN_ELSEWHERE, key).fetchone() is not None:
                    conflicts[row[1]] = run_id
    fresh = [row for row in rows if row[1] not in conflicts] if conflicts else rows
    connection.executemany(INSERT_TARGET, fresh)
    connection.executemany(INSERT_CONTESTED, [row for row in rows if row[1] in conflicts])
    return sorted(conflicts.items())


def _end(
    connection: sqlite3.Connection,
    run: int,
    finished_at: int,
    error: str | None,
    losses: Sequence[tuple[Any, ...]],
    without_vms: Sequence[tuple[Any, ...]] | None,
    timeline: str | None,
    ended_by: str,
) -> None:
    counts = json.dumps(dict(connection.execute(COUNT, (run,)).fetchall()))
    _lose(connection, run, losses)
    if without_vms is not None:
        connection.execute(FORGET_WITHOUT_VMS, (run,))
        connection.executemany(INSERT_WITHOUT_VMS, without_vms)
    (targets,) = connection.execute(COUNT_ALL, (run,)).fetchone()
    values = (finished_at, error, targets, counts, ended_by, timeline, run)
    if connection.execute(END, values).rowcount != 1:
        raise JournalError("the journal does not have the run that has just ended")


def _lose(connection: sqlite3.Connection, run: int, losses: Sequence[tuple[Any, ...]]) -> None:
    connection.execute(FORGET_LOSSES, (run,))
    connection.executemany(INSERT_LOSS, losses)


def _mark(connection: sqlite3.Connection) -> None:
    """Change nothing."""


_OTHERS: Final[dict[Kind, Callable[..., Any]]] = {
    Kind.CREATE: _create,
    Kind.SELECTED: _select,
    Kind.LOST: _lose,
    Kind.ENDED: _end,
    Kind.MARK: _mark,
}


def _inode(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - at each commit, and Path.stat() takes twice as long
    return found.st_dev, found.st_ino

"""What is done in a journal's file, synchronously: groups of changes, each in one transaction."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from ..change import Change, Kind
from ..faults import JournalError
from .opening import beside, connect, open_database, translated
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

_kind_of: Final = itemgetter(0)
_parameters_of: Final = itemgetter(1)


class SqliteStore:
    """An open journal; its methods may be called from any thread. Raises `JournalError`.

    Attributes:
        commits: how many transactions have become durable.
    """

    def __init__(
        self,
        path: Path,
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        trusted: bool = False,
        vfs: str | None = None,
    ) -> None:
        self.path = path
        self.commits = 0
        self._lock = threading.Lock()
        self._connection = open_database(path, migrations=migrations, trusted=trusted, vfs=vfs)
        self._files = (path, beside(path)[-1])
        try:
            with translated(path, "cannot be opened"):
                self._inodes = [_inode(file) for file in self._files]
        except BaseException:
            self._connection.close()
            raise

    @property
    def inode(self) -> tuple[int, int]:
        """Which file it is."""
        return self._inodes[0]

    def close(self) -> None:
        """Close the file; the last one to do so tidies up what SQLite keeps beside it."""
        with self._lock, translated(self.path, "could not be closed"):
            self._connection.close()

    def connect_to_read(self) -> sqlite3.Connection:
        """A connection of its own, for reading while others write."""
        return connect(self.path, mode="ro")

    def number_of(self, run_id: str) -> int | None:
        """What the run is called inside the file; None if there is no such run."""
        with self._lock, translated(self.path, "cannot be read"):
            row = self._connection.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else int(row[0])

    def apply(self, ops: Sequence[Change]) -> list[Any]:
        """Make the changes durable in their order, all or none, and return the result of each."""
        if all(kind is Kind.MARK for kind, _, _ in ops):
            return [None] * len(ops)
        results: list[Any] = []
        with self._lock, translated(self.path, "could not record what was done"):
            with self._transaction():
                for kind, same in itertools.groupby(ops, _kind_of):
                    results += self._do(kind, list(map(_parameters_of, same)))
            # A deleted file takes commits as if nothing had happened.
            if [_inode(file) for file in self._files] != self._inodes:
                raise JournalError(
                    f"the journal {self.path} was moved, replaced or deleted while it was in use"
                )
        return results

    def forget(self, run_id: str) -> bool:
        """Delete an ended run; False if it is not ended, or gone already."""
        with self._lock, translated(self.path, "could not be pruned"), self._transaction():
            row = self._connection.execute(
                "SELECT id FROM runs WHERE run_id = ? AND state = 'ended'", (run_id,)
            ).fetchone()
            for statement in FORGET if row is not None else ():
                self._connection.execute(statement, row)
        return row is not None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.commits += 1

    def _do(self, kind: Kind, rows: list[tuple[Any, ...]]) -> list[Any]:
        sql = ONE_ROW.get(kind)
        if sql is None:
            do = self._others[kind]
            return [do(self, *row) for row in rows]
        if self._connection.executemany(sql, rows).rowcount != len(rows):
            raise JournalError(
                f"the journal {self.path} was told of a target or run that it does not have ({kind.name}); "
                "was the run deleted meanwhile?"
            )
        return [None] * len(rows)

    def _create(self, *values: Any) -> bool:
        return self._connection.execute(CREATE, values).rowcount == 1

    def _selected(self, run: int, rows: Sequence[tuple[Any, ...]], dead: Set[str]) -> list[tuple[int, str]]:
        conflicts: dict[int, str] = {}
        for other, run_id in self._connection.execute(OTHER_RUNNING, (run,)).fetchall():
            for row in rows if run_id not in dead else ():
                if row[1] not in conflicts:
                    key = (other, row[2], row[3], row[5])
                    if self._connection.execute(OPEN_ELSEWHERE, key).fetchone() is not None:
                        conflicts[row[1]] = run_id
        fresh = [row for row in rows if row[1] not in conflicts] if conflicts else rows
        self._connection.executemany(INSERT_TARGET, fresh)
        self._connection.executemany(INSERT_CONTESTED, [row for row in rows if row[1] in conflicts])
        return sorted(conflicts.items())

    def _ended(
        self,
        run: int,
        finished_at: int,
        error: str | None,
        losses: Sequence[tuple[Any, ...]],
        without_vms: Sequence[tuple[Any, ...]] | None,
        timeline: str | None,
    ) -> None:
        counts = json.dumps(dict(self._connection.execute(COUNT, (run,)).fetchall()))
        self._lost(run, losses)
        if without_vms is not None:
            self._connection.execute(FORGET_WITHOUT_VMS, (run,))
            self._connection.executemany(INSERT_WITHOUT_VMS, without_vms)
        (targets,) = self._connection.execute(COUNT_ALL, (run,)).fetchone()
        values = (finished_at, error, targets, counts, timeline, run)
        if self._connection.execute(END, values).rowcount != 1:
            raise JournalError(f"the journal {self.path} does not have the run that has just ended")

    def _lost(self, run: int, losses: Sequence[tuple[Any, ...]]) -> None:
        self._connection.execute(FORGET_LOSSES, (run,))
        self._connection.executemany(INSERT_LOSS, losses)

    def _mark(self) -> None:
        """Nothing to do."""

    _others: Final[dict[Kind, Callable[..., Any]]] = {
        Kind.CREATE: _create,
        Kind.SELECTED: _selected,
        Kind.LOST: _lost,
        Kind.ENDED: _ended,
        Kind.MARK: _mark,
    }


def _inode(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - at each commit, and Path.stat() takes twice as long
    return found.st_dev, found.st_ino

"""The tables of a journal, version by version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Final, TypeAlias

Migration: TypeAlias = Callable[[sqlite3.Connection], None]

APPLICATION_ID: Final = int.from_bytes(b"aios", "big")
"""SQLite's mark, in the file's header, of what program a file belongs to."""

# A run's number is never used again (AUTOINCREMENT), so that nothing written late can get into another run.
# Once it has ended, `targets` and `counts` say what its targets add up to; NULL until then.
# Times are microseconds since the epoch. Stages: 0 queued, 1 open, 2 accepted, 3 done.
_VERSION_1: Final = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL UNIQUE,
        parent TEXT,
        action TEXT NOT NULL,
        accounts TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        document TEXT NOT NULL,
        note TEXT NOT NULL,
        requested_by TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'created',
        started_at INTEGER,
        finished_at INTEGER,
        discovered INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        pid INTEGER,
        host TEXT,
        held_at INTEGER,
        targets INTEGER,
        counts TEXT
    )
    """,
    "CREATE INDEX runs_by_state ON runs (state)",
    """
    CREATE TABLE targets (
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        account TEXT NOT NULL,
        service_id TEXT NOT NULL,
        service_name TEXT NOT NULL,
        vm_id TEXT NOT NULL,
        vm_label TEXT NOT NULL,
        power TEXT NOT NULL,
        stage INTEGER NOT NULL DEFAULT 0,
        step INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        may_have_acted INTEGER NOT NULL DEFAULT 0,
        status TEXT,
        verified INTEGER NOT NULL DEFAULT 0,
        cause TEXT,
        step_name TEXT,
        error TEXT,
        sent_at INTEGER,
        started_at INTEGER,
        finished_at INTEGER,
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID
    """,
    # The run first: what is looked for is a VM in the few runs that are running.
    "CREATE UNIQUE INDEX targets_by_vm ON targets (run, account, service_id, vm_id)",
    """
    CREATE TABLE losses (
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        account TEXT NOT NULL,
        service_id TEXT,
        service_name TEXT,
        cause TEXT NOT NULL,
        error TEXT,
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE learned (
        account TEXT NOT NULL,
        key TEXT NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (account, key)
    ) WITHOUT ROWID
    """,
)


def _to_version_1(connection: sqlite3.Connection) -> None:
    for statement in _VERSION_1:
        connection.execute(statement)


def _to_version_2(connection: sqlite3.Connection) -> None:
    # The course of a run, as JSON (`timeline.rows_of`); NULL for runs that were not measured.
    connection.execute("ALTER TABLE runs ADD COLUMN timeline TEXT")


def _to_version_3(connection: sqlite3.Connection) -> None:
    # Written as they are found, so that also a run that is killed can name them.
    connection.execute(
        """
        CREATE TABLE without_vms (
            run INTEGER NOT NULL,
            account TEXT NOT NULL,
            service_id TEXT NOT NULL,
            service_name TEXT NOT NULL,
            why TEXT NOT NULL,
            PRIMARY KEY (run, account, service_id)
        ) WITHOUT ROWID
        """
    )


def _to_version_4(connection: sqlite3.Connection) -> None:
    # The stage at which a target got its outcome: a resumed run goes on there. Before, what was accepted and
    # what lost its answer were one flag.
    connection.execute("ALTER TABLE targets ADD COLUMN left_at INTEGER")
    # The panel's own time when the last request was about to be sent: its uptimes are judged by it.
    connection.execute("ALTER TABLE targets ADD COLUMN sent_panel_at INTEGER")
    connection.execute("ALTER TABLE targets ADD COLUMN changed_before INTEGER NOT NULL DEFAULT 0")
    connection.execute("UPDATE targets SET changed_before = 1 WHERE step > 0 AND attempts > 0")
    connection.execute(
        "UPDATE targets SET left_at = CASE WHEN status = 'changed' THEN 2 WHEN status = 'unknown' THEN 1 "
        "WHEN may_have_acted AND error IS NULL THEN 2 WHEN may_have_acted THEN 1 ELSE 0 END, "
        "may_have_acted = coalesce(status = 'unknown', 0) WHERE stage = 3"
    )


def _to_version_5(connection: sqlite3.Connection) -> None:
    # The keys of a run's accounts by their names, as JSON; NULL where only the names are known. Names were
    # the keys before: in a journal that people share, two of them may call different accounts "main".
    connection.execute("ALTER TABLE runs ADD COLUMN account_keys TEXT")


_CAUSES_6: Final = (
    *("journal_failed", "run_failed", "interrupted", "cancelled", "drained"),
    *("max_failures", "max_unavailable", "deadline", "no_progress"),
)


def _to_version_6(connection: sqlite3.Connection) -> None:
    # The cause for which a run ended early, empty where it came to its end; NULL while it has not ended.
    connection.execute("ALTER TABLE runs ADD COLUMN ended_by TEXT")
    connection.execute(
        "UPDATE runs SET ended_by = coalesce("
        "(SELECT min(cause) FROM targets"
        " WHERE run = runs.id AND cause IN (SELECT value FROM json_each(:causes))), "
        "(SELECT min(cause) FROM losses"
        " WHERE run = runs.id AND cause IN (SELECT value FROM json_each(:causes))), "
        "'') WHERE state = 'ended'",
        {"causes": json.dumps(_CAUSES_6)},
    )


MIGRATIONS: Final[tuple[Migration, ...]] = (
    _to_version_1,
    _to_version_2,
    _to_version_3,
    _to_version_4,
    _to_version_5,
    _to_version_6,
)
"""The one at place n makes version n + 1 out of version n, inside a transaction that is not its own; version
0 is an empty file."""

"""The SQL that reads runs back, each function in a transaction of its caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Set
from typing import Any, Final

from .. import codec
from ..account_names import counterpart
from ..faults import READING_FAILS, RunIsDamaged
from ..lease import Holder
from ..records import RunInfo, StoredRun
from . import rows
from .statements import ACCOUNT_KEYS, COUNT, COUNT_ALL, OPEN_TARGETS, OTHER_RUNNING

# The names of columns are those of the code, in `rows`.
_RUN: Final = f"SELECT {', '.join(rows.RUN)} FROM runs"  # noqa: S608
_TARGETS: Final = f"SELECT {', '.join(rows.TARGET)} FROM targets WHERE run = ? ORDER BY number"  # noqa: S608
_LOSSES: Final = f"SELECT {', '.join(rows.LOSS)} FROM losses WHERE run = ? ORDER BY number"  # noqa: S608
_WITHOUT_VMS: Final = (
    f"SELECT {', '.join(rows.WITHOUT_VMS)} FROM without_vms WHERE run = ? "  # noqa: S608
    "ORDER BY account, length(service_id), service_id"
)
_NEWEST_FIRST: Final = "ORDER BY id DESC"


def number_of(connection: sqlite3.Connection, run_id: str) -> int | None:
    """The number of a run in the file, None if there is no such run."""
    row = connection.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else int(row[0])


def run_ids(connection: sqlite3.Connection, *, running: bool) -> list[str]:
    """The ids of all runs, or of those recorded as running, the newest first."""
    where = "WHERE state = 'running' " if running else ""
    found = connection.execute(f"SELECT run_id FROM runs {where}{_NEWEST_FIRST}")  # noqa: S608 - no value
    return [run_id for (run_id,) in found if isinstance(run_id, str)]


def all_runs(connection: sqlite3.Connection) -> list[RunInfo]:
    """Every run, the newest first; one whose rows are damaged is in the list, as such."""
    return [
        _info_or_damage(connection, values)
        for values in connection.execute(f"{_RUN} {_NEWEST_FIRST}").fetchall()
    ]


def one_run(connection: sqlite3.Connection, run_id: str) -> RunInfo | None:
    """A run without its targets, None if there is no such run. Raises `RunIsDamaged`."""
    values = connection.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
    return None if values is None else _info(connection, values)


def whole_run(connection: sqlite3.Connection, run_id: str) -> StoredRun | None:
    """A run with its targets, None if there is no such run. Raises `RunIsDamaged`."""
    values = connection.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
    if values is None:
        return None
    number = values[0]
    # Not in `_RUN`: a list of all runs does not need them.
    (timeline,) = connection.execute("SELECT timeline FROM runs WHERE id = ?", (number,)).fetchone()
    found = connection.execute(_WITHOUT_VMS, (number,)).fetchall()
    info = _info(connection, values)
    return StoredRun(
        info=info,
        discovered=info.discovered,
        held_at=holder(connection, run_id).since,
        targets=[rows.target(run_id, each) for each in connection.execute(_TARGETS, (number,)).fetchall()],
        timeline=rows.timeline(run_id, timeline),
        without_vms=tuple(rows.without_vms(run_id, place, each) for place, each in enumerate(found)),
    )


def open_elsewhere(
    connection: sqlite3.Connection, run: int, dead: Set[str]
) -> dict[tuple[str, str, str], str]:
    """The VMs that other running runs are not done with, with the run."""
    found = {}
    mine = account_keys(connection, run)
    for other, run_id, document in connection.execute(OTHER_RUNNING, (run,)).fetchall():
        if run_id in dead:
            continue
        theirs = rows.keys_or_none(document)
        for account, service_id, vm_id in connection.execute(OPEN_TARGETS, (other,)):
            name = counterpart(account, theirs, mine)
            if name is not None:
                found[name, service_id, vm_id] = run_id
    return found


def account_keys(connection: sqlite3.Connection, run: int) -> dict[str, str]:
    """The keys of a run's accounts by name; empty where they are not known."""
    row = connection.execute(ACCOUNT_KEYS, (run,)).fetchone()
    return {} if row is None else rows.keys_or_none(row[0])


def learned(connection: sqlite3.Connection, account_key: str, name: str) -> dict[str, float]:
    """The numbers that are remembered of an account, by its key or, where there is none, by its name."""
    known: dict[str, float] = {}
    for account in (name, account_key):
        found = connection.execute(
            "SELECT key, value FROM learned WHERE account = ? ORDER BY key", (codec.text(account),)
        )
        known |= rows.learned(found.fetchall())
    return known


def prunable(connection: sqlite3.Connection, before: int | None, keep: int) -> list[str]:
    """The ended runs beyond the newest ``keep`` that ended before a time, the oldest first."""
    found = connection.execute(
        f"SELECT run_id, finished_at FROM runs WHERE state = 'ended' {_NEWEST_FIRST}"  # noqa: S608
    ).fetchall()
    return [
        run_id
        for run_id, at in reversed(found[keep:])
        if isinstance(run_id, str) and (before is None or (isinstance(at, int) and at < before))
    ]


def holder(connection: sqlite3.Connection, run_id: str) -> Holder:
    """The process that took a run last; without what is damaged in its row."""
    found = connection.execute("SELECT pid, host, held_at FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    pid, host, held_at = found or (None, None, None)
    try:
        since = codec.from_micros_or_none(held_at)
    except READING_FAILS:
        since = None
    return Holder(pid=pid, host=host, since=since)


def _info_or_damage(connection: sqlite3.Connection, values: tuple[Any, ...]) -> RunInfo:
    try:
        return _info(connection, values)
    except RunIsDamaged as damage:
        return rows.damaged_info(values, damage)


def _info(connection: sqlite3.Connection, values: tuple[Any, ...]) -> RunInfo:
    key = values[:1]

    def counted() -> tuple[int, dict[Any, int]]:
        (targets,) = connection.execute(COUNT_ALL, key).fetchone()
        return targets, dict(connection.execute(COUNT, key).fetchall())

    return rows.run_info(values, counted, connection.execute(_LOSSES, key).fetchall())

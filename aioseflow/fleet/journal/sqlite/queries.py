"""The SQL that reads runs back, each function in a transaction of its caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Set
from typing import Any, Final

from ...model.target import Stage
from ...model.undiscovered import Undiscovered, WithoutVms
from .. import codec
from ..account_names import counterpart
from ..lease import Holder
from ..records import RunHeader, RunInfo, StoredRun, StoredTarget, TargetRow
from .statements import ACCOUNT_KEYS, COUNT, COUNT_ALL, OPEN_TARGETS, OTHER_RUNNING

_RUN: Final = (
    "SELECT id, run_id, parent, action, accounts, created_at, document, note, requested_by, state, "
    "started_at, finished_at, discovered, error, pid, host, held_at, targets, counts, "
    "account_keys FROM runs"
)
_TARGETS: Final = (
    "SELECT number, account, service_id, service_name, vm_id, vm_label, power, stage, step, attempts, "
    "may_have_acted, status, verified, cause, step_name, error, sent_at, started_at, finished_at, left_at, "
    "changed_before, sent_panel_at "
    "FROM targets WHERE run = ? ORDER BY number"
)

_WITHOUT_VMS: Final = (
    "SELECT account, service_id, service_name, why FROM without_vms WHERE run = ? "
    "ORDER BY account, length(service_id), service_id"
)


def number_of(connection: sqlite3.Connection, run_id: str) -> int | None:
    """The number of a run in the file, None if there is no such run."""
    row = connection.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else int(row[0])


def run_ids(connection: sqlite3.Connection, *, running: bool) -> list[str]:
    """The ids of all runs, or of those recorded as running, the newest first."""
    where = "WHERE state = 'running' " if running else ""
    rows = connection.execute(f"SELECT run_id FROM runs {where}ORDER BY id DESC")  # noqa: S608 - no value
    return [run_id for (run_id,) in rows]


def all_runs(connection: sqlite3.Connection) -> list[RunInfo]:
    """Every run, the newest first."""
    rows = connection.execute(f"{_RUN} ORDER BY id DESC").fetchall()
    return [_info(connection, row) for row in rows]


def one_run(connection: sqlite3.Connection, run_id: str) -> RunInfo | None:
    """A run without its targets, None if there is no such run."""
    row = connection.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else _info(connection, row)


def whole_run(connection: sqlite3.Connection, run_id: str) -> StoredRun | None:
    """A run with its targets, None if there is no such run."""
    row = connection.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
    if row is None:
        return None
    rows = connection.execute(_TARGETS, (row[0],)).fetchall()
    # Not in `_RUN`: a list of all runs does not need them.
    (timeline,) = connection.execute("SELECT timeline FROM runs WHERE id = ?", (row[0],)).fetchone()
    found = connection.execute(_WITHOUT_VMS, (row[0],)).fetchall()
    return StoredRun(
        info=_info(connection, row),
        discovered=bool(row[12]),
        targets=[_target(row) for row in rows],
        timeline=[] if timeline is None else json.loads(timeline),
        without_vms=tuple(
            WithoutVms(account=account, service_id=service_id, service_name=name, why=why)
            for account, service_id, name, why in found
        ),
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
        theirs = codec.names_from_json(document)
        for account, service_id, vm_id in connection.execute(OPEN_TARGETS, (other,)):
            name = counterpart(account, theirs, mine)
            if name is not None:
                found[name, service_id, vm_id] = run_id
    return found


def account_keys(connection: sqlite3.Connection, run: int) -> dict[str, str]:
    """The keys of a run's accounts by name; empty where they are not known."""
    row = connection.execute(ACCOUNT_KEYS, (run,)).fetchone()
    return {} if row is None else codec.names_from_json(row[0])


def learned(connection: sqlite3.Connection, account_key: str, name: str) -> dict[str, float]:
    """The numbers that are remembered of an account, by its key or, where there is none, by its name."""
    known: dict[str, float] = {}
    for account in (name, account_key):
        rows = connection.execute(
            "SELECT key, value FROM learned WHERE account = ? ORDER BY key", (codec.text(account),)
        )
        known |= dict(rows.fetchall())
    return known


def prunable(connection: sqlite3.Connection, before: int | None, keep: int) -> list[str]:
    """The ended runs beyond the newest ``keep`` that ended before a time, the oldest first."""
    rows = connection.execute(
        "SELECT run_id, finished_at FROM runs WHERE state = 'ended' ORDER BY id DESC"
    ).fetchall()
    return [run_id for run_id, at in reversed(rows[keep:]) if before is None or at < before]


def holder(connection: sqlite3.Connection, run_id: str) -> Holder:
    """The process that took a run last."""
    row = connection.execute("SELECT pid, host, held_at FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    pid, host, held_at = row or (None, None, None)
    return Holder(pid=pid, host=host, since=codec.from_micros_or_none(held_at))


def _info(connection: sqlite3.Connection, row: tuple[Any, ...]) -> RunInfo:
    run = row[0]
    if row[17] is None:
        (targets,) = connection.execute(COUNT_ALL, (run,)).fetchone()
        counts = dict(connection.execute(COUNT, (run,)).fetchall())
    else:
        targets, counts = row[17], json.loads(row[18])
    losses = connection.execute(
        "SELECT account, service_id, service_name, cause, error FROM losses WHERE run = ? ORDER BY number",
        (run,),
    ).fetchall()
    return RunInfo(
        header=RunHeader(
            run_id=row[1],
            parent=row[2],
            action=row[3],
            accounts=tuple(json.loads(row[4])),
            created_at=codec.from_micros(row[5]),
            document=json.loads(row[6]),
            note=row[7],
            requested_by=row[8],
            account_keys=codec.names_from_json(row[19]),
        ),
        state=row[9],
        started_at=codec.from_micros_or_none(row[10]),
        finished_at=codec.from_micros_or_none(row[11]),
        targets=targets,
        counts=counts,
        undiscovered=tuple(
            Undiscovered(
                account=account,
                service_id=service_id,
                service_name=service_name,
                cause=cause,
                error=codec.load_error(error),
            )
            for account, service_id, service_name, cause, error in losses
        ),
        error=row[13],
        pid=row[14],
        host=row[15],
    )


def _target(row: tuple[Any, ...]) -> StoredTarget:
    return StoredTarget(
        row=TargetRow(
            number=row[0],
            account=row[1],
            service_id=row[2],
            service_name=row[3],
            vm_id=row[4],
            vm_label=row[5],
            power=row[6],
        ),
        stage=Stage(row[7]),
        step=row[8],
        attempts=row[9],
        answer_lost=bool(row[10]),
        status=row[11],
        verified=bool(row[12]),
        cause=row[13],
        step_name=row[14],
        error=codec.load_error(row[15]),
        sent_at=codec.from_micros_or_none(row[16]),
        started_at=codec.from_micros_or_none(row[17]),
        finished_at=codec.from_micros_or_none(row[18]),
        left_at=None if row[19] is None else Stage(row[19]),
        changed_before=bool(row[20]),
        sent_panel_at=codec.from_micros_or_none(row[21]),
    )

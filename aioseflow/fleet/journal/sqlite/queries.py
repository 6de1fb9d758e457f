"""How runs are read back, by a connection of its own so that nothing that is written waits for it."""

from __future__ import annotations

import difflib
import json
import sqlite3
from collections.abc import Set
from contextlib import closing
from typing import Any, Final

from ...model.target import Stage
from ...model.undiscovered import Undiscovered
from ...model.without_vms import WithoutVms
from .. import codec
from ..faults import RunIsActive, RunNotFound
from ..records import RunHeader, RunInfo, StoredRun, StoredTarget, TargetRow
from .opening import translated
from .sqlite_store import SqliteStore
from .statements import COUNT, COUNT_ALL

_RUN: Final = (
    "SELECT id, run_id, parent, action, accounts, created_at, document, note, requested_by, state, "
    "started_at, finished_at, discovered, error, pid, host, held_at, targets, counts FROM runs"
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


def all_runs(store: SqliteStore) -> list[RunInfo]:
    """Every run, the newest first."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        # One transaction, so that the counts are those of the moment at which the runs are listed.
        connection.execute("BEGIN")
        rows = connection.execute(f"{_RUN} ORDER BY id DESC").fetchall()
        return [_info(connection, row) for row in rows]


def running(store: SqliteStore) -> list[str]:
    """The ids of the runs that are recorded as running, the newest first."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        rows = connection.execute(
            "SELECT run_id FROM runs WHERE state = 'running' ORDER BY id DESC"
        ).fetchall()
    return [run_id for (run_id,) in rows]


def one_run(store: SqliteStore, run_id: str) -> RunInfo | None:
    """The run, or None."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        connection.execute("BEGIN")
        row = connection.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else _info(connection, row)


def whole_run(store: SqliteStore, run_id: str) -> StoredRun:
    """The run with its targets. Raises `RunNotFound`."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        connection.execute("BEGIN")
        row = connection.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise not_found(store, run_id)
        info = _info(connection, row)
        rows = connection.execute(_TARGETS, (row[0],)).fetchall()
        # Not in `_RUN`: a list of all runs does not need them.
        (went,) = connection.execute("SELECT timeline FROM runs WHERE id = ?", (row[0],)).fetchone()
        found = connection.execute(_WITHOUT_VMS, (row[0],)).fetchall()
    return StoredRun(
        info=info,
        discovered=bool(row[12]),
        targets=[_target(row) for row in rows],
        timeline=[] if went is None else json.loads(went),
        without_vms=tuple(
            WithoutVms(account=account, service_id=service_id, service_name=name, why=why)
            for account, service_id, name, why in found
        ),
    )


def open_elsewhere(store: SqliteStore, run_id: str, dead: Set[str]) -> dict[tuple[str, str, str], str]:
    """What other running runs are not done with."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        rows = connection.execute(
            "SELECT account, service_id, vm_id, run_id FROM targets JOIN runs ON runs.id = targets.run "
            "WHERE state = 'running' AND run_id != ? AND stage != 3",
            (run_id,),
        )
        return {(row[0], row[1], row[2]): row[3] for row in rows if row[3] not in dead}


def learned(store: SqliteStore, account: str) -> dict[str, float]:
    """What is remembered of an account."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        rows = connection.execute(
            "SELECT key, value FROM learned WHERE account = ? ORDER BY key", (codec.text(account),)
        )
        return dict(rows.fetchall())


def active(store: SqliteStore, run_id: str) -> RunIsActive:
    """The error for a run that a living process has, with what that process wrote of itself."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        row = connection.execute("SELECT pid, host, held_at FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    pid, host, held_at = row or (None, None, None)
    since = codec.from_micros_or_none(held_at)
    who = "another process"
    if pid is not None and since is not None:
        who = f"process {pid} on {host} since {since:%Y-%m-%d %H:%M:%S} UTC"
    return RunIsActive(
        f"run {run_id} is being run by {who}; wait for its end, or end that process and resume the run",
        run_id=run_id,
        pid=pid,
        host=host,
        since=since,
    )


def not_found(store: SqliteStore, run_id: str) -> RunNotFound:
    """The error for a run that is not there, with the ids that were perhaps meant."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        ids = [row[0] for row in connection.execute("SELECT run_id FROM runs ORDER BY id DESC")]
    near = [known for known in ids if run_id and known.startswith(run_id)][:3]
    near += [known for known in difflib.get_close_matches(run_id, ids) if known not in near]
    if near:
        hint = f"did you mean {' or '.join(near[:3])}?"
    else:
        hint = f"the newest is {ids[0]}" if ids else "it has no runs yet"
    return RunNotFound(f"the journal {store.path} has no run {run_id!r:.80}; {hint}")


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

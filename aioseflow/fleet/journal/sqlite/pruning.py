"""Old runs leave the journal."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

from ....errors import InvalidArgument
from .. import codec
from . import run_lock as lock
from .opening import translated
from .sqlite_store import SqliteStore


def check(before: datetime | None, keep: int | None) -> tuple[int | None, int]:
    """The limits as numbers. Raises `InvalidArgument` where there is none, which never means everything."""
    if before is None and keep is None:
        raise InvalidArgument(
            "say which runs to delete: those that ended before=…, all but the newest keep=…"
        )
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 0):
        raise InvalidArgument(f"keep={keep!r} is no number of runs; give 0 or more")
    return codec.to_micros_or_none(before), keep or 0


def prunable(store: SqliteStore, before: int | None, keep: int) -> list[str]:
    """The ended runs beyond the newest ``keep`` of them that ended before a time, the oldest first."""
    with translated(store.path, "cannot be read"), closing(store.connect_to_read()) as connection:
        rows = connection.execute(
            "SELECT run_id, finished_at FROM runs WHERE state = 'ended' ORDER BY id DESC"
        ).fetchall()
    return [run_id for run_id, at in reversed(rows[keep:]) if before is None or at < before]


def prune(store: SqliteStore, journal: Path, run_id: str) -> bool:
    """Delete a run with its lock, unless somebody has taken it or it has gone meanwhile."""
    path = lock.place(journal, run_id)
    held = lock.take(path, patience=0)
    if held is None:
        return False
    try:
        if not store.forget(run_id):
            return False
        # While it is held: whoever waited for it finds that the run is gone.
        path.unlink(missing_ok=True)
    finally:
        held.release()
    return True

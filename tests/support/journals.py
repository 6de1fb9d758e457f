"""Runs to put into a journal, and processes that hold or write one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aioseflow.fleet.journal import Journal, RunHeader, StoredRun, TargetRow
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.model.target import Stage

RUN = "run-1"
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """So long after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def header(run_id: str = RUN, **changes: Any) -> RunHeader:
    """A run of one account that stops everything."""
    values: dict[str, Any] = {
        "action": "stop",
        "accounts": ("main",),
        "created_at": NOW,
        "document": {"where": 'power == "running"', "sizes": [1, "10%"]},
    }
    return RunHeader(run_id=run_id, **{**values, **changes})


def rows(count: int, *, first: int = 0) -> list[TargetRow]:
    """Targets, ten of a service."""
    return [
        TargetRow(
            number=number,
            account="main",
            service_id=str(number // 10),
            service_name="Cloud",
            vm_id=str(number),
            vm_label=f"web{number:02}",
            power="running",
        )
        for number in range(first, first + count)
    ]


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[Journal]:
    """A journal for as long as it is needed."""
    journal = Journal(path, **options)
    journal.acquire()
    try:
        yield journal
    finally:
        journal.release()


def begin(journal: Journal, run_id: str = RUN, **changes: Any) -> None:
    """Make a run, and be its runner."""
    assert journal.create(header(run_id, **changes))
    journal.hold(run_id)


def finish(journal: Journal, number: int, run_id: str = RUN, **changes: Any) -> None:
    """The target is done."""
    values: dict[str, Any] = {
        "status": "changed",
        "verified": True,
        "cause": None,
        "step_name": None,
        "attempts": 1,
        "answer_lost": True,
        "error": None,
        "started_at": NOW,
        "finished_at": later(2),
        "left_at": Stage.SENT,
    }
    journal.finished(run_id, number, **{**values, **changes})


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another Python process, which is gone afterwards, whatever it does."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


async def select(journal: Journal, count: int) -> None:
    """Make so many targets of the run, whatever the journal's linger is."""
    selected = journal.selected(RUN, rows(count))
    journal.flush_now()
    assert await selected == []


def store_of(journal: Journal) -> SqliteStore:
    """What an open journal writes to."""
    assert journal._store is not None
    return journal._store


def survivors(path: Path, number: int) -> StoredRun:
    """What is in the file if the power fails now."""
    copy = path.with_name(f"copy-{number}.sqlite")
    for end in ("", "-wal"):
        copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    return asyncio.run(Journal(copy).read(RUN))


def done(run: StoredRun) -> list[int]:
    """The numbers of the targets that are done."""
    return [target.row.number for target in run.targets if target.stage == Stage.DONE]


class Slow(SqliteStore):
    """A store whose commits wait to be let through."""

    gate: threading.Event
    entered: threading.Event

    def apply(self, ops: Any) -> list[Any]:
        self.entered.set()
        assert self.gate.wait(30)
        return super().apply(ops)


def slow(journal: Journal) -> Slow:
    """Make the commits of a journal wait for `Slow.gate`."""
    store = store_of(journal)
    store.__class__ = Slow
    assert isinstance(store, Slow)
    store.gate, store.entered = threading.Event(), threading.Event()
    return store

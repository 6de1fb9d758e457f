"""Runs to put into a journal, the places that a journal may be in, and processes that hold or write one."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from aioseflow.fleet.journal import HeldRun, Journal, RunHeader, StoredRun, TargetRow
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.model.target import Stage

from .memory_journal.memory_database import MemoryDatabase
from .memory_journal.memory_store import MemoryStore

RUN = "run-1"
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
DELAY = 0.01
"""Seconds that a journal suspends for at each of its doors, where it does."""


def copy_of(journal: Path, to: Path) -> Path:
    """What is durable in a file at this moment, as another file."""
    with closing(sqlite3.connect(journal)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    to.chmod(0o600)
    return to


PLACES = ("file", "memory", "suspending")


class JournalPlace:
    """A place of runs that processes share: a file, memory, or memory that is as far away as a server.

    Called, it makes the journal of one process.
    """

    def __init__(self, at: Path | MemoryDatabase, *, delay: float | None = None) -> None:
        self._at = at
        self._delay = delay
        self._copies = 0

    @classmethod
    def of(cls, kind: str, folder: Path) -> JournalPlace:
        """A place of this kind, one of `PLACES`."""
        if kind == "file":
            return cls(folder / "runs.sqlite")
        return cls(MemoryDatabase(), delay=DELAY if kind == "suspending" else None)

    def __call__(self, **options: Any) -> Journal:
        """The journal of one process."""
        at = self._at if isinstance(self._at, Path) else MemoryStore(self._at, delay=self._delay)
        return Journal(at, **options)

    @property
    def suspends(self) -> bool:
        """Whether a run is looked up at its start only."""
        return self._delay is not None or isinstance(self._at, Path)

    def copy(self) -> JournalPlace:
        """What is durable at this moment, at a place of its own: what a kill would leave."""
        if not isinstance(self._at, Path):
            return JournalPlace(self._at.copy(), delay=self._delay)
        self._copies += 1
        return JournalPlace(copy_of(self._at, self._at.with_name(f"{self._at.stem}-{self._copies}.sqlite")))


@attrs.frozen
class KnownAccount:
    """An account, as far as a journal knows one."""

    name: str
    key: str


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


@asynccontextmanager
async def opened(journal: Journal | Path, **options: Any) -> AsyncIterator[Journal]:
    """A journal for as long as it is needed, made where its path is given."""
    made = Journal(journal, **options) if isinstance(journal, Path) else journal
    await made.acquire()
    try:
        yield made
    finally:
        await made.release()


async def open_and_close(path: Path, **options: Any) -> None:
    """Make a file, or bring it up to date."""
    store = SqliteStore(path, **options)
    await store.open()
    await store.close()


async def begin(journal: Journal, run_id: str = RUN, **changes: Any) -> HeldRun:
    """Make a run, and be its runner."""
    assert await journal.create(header(run_id, **changes))
    return await journal.hold(run_id)


def finish(held: HeldRun, number: int, **changes: Any) -> None:
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
    held.finished(number, **{**values, **changes})


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another Python process, which is gone afterwards, whatever it does."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


async def select(journal: Journal, held: HeldRun, count: int) -> None:
    """Make so many targets of the run, whatever the journal's linger is."""
    selected = held.selected(rows(count))
    journal.flush_now()
    assert await selected == []


def store_of(journal: Journal) -> SqliteStore:
    """The file that a journal writes to."""
    store = journal._store
    assert isinstance(store, SqliteStore)
    return store


def survivors(path: Path, number: int) -> StoredRun:
    """What is in the file if the power fails now."""
    copy = path.with_name(f"copy-{number}.sqlite")
    for end in ("", "-wal"):
        copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    return asyncio.run(Journal(copy).read(RUN))


def done(run: StoredRun) -> list[int]:
    """The numbers of the targets that are done."""
    return [target.row.number for target in run.targets if target.stage == Stage.DONE]


class SlowStore(SqliteStore):
    """A store whose commits wait to be let through."""

    gate: threading.Event
    entered: threading.Event

    def apply(self, changes: Any) -> list[Any]:
        self.entered.set()
        assert self.gate.wait(30)
        return super().apply(changes)


def slow(journal: Journal) -> SlowStore:
    """Make the commits of a journal wait for `SlowStore.gate`."""
    store = store_of(journal)
    store.__class__ = SlowStore
    assert isinstance(store, SlowStore)
    store.gate, store.entered = threading.Event(), threading.Event()
    return store

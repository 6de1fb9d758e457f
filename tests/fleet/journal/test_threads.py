"""A journal in a file never holds the loop: SQLite is called in other threads, however slow the disk is."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.clients import QUICK_RETRY

from aioseflow import (
    InvalidArgument,
    Journal,
    JournalError,
    Rollout,
    RunNotFound,
    SeFlow,
    Start,
    Status,
    Stop,
)
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.sandbox import Fault, Sandbox

CALLS: Counter[int] = Counter()
"""How often SQLite was called, by thread."""
QUICK: dict[str, Any] = {"stop_time": 0.0, "start_time": 0.0, "reboot_time": 0.0}


def counted(name: str) -> Callable[..., Any]:
    plain = getattr(sqlite3.Connection, name)

    def call(connection: sqlite3.Connection, *arguments: Any) -> Any:
        CALLS[threading.get_ident()] += 1
        return plain(connection, *arguments)

    return call


class Watched(sqlite3.Connection):
    execute = counted("execute")
    executemany = counted("executemany")
    executescript = counted("executescript")
    close = counted("close")
    commit = counted("commit")


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection counts its calls."""
    connect = sqlite3.connect

    def watched_connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        CALLS[threading.get_ident()] += 1
        connection: sqlite3.Connection = connect(*arguments, **{**options, "factory": Watched})
        return connection

    CALLS.clear()
    monkeypatch.setattr(sqlite3, "connect", watched_connect)


@pytest.fixture
async def panel() -> AsyncIterator[Sandbox]:
    refuses = Fault("error", path="/service/@id/vms/4001/stop", codes=("quota",), times=1)
    async with Sandbox(services=1, vms_per_service=3, seed=1, faults=[refuses], **QUICK) as sandbox:
        yield sandbox


def client(panel: Sandbox, path: Path) -> SeFlow:
    return SeFlow(panel.username, panel.password, base_url=panel.url, journal=path, retry=QUICK_RETRY)


def check() -> None:
    """SQLite was called, and not in this thread, which is that of the loop."""
    assert CALLS
    assert threading.get_ident() not in CALLS


async def test_no_public_call_uses_sqlite_in_the_thread_of_the_loop(panel: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    options: dict[str, Any] = {"wait": False, "rollout": Rollout(same_cause=None)}
    async with client(panel, path) as seflow:
        fleet = seflow.fleet
        first = await fleet.stop(run_id="first", **options)
        assert first.counts[Status.FAILED] == 1
        check()
        for follow in (fleet.retry, fleet.restore, fleet.resume):
            await follow("first")
            check()
        await fleet.stop(run_id="first", **options)
        await fleet.plan(fleet.retry("first"))
        await fleet.run(await fleet.plan(Start(), wait=False))
        await fleet.runs()
        await fleet.report("first")
        await fleet.reconcile("first")
        check()
        for refused in (fleet.retry, fleet.restore, fleet.resume):
            with pytest.raises(RunNotFound):
                await refused("nope")
        with pytest.raises(InvalidArgument):
            await fleet.start(run_id="first")
        check()
        cancelled = fleet.run([Stop(), Start()]).start()
        await asyncio.sleep(0)
        cancelled.cancel()
        await cancelled
        drained = fleet.start().start()
        drained.drain()
        await drained
        await fleet.prune(keep=0)
        check()
        closed = fleet.stop().start()
        await asyncio.sleep(0.05)
    assert closed.is_over
    check()
    async with client(panel, path) as seflow:
        assert await seflow.fleet.runs()
        await seflow.fleet.start(wait=False)
    check()


async def test_two_processes_and_an_unusable_file_are_told_apart_without_sqlite_in_the_loop(
    panel: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "runs.sqlite"
    path.write_text("not a database, but long enough to be read as the header of one " * 20)
    async with client(panel, path) as seflow:
        run = seflow.fleet.stop()
        with pytest.raises(JournalError, match="database"):
            await run
        check()


async def test_a_journal_that_is_opened_for_nobody_is_closed(tmp_path: Path) -> None:
    entered, gate = threading.Event(), threading.Event()
    closed = threading.Event()

    class Slow(SqliteStore):
        def _connect(self) -> Any:
            entered.set()
            gate.wait(30)
            opened = super()._connect()
            connection = opened[0]

            class Seen:
                def close(self) -> None:
                    connection.close()
                    closed.set()

            return Seen(), *opened[1:]

    journal = Journal(Slow(tmp_path / "runs.sqlite"))
    opening = asyncio.create_task(journal.acquire())
    await asyncio.to_thread(entered.wait, 30)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    gate.set()
    await asyncio.to_thread(closed.wait, 30)
    await journal.acquire()
    await journal.release()


def test_a_run_whose_loop_ends_is_recorded_to_its_end(tmp_path: Path) -> None:
    """The loop is about to end, so that nothing waits for it, and no task could be waited for."""
    path = tmp_path / "runs.sqlite"

    async def begin() -> str:
        panel = Sandbox(services=1, vms_per_service=3, seed=1, stop_time=60.0)
        await panel.start()
        seflow = client(panel, path)
        await seflow.__aenter__()
        run = seflow.fleet.stop().start()
        while run.progress.settling < 3:
            assert run.is_live, run.report.summary()
            await asyncio.sleep(0.01)
        return run.id

    with warnings.catch_warnings():
        # Nobody closes the connections of a loop that is left like this one.
        warnings.simplefilter("ignore", ResourceWarning)
        run_id = asyncio.run(begin())
        gc.collect()
    assert not path.with_name("runs.sqlite-wal").exists()

    async def look() -> Any:
        return await Journal(path).read(run_id)

    stored = asyncio.run(look())
    assert stored.info.state == "ended"
    assert {target.cause for target in stored.targets} == {"cancelled"}

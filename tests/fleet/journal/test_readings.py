"""Readings: they need no lock for writing, no medium that can be written, and make nothing."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.journals import RUN, KnownAccount, begin, header, opened, process, rows, select
from support.users import run_bound_by_modes

from aioseflow.fleet.journal import Journal, JournalError, RunNotFound
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite import opening
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.journal.sqlite.tables import APPLICATION_ID, MIGRATIONS

TESTS = Path(__file__).parents[2]
READ = """
import asyncio, sys
from aioseflow.fleet.journal import Journal

async def main():
    journal = Journal(sys.argv[1])
    runs = await journal.runs()
    stored = await journal.read(runs[0].header.run_id)
    print(runs[0].header.run_id, len(stored.targets), sorted(await journal.living([runs[0].header.run_id])))

asyncio.run(main())
"""
LEAVE = f"""
import asyncio, os, sys
sys.path.insert(0, {str(TESTS)!r})
from support.journals import *

async def main():
    journal = Journal(sys.argv[1])
    await journal.acquire()
    held = await begin(journal)
    held.selected(rows(3))
    await journal.flush()
    os._exit(0)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that may be made read-only."""
    yield tmp_path
    tmp_path.chmod(0o700)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def content(path: Path) -> bytes:
    return path.read_bytes()


def close_for_writing(folder: Path) -> None:
    for file in (folder / "runs.sqlite.locks").iterdir():
        file.chmod(0o400)
    folder.chmod(0o555)


async def test_a_reading_does_not_wait_for_the_lock_of_a_writer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as journal:
        held = await begin(journal)
        journal.learn(KnownAccount("main", "key"), "limit", 3.0)
        await held.give()
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal = Journal(path)
        with pytest.raises(JournalError, match="locked"):
            await journal.acquire()
        assert [info.header.run_id for info in await journal.runs()] == [RUN]
        assert (await journal.read(RUN)).info.state == "running"
        assert await journal.look_up(RUN) is not None
        assert (await journal.read(RUN, soon=True)).targets == []
        assert await journal.learned(KnownAccount("main", "key")) == {"limit": 3.0}
        assert await journal.living([RUN]) == frozenset()
        with pytest.raises(RunNotFound, match=f"the newest is {RUN}"):
            await journal.read("another")
        assert str(await journal.active(RUN)).startswith(f"run {RUN} is being run by")


async def test_readings_make_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.sqlite"
    journal = Journal(path)
    assert await journal.runs() == []
    assert await journal.look_up(RUN) is None
    assert await journal.learned(KnownAccount("main", "key")) == {}
    with pytest.raises(RunNotFound, match="no runs yet"):
        await journal.read(RUN)
    assert names(tmp_path) == []


@pytest.mark.parametrize("left", ["closed", "killed", "without its index"])
def test_a_journal_on_a_medium_that_is_read_only_is_read(folder: Path, left: str) -> None:
    path = folder / "runs.sqlite"
    with process(LEAVE, path) as child:
        assert child.wait(timeout=30) == 0
    if left == "closed":
        complete(Journal(path).create(header("later")))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM runs WHERE run_id = 'later'")
            connection.commit()
    elif left == "without its index":
        path.with_name("runs.sqlite-shm").unlink()
    assert path.with_name("runs.sqlite-wal").exists() is (left != "closed")
    folder.chmod(0o555)
    before = sorted(file.name for file in folder.iterdir())
    done = run_bound_by_modes([sys.executable, "-c", READ, str(path)])
    assert (done.stdout, done.stderr) == (f"{RUN} 3 []\n", "")
    assert sorted(file.name for file in folder.iterdir()) == before


async def test_who_runs_a_run_is_seen_where_nothing_can_be_written(folder: Path) -> None:
    path = folder / "runs.sqlite"
    async with opened(path) as journal:
        held = await begin(journal)
        await select(journal, held, 1)
        close_for_writing(folder)
        done = run_bound_by_modes([sys.executable, "-c", READ, str(path)])
        assert (done.stdout, done.stderr) == (f"{RUN} 1 ['{RUN}']\n", "")
        await held.give()


async def test_those_who_ask_who_runs_a_run_do_not_take_each_other_for_it(path: Path) -> None:
    import fcntl

    async with opened(path) as journal:
        held = await begin(journal)
        await held.give()
        (lock,) = [
            file for file in path.with_name("runs.sqlite.locks").iterdir() if file.name != "making.lock"
        ]
        with lock.open() as asking:
            fcntl.flock(asking, fcntl.LOCK_SH)
            assert await journal.living([RUN]) == frozenset()


@pytest.fixture
def old(path: Path) -> Path:
    """A journal of version 1."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in MIGRATIONS[:1]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO runs (run_id, action, accounts, created_at, document, note, requested_by) "
            "VALUES ('old', 'stop', '[\"main\"]', 1, '{}', '', '')"
        )
    path.chmod(0o600)
    return path


async def test_an_older_version_is_read_without_being_changed(old: Path) -> None:
    before = content(old)
    assert [info.header.run_id for info in await Journal(old).runs()] == ["old"]
    assert (await Journal(old).read("old")).without_vms == ()
    assert content(old) == before
    async with opened(old) as journal:
        assert [info.header.run_id for info in await journal.runs()] == ["old"]
    assert content(old) != before


async def test_a_reading_of_an_open_journal_sees_what_was_recorded_before(path: Path) -> None:
    async with opened(path, linger=3600.0) as journal:
        held = await begin(journal)
        held.selected(rows(5))
        assert len((await journal.read(RUN)).targets) == 5
        held.selected(rows(2, first=5))
        assert len((await journal.read(RUN, soon=True)).targets) == 7
        await held.give()


def test_a_file_that_may_not_be_read_is_said_so(folder: Path) -> None:
    path = folder / "runs.sqlite"
    store = SqliteStore(path)
    complete(store.open())
    complete(store.close())
    path.chmod(0)
    done = run_bound_by_modes([sys.executable, "-c", READ, str(path)])
    assert f"JournalError: the journal {path} cannot be read: Permission denied" in done.stderr

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.journals import RUN, begin, header, open_and_close, opened, process

from aioseflow.errors import ConfigurationError, InvalidArgument
from aioseflow.fleet.journal import Journal, JournalError
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite import opening
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.journal.sqlite.tables import APPLICATION_ID


@pytest.fixture
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(path: Path) -> dict[str, bytes]:
    """All files of a folder, except what SQLite keeps in memory next to a database."""
    return {
        file.name: file.read_bytes()
        for file in sorted(path.iterdir())
        if file.is_file() and not file.name.endswith("-shm")
    }


@pytest.mark.usefixtures("generous_umask")
async def test_nobody_else_may_read_a_new_journal_nor_what_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "newer" / "runs.sqlite"
    async with opened(path) as journal:
        held = await begin(journal)
        files = {file.name: mode(file) for file in path.parent.iterdir()}
        assert files == {
            "runs.sqlite": 0o600,
            "runs.sqlite-wal": 0o600,
            "runs.sqlite-shm": 0o600,
            "runs.sqlite.locks": 0o700,
        }
        assert {mode(file) for file in path.with_name("runs.sqlite.locks").iterdir()} == {0o600}
        assert mode(path.parent) == mode(path.parent.parent) == 0o700
        await held.give()


async def test_it_is_durable_and_marked_as_ours(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    assert store._connection is not None
    read = {
        name: store._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "application_id", "user_version")
    }
    await store.close()
    assert read == {
        "journal_mode": "wal",
        "synchronous": 2,
        "application_id": APPLICATION_ID,
        "user_version": 6,
    }


def no_database(path: Path) -> None:
    path.write_text("where = everything\n" * 200, encoding="utf-8")


def another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def future(path: Path) -> None:
    complete(open_and_close(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")


def damaged(path: Path) -> None:
    complete(open_and_close(path))
    whole = bytearray(path.read_bytes())
    # The page that holds the first table's root.
    whole[4096:8192] = b"\xff" * 4096
    path.write_bytes(whole)


def cut(path: Path) -> None:
    complete(open_and_close(path))
    path.write_bytes(path.read_bytes()[:-4096])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (no_database, "file is not a database"),
        (another_program, "a database of another program"),
        (future, r"a newer aioseflow \(its schema is version 7, this one knows up to 6\)"),
        (damaged, "damaged|malformed"),
        (cut, "damaged|malformed"),
    ],
)
def test_a_file_that_is_no_usable_journal_is_refused_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], says: str
) -> None:
    make(path)
    before, names = path.read_bytes(), {file.name for file in path.parent.iterdir()}
    journal = Journal(path)
    for _ in range(2):
        with pytest.raises(JournalError, match=says) as caught:
            complete(journal.acquire())
        assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    # SQLite itself may have looked into it.
    assert {file.name for file in path.parent.iterdir()} - names <= {"runs.sqlite-wal", "runs.sqlite-shm"}
    with pytest.raises(ConfigurationError, match="released more often"):
        complete(journal.release())


async def test_a_future_version_is_seen_even_in_what_was_never_moved_from_the_wal(path: Path) -> None:
    await open_and_close(path)
    code = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('PRAGMA user_version = 99')\n"
        "os._exit(0)\n"
    )
    with process(code, path) as child:
        assert child.wait(timeout=30) == 0
    before = content(path.parent)
    assert before["runs.sqlite-wal"]
    with pytest.raises(JournalError, match="version 99"):
        await Journal(path).acquire()
    assert content(path.parent) == before


async def test_what_a_killed_process_left_in_the_wal_is_kept(path: Path) -> None:
    code = (
        "import os, sys\n"
        "import asyncio\n"
        "from support.journals import *\n"
        "async def main():\n"
        "    journal = Journal(sys.argv[1])\n"
        "    await journal.acquire()\n"
        "    await journal.create(header('left'))\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    with process(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n" + code, path
    ) as child:
        assert child.wait(timeout=30) == 0
    assert path.with_name("runs.sqlite-wal").stat().st_size
    async with opened(path) as journal:
        assert not await journal.create(header("left"))


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_file_is_refused(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(JournalError, match="is not a file"):
        complete(Journal(path).acquire())


@pytest.mark.parametrize("name", ["", " ", ":memory:", "file:x", "a\0b", ".", "..", "~", "runs/", "runs/.."])
def test_a_name_that_can_be_no_files_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"names no file|is a directory"):
        Journal(name)


def test_the_home_is_expanded_and_a_relative_path_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    journal = Journal("runs.sqlite")
    monkeypatch.chdir("/")
    assert journal.path == Journal("~/runs.sqlite").path == tmp_path / "runs.sqlite"
    assert repr(journal) == f"Journal({str(tmp_path / 'runs.sqlite')!r})"
    with pytest.raises(ConfigurationError, match="no such home"):
        Journal("~nobody-of-that-name/runs.sqlite")
    with pytest.raises(InvalidArgument, match="linger"):
        Journal("runs.sqlite", linger=-1)


async def test_nothing_is_made_before_it_is_opened(path: Path) -> None:
    assert await Journal(path).living([RUN]) == frozenset()
    assert not list(path.parent.iterdir())


async def test_a_link_leads_to_one_journal_with_one_set_of_locks(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    async with opened(link) as through_link, opened(path) as direct:
        held = await begin(through_link)
        assert await direct.living([RUN]) == {RUN}
        await held.give()
        assert await direct.living([RUN]) == frozenset()
    assert not [file for file in path.parent.iterdir() if file.name.startswith("link.sqlite.")]


def test_a_file_without_content_becomes_a_journal_of_its_owners(path: Path) -> None:
    path.touch(mode=0o644)
    assert complete(Journal(path).create(header()))
    assert mode(path) == 0o600


async def test_what_was_left_of_a_making_that_was_killed_is_no_hindrance(path: Path) -> None:
    for end in (".new", ".new-journal", ".new-wal"):
        path.with_name(path.name + end).write_bytes(b"half")
    async with opened(path) as journal:
        assert await journal.create(header())
    assert sorted(file.name for file in path.parent.iterdir()) == ["runs.sqlite", "runs.sqlite.locks"]


def test_a_wal_without_its_journal_is_not_played_into_a_new_one(path: Path) -> None:
    stray = path.with_name("runs.sqlite-wal")
    stray.write_bytes(b"committed")
    with pytest.raises(JournalError, match=r"runs\.sqlite-wal is, which is a part of one"):
        complete(Journal(path).acquire())
    assert stray.read_bytes() == b"committed"
    assert not path.exists()


def test_where_there_can_be_no_wal_there_is_no_journal(path: Path) -> None:
    # A file system without shared memory, as SQLite sees it.
    with pytest.raises(JournalError, match=r"cannot be kept durable here \(SQLite uses journal_mode=delete"):
        complete(open_and_close(path, vfs="unix-dotfile"))
    assert not path.exists()


async def test_a_making_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening, "_set_durable", full)
    with pytest.raises(JournalError, match="No space left"):
        await Journal(path).acquire()
    assert [file.name for file in path.parent.iterdir()] == ["runs.sqlite.locks"]


async def test_a_large_file_is_searched_for_damage_once_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_and_close(path)
    searched: list[Path] = []
    monkeypatch.setattr(opening, "_search_for_damage", lambda _, path: searched.append(path))
    journal = Journal(path)
    for number in range(3):
        await journal.create(header(str(number)))
    assert searched == [path]
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)
    assert not await journal.create(header("0"))
    assert searched == [path, path]


async def test_uses_are_counted(path: Path) -> None:
    journal = Journal(path)
    await journal.acquire()
    async with opened(path):
        await journal.acquire()
        await journal.release()
        held = await begin(journal)
    await journal.release()
    with pytest.raises(ConfigurationError, match="is not open"):
        held.discovered()
    await held.give()


def test_neither_the_database_nor_locks_are_loaded_before_they_are_used() -> None:
    code = (
        "import sys, aioseflow.fleet.journal as it\n"
        "print([name for name in ('sqlite3', 'filelock') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

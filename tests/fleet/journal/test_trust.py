"""Journals that others could have written: not used, because a run is resumed from one without a question."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.journals import RUN, begin, header, open_and_close, opened

from aioseflow.fleet.journal import Journal, JournalError
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore


@pytest.fixture
async def used(path: Path) -> Path:
    """A journal with a run."""
    async with opened(path) as journal:
        await (await begin(journal)).give()
    return path


def content(path: Path) -> bytes:
    return path.read_bytes()


def allow(path: Path, mode: int) -> None:
    path.chmod(mode)


def everybodys_file(path: Path) -> None:
    path.chmod(0o666)


def groups_file(path: Path) -> None:
    path.chmod(0o660)


def everybodys_wal(path: Path) -> None:
    path.with_name("runs.sqlite-wal").touch()
    path.with_name("runs.sqlite-wal").chmod(0o666)


def everybodys_locks(path: Path) -> None:
    path.with_name("runs.sqlite.locks").chmod(0o777)


def everybodys_folder(path: Path) -> None:
    path.parent.chmod(0o777)


def groups_folder(path: Path) -> None:
    path.parent.chmod(0o770)


@pytest.mark.parametrize(
    "expose",
    [everybodys_file, groups_file, everybodys_wal, everybodys_locks, everybodys_folder, groups_folder],
)
async def test_a_journal_that_others_can_change_is_not_used(
    used: Path, expose: Callable[[Path], None]
) -> None:
    before = content(used)
    expose(used)
    journal = Journal(used)
    for use in (journal.acquire, journal.runs, lambda: journal.read(RUN)):
        with pytest.raises(
            JournalError, match=r"others can change .*, so the journal is not used: chmod go-w"
        ):
            await use()
    assert content(used) == before


@pytest.mark.parametrize("what", ["runs.sqlite", "."])
async def test_a_journal_of_another_user_is_not_used(
    used: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = used.parent / what
    if os.geteuid() == 0:
        # What root owns everybody may use.
        os.chown(theirs, 12345, -1)
    owner = theirs.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    for use in (Journal(used).acquire, Journal(used).runs):
        with pytest.raises(JournalError, match="belongs to another user, so the journal is not used"):
            await use()


async def test_what_others_can_only_read_is_used(used: Path) -> None:
    allow(used, 0o644)
    allow(used.parent, 0o755)
    async with opened(used) as journal:
        assert await journal.create(header("next"))


async def test_a_folder_such_as_tmp_is_used(used: Path) -> None:
    # Nobody can remove or rename there what is another's.
    used.parent.chmod(0o1777)
    async with opened(used) as journal:
        assert await journal.create(header("next"))
    used.with_name("runs.sqlite-wal").touch(0o666)
    used.with_name("runs.sqlite-wal").chmod(0o666)
    with pytest.raises(JournalError, match=r"others can change .*-wal"):
        await Journal(used).acquire()


def test_nothing_is_made_in_a_folder_that_others_can_change(path: Path) -> None:
    path.parent.chmod(0o777)
    with pytest.raises(JournalError, match="name a file in a folder that is not there yet") as caught:
        complete(open_and_close(path))
    assert caught.value.argument == "journal"
    assert list(path.parent.iterdir()) == []
    complete(open_and_close(path.parent / "mine" / "runs.sqlite"))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "CREATE TRIGGER undo AFTER UPDATE ON targets BEGIN UPDATE targets SET stage = 0; END",
            "holds the trigger undo",
        ),
        ("CREATE VIEW all_of_them AS SELECT * FROM runs", "holds the view all_of_them"),
    ],
)
async def test_a_journal_with_code_in_it_is_not_used(used: Path, code: str, says: str) -> None:
    with closing(sqlite3.connect(used)) as connection:
        connection.execute(code)
    for use in (Journal(used).acquire, Journal(used).runs):
        with pytest.raises(JournalError, match=says):
            await use()


async def test_no_connection_trusts_the_schema(used: Path) -> None:
    store = SqliteStore(used)
    await store.open()
    assert store._connection is not None
    with store._reading() as reading:
        for connection in (store._connection, reading):
            assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    await store.close()
    with store._reading() as reading:
        assert reading.execute("PRAGMA trusted_schema").fetchone() == (0,)

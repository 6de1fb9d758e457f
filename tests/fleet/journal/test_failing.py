from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.journals import NOW, RUN, begin, done, finish, rows, select, slow, store_of

from aioseflow.fleet.journal import Journal, JournalError
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore


def fill_disk(journal: Journal) -> None:
    (pages,) = store_of(journal)._connection.execute("PRAGMA page_count").fetchone()
    store_of(journal)._connection.execute(f"PRAGMA max_page_count = {pages}")


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def empty(path: Path) -> None:
    path.touch()


def long_cause(journal: Journal, number: int) -> None:
    """More than fits into the pages that are there."""
    finish(journal, number, cause="long" * 5000)


@pytest.mark.parametrize("how", ["full", "moved", "replaced", "wal deleted", "odd"])
async def test_what_cannot_be_made_durable_is_said_to_all_who_wait_and_come_later(
    journal: Journal, path: Path, how: str
) -> None:
    if how == "full":
        fill_disk(journal)
        says = "could not record what was done: database or disk is full; free space"
    elif how == "moved":
        move_away(path)
        says = "could not record what was done: .*No such file"
    elif how == "replaced":
        move_away(path)
        empty(path)
        says = "was moved, replaced or deleted while it was in use"
    elif how == "wal deleted":
        move_away(path.with_name("runs.sqlite-wal"))
        says = "could not record what was done: .*No such file"
    else:
        finish(journal, 6, attempts=2**70)
        says = "could not record what was done: OverflowError"
    waiting = [asyncio.create_task(journal.intend(RUN, number, 0, NOW)) for number in range(5)]
    await asyncio.sleep(0)
    long_cause(journal, 5)
    selected = journal.selected(RUN, rows(2, first=300))
    with pytest.raises(JournalError, match=says):
        await journal.flush()
    for result in await asyncio.gather(*waiting, selected, return_exceptions=True):
        assert isinstance(result, JournalError)
    assert journal.broken is not None
    with pytest.raises(JournalError, match=says):
        await journal.intend(RUN, 5, 0, NOW)
    with pytest.raises(JournalError, match=says):
        finish(journal, 5)
    with pytest.raises(JournalError, match=says):
        journal.flush_now()


async def test_what_came_during_a_commit_that_failed_fails_too(journal: Journal) -> None:
    store = slow(journal)
    fill_disk(journal)
    long_cause(journal, 0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    late = asyncio.create_task(journal.intend(RUN, 1, 0, NOW))
    await asyncio.sleep(0)
    store.gate.set()
    for task in (flushing, late):
        with pytest.raises(JournalError, match="disk is full"):
            await task


async def test_a_failed_commit_is_none_at_all_and_a_new_opening_a_new_beginning(
    journal: Journal, path: Path
) -> None:
    fill_disk(journal)
    finish(journal, 0)
    long_cause(journal, 1)
    with pytest.raises(JournalError):
        await journal.flush()
    # It can still be read, up to what is certain.
    assert done(await journal.read(RUN)) == []
    journal.release()
    assert journal.broken is not None
    journal.acquire()
    assert journal.broken is None
    finish(journal, 0)
    await journal.flush()
    assert done(await journal.read(RUN)) == [0]


def test_what_nobody_has_been_told_of_is_told_at_the_end(path: Path) -> None:
    async def main(journal: Journal) -> None:
        begin(journal)
        await select(journal, 3)
        fill_disk(journal)
        long_cause(journal, 0)

    journal = Journal(path, linger=3600.0)
    journal.acquire()
    asyncio.run(main(journal))
    with pytest.raises(JournalError, match="disk is full"):
        journal.release()
    assert journal.broken is not None
    journal.unhold(RUN)
    # It is closed nevertheless.
    assert done(asyncio.run(Journal(path).read(RUN))) == []


def test_an_interrupted_commit_is_made_later(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        finish(journal, 0)
        finish(journal, 1)
        with monkeypatch.context() as patch:
            patch.setattr(SqliteStore, "apply", interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.flush_now()
        finish(journal, 2)
        await journal.flush()
        assert done(await journal.read(RUN)) == [0, 1, 2]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    asyncio.run(main())


async def test_a_target_that_is_not_there_is_never_acknowledged(journal: Journal) -> None:
    journal.flush_now()
    waiting = asyncio.create_task(journal.intend(RUN, 4711, 0, NOW))
    await asyncio.sleep(0)
    with pytest.raises(JournalError, match="a target or run that it does not have"):
        journal.flush_now()
    with pytest.raises(JournalError):
        await waiting

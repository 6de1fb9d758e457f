from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.journals import (
    NOW,
    RUN,
    JournalPlace,
    begin,
    done,
    finish,
    opened,
    rows,
    select,
    slow,
    store_of,
)

from aioseflow.fleet.journal import HeldRun, Journal, JournalError
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.model.target import Stage


def fill_disk(journal: Journal) -> None:
    connection = store_of(journal)._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def empty(path: Path) -> None:
    path.touch()


def long_cause(held: HeldRun, number: int) -> None:
    """More than fits into the pages that are there."""
    finish(held, number, cause="long" * 5000)


@pytest.mark.parametrize("how", ["full", "moved", "replaced", "wal deleted", "odd"])
async def test_what_cannot_be_made_durable_is_said_to_all_who_wait_and_come_later(
    journal: Journal, held: HeldRun, path: Path, how: str
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
        finish(held, 6, attempts=2**70)
        says = "could not record what was done: OverflowError"
    waiting = [asyncio.create_task(held.intend(number, 0, NOW)) for number in range(5)]
    await asyncio.sleep(0)
    long_cause(held, 5)
    selected = held.selected(rows(2, first=300))
    with pytest.raises(JournalError, match=says):
        await journal.flush()
    for result in await asyncio.gather(*waiting, selected, return_exceptions=True):
        assert isinstance(result, JournalError)
    assert journal.broken is not None
    with pytest.raises(JournalError, match=says):
        await held.intend(5, 0, NOW)
    with pytest.raises(JournalError, match=says):
        finish(held, 5)
    with pytest.raises(JournalError, match=says):
        journal.flush_now()


async def test_what_came_during_a_commit_that_failed_fails_too(journal: Journal, held: HeldRun) -> None:
    store = slow(journal)
    fill_disk(journal)
    long_cause(held, 0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    late = asyncio.create_task(held.intend(1, 0, NOW))
    await asyncio.sleep(0)
    store.gate.set()
    for task in (flushing, late):
        with pytest.raises(JournalError, match="disk is full"):
            await task


async def test_a_failed_commit_is_none_at_all_and_a_new_opening_a_new_beginning(
    journal: Journal, held: HeldRun
) -> None:
    fill_disk(journal)
    finish(held, 0)
    long_cause(held, 1)
    with pytest.raises(JournalError):
        await journal.flush()
    # It can still be read, up to what is certain.
    assert done(await journal.read(RUN)) == []
    await journal.release()
    assert journal.broken is not None
    await journal.acquire()
    assert journal.broken is None
    finish(held, 0)
    await journal.flush()
    assert done(await journal.read(RUN)) == [0]


async def test_an_error_that_was_not_raised_yet_is_raised_at_the_end(path: Path) -> None:
    journal = Journal(path, linger=3600.0)
    await journal.acquire()
    held = await begin(journal)
    await select(journal, held, 3)
    fill_disk(journal)
    long_cause(held, 0)
    with pytest.raises(JournalError, match="disk is full"):
        await journal.release()
    assert journal.broken is not None
    await held.give()
    # It is closed nevertheless.
    assert done(await Journal(path).read(RUN)) == []


async def test_a_broken_journal_is_so_for_all_who_wait_and_come_later_at_any_place(
    new_journal: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = new_journal()
    await journal.acquire()
    held = await begin(journal)
    await select(journal, held, 3)

    def gone(changes: object) -> list[object]:
        raise OSError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(journal._store, "apply", gone)
        waiting = [asyncio.create_task(held.intend(number, 0, NOW)) for number in range(3)]
        results = await asyncio.gather(*waiting, journal.flush(), return_exceptions=True)
        assert {type(result) for result in results} == {JournalError}
        with pytest.raises(JournalError, match="the server is gone"):
            finish(held, 0)
        assert await journal.living([RUN]) == {RUN}
        await held.give()
        await journal.release()
    assert journal.broken is not None
    async with opened(new_journal()) as later:
        held = await later.hold(RUN)
        assert [target.stage for target in (await later.read(RUN)).targets] == [Stage.QUEUED] * 3
        await held.give()


async def test_an_interrupted_commit_is_made_later(
    journal: Journal, held: HeldRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    finish(held, 0)
    finish(held, 1)
    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.flush_now()
    finish(held, 2)
    await journal.flush()
    assert done(await journal.read(RUN)) == [0, 1, 2]


async def test_a_target_that_is_not_there_is_never_acknowledged(journal: Journal, held: HeldRun) -> None:
    journal.flush_now()
    waiting = asyncio.create_task(held.intend(4711, 0, NOW))
    await asyncio.sleep(0)
    with pytest.raises(JournalError, match="does not have a target"):
        journal.flush_now()
    with pytest.raises(JournalError):
        await waiting

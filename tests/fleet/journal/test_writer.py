from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.journals import NOW, RUN, begin, finish, opened, rows
from support.virtual import VirtualLoop

from aioseflow.fleet.journal import Journal, JournalError, StoredRun
from aioseflow.fleet.journal.statements import Kind, Op
from aioseflow.fleet.journal.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """An open journal with a run of 200 targets, whose commits wait for an hour."""
    with opened(path, linger=3600.0) as journal:
        begin(journal)
        asyncio.run(select(journal, 200))
        yield journal
        journal.unhold(RUN)


async def select(journal: Journal, count: int) -> None:
    selected = journal.selected(RUN, rows(count))
    journal.flush_now()
    assert await selected == []


def store_of(journal: Journal) -> Store:
    assert journal._store is not None
    return journal._store


def survivors(path: Path, number: int) -> StoredRun:
    """What is in the file if the power fails now."""
    copy = path.with_name(f"copy-{number}.sqlite")
    for end in ("", "-wal"):
        copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    return asyncio.run(Journal(copy).read(RUN))


def done(run: StoredRun) -> list[int]:
    return [target.row.number for target in run.targets if target.stage == "done"]


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


class Slow(Store):
    """A store whose commits wait to be let through."""

    gate: threading.Event
    entered: threading.Event

    def apply(self, ops: Any) -> list[Any]:
        self.entered.set()
        assert self.gate.wait(30)
        return super().apply(ops)


def slow(journal: Journal) -> Slow:
    store = store_of(journal)
    store.__class__ = Slow
    assert isinstance(store, Slow)
    store.gate, store.entered = threading.Event(), threading.Event()
    return store


def test_whatever_waits_is_one_commit(path: Path) -> None:
    async def main(journal: Journal) -> int:
        before = store_of(journal).commits
        await asyncio.gather(*(journal.intend(RUN, number, 0, NOW) for number in range(100)))
        for number in range(100):
            finish(journal, number)
        await journal.flush()
        return store_of(journal).commits - before

    with opened(path) as journal:
        begin(journal)
        asyncio.run(select(journal, 100))
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            assert runner.run(main(journal)) == 2
        journal.unhold(RUN)


def test_a_lone_intent_waits_for_company_as_long_as_was_said_and_no_longer(path: Path) -> None:
    async def main(journal: Journal) -> float:
        began = asyncio.get_running_loop().time()
        await journal.intend(RUN, 0, 0, NOW)
        return asyncio.get_running_loop().time() - began

    with opened(path, linger=0.25) as journal:
        begin(journal)
        asyncio.run(select(journal, 1))
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            assert runner.run(main(journal)) == pytest.approx(0.25)
        journal.unhold(RUN)


async def test_an_intent_returns_only_when_it_is_in_the_file(journal: Journal, path: Path) -> None:
    store = slow(journal)
    intent = asyncio.create_task(journal.intend(RUN, 7, 0, NOW))
    await asyncio.sleep(0)
    flushed = asyncio.create_task(journal.flush())
    await asyncio.to_thread(store.entered.wait, 30)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not intent.done()
    assert not flushed.done()
    read = await asyncio.to_thread(survivors, path, 0)
    assert read.targets[7].stage == "queued"
    store.gate.set()
    await intent
    read = await asyncio.to_thread(survivors, path, 1)
    assert read.targets[7].stage == "open"
    assert read.targets[7].sent_at == NOW
    await flushed


async def test_what_came_during_a_commit_is_the_next_one(journal: Journal) -> None:
    store = slow(journal)
    before = store.commits
    first = asyncio.create_task(journal.flush())
    finish(journal, 0)
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    late = [asyncio.create_task(journal.intend(RUN, number, 0, NOW)) for number in range(1, 60)]
    await asyncio.sleep(0)
    store.gate.set()
    # They are many enough not to wait for the hour.
    await asyncio.gather(first, *late)
    assert store.commits == before + 2


async def test_nothing_is_ever_durable_before_what_came_earlier(journal: Journal, path: Path) -> None:
    choose = random.Random(5)
    told, acknowledged = 0, -1
    copies = 0
    while told < 200:
        for _ in range(choose.randrange(1, 9)):
            if told < 200:
                finish(journal, told)
                told += 1
        what = choose.randrange(4)
        if what == 0:
            await journal.flush()
            acknowledged = told - 1
        elif what == 1:
            journal.flush_now()
            acknowledged = told - 1
        elif what == 2:
            # Left to the journal's thread, while more comes.
            flushing = asyncio.create_task(journal.flush())
            await asyncio.sleep(0)
            copies += 1
            read = done(await asyncio.to_thread(survivors, path, copies))
            assert read == list(range(len(read)))
            assert acknowledged < len(read) <= told
            await flushing
    journal.flush_now()
    assert done(await asyncio.to_thread(survivors, path, 0)) == list(range(200))
    assert copies > 5


async def test_what_is_not_flushed_is_lost_whole(journal: Journal, path: Path) -> None:
    finish(journal, 0)
    await journal.flush()
    finish(journal, 1)
    journal.discovered(RUN)
    read = await asyncio.to_thread(survivors, path, 0)
    assert done(read) == [0]
    assert not read.discovered


async def test_a_commit_in_the_loops_thread_keeps_the_order(journal: Journal) -> None:
    store = slow(journal)
    seen: list[list[Kind]] = []
    apply = Store.apply

    def noted(ops: list[Op]) -> list[Any]:
        seen.append([kind for kind, _, _ in ops])
        return apply(store, ops)

    finish(journal, 0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    journal.discovered(RUN)
    store.gate.set()
    store.apply = noted  # type: ignore[method-assign]
    journal.flush_now()
    read = await asyncio.to_thread(survivors, journal.path, 0)
    assert read.discovered
    assert done(read) == [0]
    assert seen == [[Kind.DISCOVERED]]
    await flushing


async def test_a_commit_in_the_loops_thread_waits_for_that_of_the_other(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = threading.Event()
    steps: list[str] = []
    apply = Store.apply

    def noted(store: Store, ops: list[Op]) -> list[Any]:
        steps.append("begin")
        if not entered.is_set():
            entered.set()
            # Long enough for one that does not wait to show it.
            threading.Event().wait(0.05)
        results = apply(store, ops)
        steps.append("end")
        return results

    monkeypatch.setattr(Store, "apply", noted)
    finish(journal, 0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(entered.wait, 30)
    finish(journal, 1)
    journal.flush_now()
    assert steps == ["begin", "end", "begin", "end"]
    await flushing


async def test_a_cancelled_intent_is_replaced_by_what_is_told_afterwards(journal: Journal) -> None:
    intents = [asyncio.create_task(journal.intend(RUN, number, 0, NOW)) for number in (0, 1)]
    await asyncio.sleep(0)
    intents[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await intents[0]
    finish(journal, 0, status="not_attempted", attempts=0, may_have_acted=False)
    await journal.flush()
    # The other one's was not cancelled with it.
    await intents[1]
    first, second, *_ = (await journal.read(RUN)).targets
    assert (first.stage, first.status) == ("done", "not_attempted")
    assert second.stage == "open"


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


def test_the_last_release_makes_everything_durable(path: Path) -> None:
    async def main() -> None:
        with opened(path, linger=3600.0) as journal:
            begin(journal)
            await select(journal, 3)
            finish(journal, 2)
            journal.unhold(RUN)

    asyncio.run(main())
    assert done(asyncio.run(Journal(path).read(RUN))) == [2]


@pytest.mark.parametrize("linger", [0.001, 3600.0])
def test_a_loop_that_ended_hinders_no_later_one(path: Path, linger: float) -> None:
    async def leave() -> None:
        begin(journal)
        await select(journal, 4)
        finish(journal, 0)
        waiting = asyncio.ensure_future(journal.intend(RUN, 1, 0, NOW))
        await asyncio.sleep(0)
        waiting.cancel()

    async def go_on() -> None:
        await journal.intend(RUN, 2, 0, NOW)
        finish(journal, 3)
        await journal.flush()
        stages = [target.stage for target in (await journal.read(RUN)).targets]
        assert stages == ["done", "open", "open", "done"]

    with opened(path, linger=linger) as journal:
        asyncio.run(leave())
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(go_on())
        journal.unhold(RUN)


def test_what_was_enqueued_in_a_loop_that_is_gone_can_still_be_flushed(journal: Journal, path: Path) -> None:
    async def leave() -> None:
        finish(journal, 0)
        journal.selected(RUN, rows(1, first=300))

    asyncio.run(leave())
    journal.flush_now()
    assert done(survivors(path, 0)) == [0]


def test_an_interrupted_commit_is_made_later(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        finish(journal, 0)
        finish(journal, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "apply", interrupted)
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


async def test_reading_waits_for_what_was_told_before(journal: Journal) -> None:
    finish(journal, 0)
    assert done(await journal.read(RUN)) == [0]


async def test_two_journals_of_one_file_write_by_turns(journal: Journal, path: Path) -> None:
    with opened(path) as other:
        begin(other, "other")
        for number in range(0, 60, 2):
            await asyncio.gather(
                other.selected("other", rows(1, first=1000 + number)),
                journal.intend(RUN, number, 0, NOW) if number % 3 else other.flush(),
                journal.flush(),
            )
        assert len((await journal.read("other")).targets) == 30
        other.unhold("other")

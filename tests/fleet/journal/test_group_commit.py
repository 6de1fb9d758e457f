from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from support.journals import NOW, RUN, begin, done, finish, opened, rows, select, slow, store_of, survivors
from support.virtual import VirtualLoop

from aioseflow.fleet.journal import Journal
from aioseflow.fleet.journal.change import Change, Kind
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.model.target import Stage


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
    assert read.targets[7].stage == Stage.QUEUED
    store.gate.set()
    await intent
    read = await asyncio.to_thread(survivors, path, 1)
    assert read.targets[7].stage == Stage.SENT
    assert read.targets[7].sent_at == NOW
    await flushed


async def test_what_came_during_a_commit_is_the_next_one(journal: Journal) -> None:
    store = slow(journal)
    before = store.commits
    finish(journal, 0)
    first = asyncio.create_task(journal.flush())
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
    apply = SqliteStore.apply

    def noted(ops: list[Change]) -> list[Any]:
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
    apply = SqliteStore.apply

    def noted(store: SqliteStore, ops: list[Change]) -> list[Any]:
        steps.append("begin")
        if not entered.is_set():
            entered.set()
            # Long enough for one that does not wait to show it.
            threading.Event().wait(0.05)
        results = apply(store, ops)
        steps.append("end")
        return results

    monkeypatch.setattr(SqliteStore, "apply", noted)
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
    finish(journal, 0, status="not_attempted", attempts=0, answer_lost=False)
    await journal.flush()
    # The other one's was not cancelled with it.
    await intents[1]
    first, second, *_ = (await journal.read(RUN)).targets
    assert (first.stage, first.status) == (Stage.DONE, "not_attempted")
    assert second.stage == Stage.SENT


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
    async def leave(journal: Journal) -> None:
        begin(journal)
        await select(journal, 4)
        finish(journal, 0)
        waiting = asyncio.ensure_future(journal.intend(RUN, 1, 0, NOW))
        await asyncio.sleep(0)
        waiting.cancel()

    async def go_on(journal: Journal) -> None:
        await journal.intend(RUN, 2, 0, NOW)
        finish(journal, 3)
        await journal.flush()
        stages = [target.stage for target in (await journal.read(RUN)).targets]
        assert stages == [Stage.DONE, Stage.SENT, Stage.SENT, Stage.DONE]

    with opened(path, linger=linger) as journal:
        asyncio.run(leave(journal))
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(go_on(journal))
        journal.unhold(RUN)


def test_what_was_enqueued_in_a_loop_that_is_gone_can_still_be_flushed(journal: Journal, path: Path) -> None:
    async def leave() -> None:
        finish(journal, 0)
        journal.selected(RUN, rows(1, first=300))

    asyncio.run(leave())
    journal.flush_now()
    assert done(survivors(path, 0)) == [0]


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

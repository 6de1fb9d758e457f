from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from support.journals import (
    NOW,
    PLACES,
    RUN,
    JournalPlace,
    KnownAccount,
    begin,
    done,
    finish,
    header,
    opened,
    rows,
    select,
    slow,
    survivors,
)
from support.virtual import VIRTUAL, run

from aioseflow.fleet.journal import HeldRun, Journal, RunIsActive
from aioseflow.fleet.journal.change import Change, Kind
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.fleet.model.target import Stage


@VIRTUAL
async def test_whatever_waits_is_one_commit(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal:
        held = await begin(journal)
        await select(journal, held, 100)
        before = journal._store.commits
        await asyncio.gather(*(held.intend(number, 0, NOW) for number in range(100)))
        for number in range(100):
            finish(held, number)
        await journal.flush()
        assert journal._store.commits - before == 2
        await held.give()


@VIRTUAL
@pytest.mark.parametrize("place", ["file", "memory"])
async def test_a_lone_intent_waits_for_company_as_long_as_was_said_and_no_longer(
    place: str, tmp_path: Path
) -> None:
    async with opened(JournalPlace.of(place, tmp_path)(linger=0.25)) as journal:
        held = await begin(journal)
        await select(journal, held, 1)
        began = asyncio.get_running_loop().time()
        await held.intend(0, 0, NOW)
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.25)
        await held.give()


async def test_an_intent_returns_only_when_it_is_in_the_file(
    journal: Journal, held: HeldRun, path: Path
) -> None:
    store = slow(journal)
    intent = asyncio.create_task(held.intend(7, 0, NOW))
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


async def test_a_flush_waits_for_the_commit_that_has_begun(journal: Journal, held: HeldRun) -> None:
    store = slow(journal)
    finish(held, 0)
    first = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    # Nothing is left in the queue, and nothing is durable.
    second = asyncio.create_task(journal.flush())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not second.done()
    store.gate.set()
    await asyncio.gather(first, second)
    await journal.flush()


@pytest.mark.parametrize("place", ["file", "memory"])
async def test_the_doors_of_an_immediate_journal_never_suspend(place: str, tmp_path: Path) -> None:
    """Also while changes wait for company, and in a loop whose threads are real."""
    journal = JournalPlace.of(place, tmp_path)(linger=3600.0)
    with journal.in_this_thread() as is_possible:
        assert is_possible
        complete(journal.acquire())
        held = complete(begin(journal))
        held.selected(rows(3))
        finish(held, 0)
        found = complete(journal.look_up(RUN))
        assert found is not None
        assert found.counts == {"changed": 1}
        finish(held, 1)
        assert done(complete(journal.read(RUN, soon=True))) == [0, 1]
        finish(held, 2)
        assert complete(journal.create(header("other")))
        assert complete(journal.living([RUN, "other"])) == {RUN}
        held.discovered()
        complete(complete(journal.hold("other")).give())
        with pytest.raises(RunIsActive):
            complete(journal.hold(RUN))
        held.requeued(0, step=0, attempts=0, answer_lost=False)
        complete(held.give())
        journal.learn(KnownAccount("main", "key-1"), "limit", 4)
        complete(journal.release())
    assert done(await journal.read(RUN)) == [1, 2]
    assert await journal.learned(KnownAccount("main", "key-1")) == {"limit": 4.0}


async def test_what_came_during_a_commit_is_the_next_one(journal: Journal, held: HeldRun) -> None:
    store = slow(journal)
    before = store.commits
    finish(held, 0)
    first = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    late = [asyncio.create_task(held.intend(number, 0, NOW)) for number in range(1, 60)]
    await asyncio.sleep(0)
    store.gate.set()
    # They are many enough not to wait for the hour.
    await asyncio.gather(first, *late)
    assert store.commits == before + 2


async def test_nothing_is_ever_durable_before_what_came_earlier(
    journal: Journal, held: HeldRun, path: Path
) -> None:
    choose = random.Random(5)
    recorded, acknowledged = 0, -1
    copies = 0
    while recorded < 200:
        for _ in range(choose.randrange(1, 9)):
            if recorded < 200:
                finish(held, recorded)
                recorded += 1
        what = choose.randrange(4)
        if what == 0:
            await journal.flush()
            acknowledged = recorded - 1
        elif what == 1:
            journal.flush_now()
            acknowledged = recorded - 1
        elif what == 2:
            # Left to the journal's thread, while more comes.
            flushing = asyncio.create_task(journal.flush())
            await asyncio.sleep(0)
            copies += 1
            read = done(await asyncio.to_thread(survivors, path, copies))
            assert read == list(range(len(read)))
            assert acknowledged < len(read) <= recorded
            await flushing
    journal.flush_now()
    assert done(await asyncio.to_thread(survivors, path, 0)) == list(range(200))
    assert copies > 5


async def test_what_is_not_flushed_is_lost_whole(journal: Journal, held: HeldRun, path: Path) -> None:
    finish(held, 0)
    await journal.flush()
    finish(held, 1)
    held.discovered()
    read = await asyncio.to_thread(survivors, path, 0)
    assert done(read) == [0]
    assert not read.discovered


async def test_a_commit_in_the_loops_thread_keeps_the_order(journal: Journal, held: HeldRun) -> None:
    store = slow(journal)
    seen: list[list[Kind]] = []
    apply = SqliteStore.apply

    def noted(changes: list[Change]) -> list[Any]:
        seen.append([kind for kind, _, _ in changes])
        return apply(store, changes)

    finish(held, 0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(store.entered.wait, 30)
    held.discovered()
    store.gate.set()
    store.apply = noted  # type: ignore[method-assign]
    journal.flush_now()
    read = await asyncio.to_thread(survivors, journal.path, 0)
    assert read.discovered
    assert done(read) == [0]
    assert seen == [[Kind.DISCOVERED]]
    await flushing


async def test_a_commit_in_the_loops_thread_waits_for_that_of_the_other(
    journal: Journal, held: HeldRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = threading.Event()
    steps: list[str] = []
    apply = SqliteStore.apply

    def noted(store: SqliteStore, changes: list[Change]) -> list[Any]:
        steps.append("begin")
        if not entered.is_set():
            entered.set()
            # Long enough for one that does not wait to show it.
            threading.Event().wait(0.05)
        results = apply(store, changes)
        steps.append("end")
        return results

    monkeypatch.setattr(SqliteStore, "apply", noted)
    finish(held, 0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    await asyncio.to_thread(entered.wait, 30)
    finish(held, 1)
    journal.flush_now()
    assert steps == ["begin", "end", "begin", "end"]
    await flushing


async def test_a_cancelled_intent_is_replaced_by_what_is_recorded_afterwards(
    journal: Journal, held: HeldRun
) -> None:
    intents = [asyncio.create_task(held.intend(number, 0, NOW)) for number in (0, 1)]
    await asyncio.sleep(0)
    intents[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await intents[0]
    finish(held, 0, status="not_attempted", attempts=0, answer_lost=False)
    await journal.flush()
    # The other one's was not cancelled with it.
    await intents[1]
    first, second, *_ = (await journal.read(RUN)).targets
    assert (first.stage, first.status) == (Stage.DONE, "not_attempted")
    assert second.stage == Stage.SENT


async def test_the_last_release_makes_everything_durable(new_journal: JournalPlace) -> None:
    async with opened(new_journal(linger=3600.0)) as journal:
        held = await begin(journal)
        await select(journal, held, 3)
        finish(held, 2)
    assert done(await new_journal().read(RUN)) == [2]
    await held.give()


@pytest.mark.parametrize("linger", [0.001, 3600.0])
@pytest.mark.parametrize("place", PLACES)
def test_a_loop_that_ended_hinders_no_later_one(place: str, linger: float, tmp_path: Path) -> None:
    journal = JournalPlace.of(place, tmp_path)(linger=linger)

    async def leave() -> HeldRun:
        await journal.acquire()
        held = await begin(journal)
        await select(journal, held, 4)
        finish(held, 0)
        waiting = asyncio.ensure_future(held.intend(1, 0, NOW))
        await asyncio.sleep(0)
        waiting.cancel()
        return held

    async def go_on(held: HeldRun) -> None:
        await held.intend(2, 0, NOW)
        finish(held, 3)
        await journal.flush()
        stages = [target.stage for target in (await journal.read(RUN)).targets]
        assert stages == [Stage.DONE, Stage.SENT, Stage.SENT, Stage.DONE]
        await held.give()
        await journal.release()

    held = asyncio.run(leave())
    run(go_on(held))


def test_what_was_enqueued_in_a_loop_that_is_gone_can_still_be_flushed(path: Path) -> None:
    journal = Journal(path, linger=3600.0)

    async def leave() -> HeldRun:
        await journal.acquire()
        held = await begin(journal)
        await select(journal, held, 1)
        finish(held, 0)
        held.selected(rows(1, first=300))
        return held

    async def close(held: HeldRun) -> None:
        await held.give()
        await journal.release()

    held = asyncio.run(leave())
    journal.flush_now()
    assert done(survivors(path, 0)) == [0]
    asyncio.run(close(held))


async def test_reading_waits_for_what_was_recorded_before(journal: Journal, held: HeldRun) -> None:
    finish(held, 0)
    assert done(await journal.read(RUN)) == [0]


async def test_two_journals_of_one_place_write_by_turns(new_journal: JournalPlace) -> None:
    async with opened(new_journal()) as journal, opened(new_journal()) as other:
        held, others = await begin(journal), await begin(other, "other")
        await select(journal, held, 60)
        for number in range(0, 60, 2):
            await asyncio.gather(
                others.selected(rows(1, first=1000 + number)),
                held.intend(number, 0, NOW) if number % 3 else other.flush(),
                journal.flush(),
            )
        assert len((await journal.read("other")).targets) == 30
        await others.give()
        await held.give()

"""Runs whose journal suspends: what they are to do is looked up at their start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from support.clients import virtual_client
from support.histories import LISTS, adds_up, panel_and_client, posts, statuses, until
from support.journals import JournalPlace, finish, opened
from support.memory_journal.memory_database import MemoryDatabase
from support.memory_journal.memory_store import MemoryStore
from support.virtual import VIRTUAL

from aioseflow import (
    ConfigurationError,
    Journal,
    Outcome,
    Rollout,
    Run,
    RunIsActive,
    RunNotFound,
    RunRefused,
    SeFlow,
    Start,
    Status,
)
from aioseflow.fleet.model.target import Stage, TargetState
from aioseflow.fleet.run.observer import RunObserver
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

STOPS = "/service/@id/vms/@vm/stop"


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def place(database: MemoryDatabase) -> JournalPlace:
    """A journal that answers a second after it was asked."""
    return JournalPlace(database, delay=1.0)


@asynccontextmanager
async def half_done(place: JournalPlace) -> AsyncIterator[tuple[Sandbox, SeFlow, Run]]:
    """A stop of eight VMs that was drained when its first was done."""
    async with panel_and_client(journal=place, limit=1) as (panel, seflow):
        run = seflow.fleet.stop(note="tonight", rollout=Rollout(window=2))
        async for _ in run:
            run.drain()
        assert 0 < (await run).counts[Status.CHANGED] < 8
        yield panel, seflow, run


class Listener(RunObserver):
    """Counts outcomes."""

    def __init__(self) -> None:
        self.heard = 0

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        self.heard += 1


async def test_such_a_run_is_there_before_it_is_known_what_it_is_to_do(place: JournalPlace) -> None:
    async with half_done(place) as (_, seflow, first):
        run = seflow.fleet.resume(first.id)
        assert run.id == first.id
        assert not run.is_prepared
        assert run.spec.steps == ()
        assert not run.report.targets
        assert not run.report.outcomes
        assert not run.failures
        assert not run.services
        assert not run.timeline
        assert (run.progress.targets, run.progress.discovering, run.limit) == (0, False, None)
        assert first.id in repr(run)
        listener = Listener()
        run.observe(listener)
        run.limit = 3
        seen = [outcome async for outcome in run]
        report = await run
        assert run.is_prepared
        assert run.limit == 3
        assert (run.spec.note, report.note, report.action) == ("tonight", "tonight", "stop")
        assert statuses(report) == {"changed": 8}
        assert listener.heard == len(seen) == 8 - first.report.counts[Status.CHANGED]
        assert run.timeline
        assert run.progress.targets == 8


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_is_asked_of_it_before_holds_afterwards(place: JournalPlace, at_once: bool) -> None:
    async with half_done(place) as (panel, seflow, first):
        before = sum(posts(panel).values())
        run = seflow.fleet.resume(first.id)
        if at_once:
            run.start()
            await asyncio.sleep(0.5)
        run.pause()
        run.start()
        await asyncio.sleep(60)
        assert run.is_prepared
        assert run.progress.paused
        assert sum(posts(panel).values()) == before
        run.resume()
        assert (await run).ok


async def test_one_that_is_drained_before_it_is_known_what_it_is_to_do_sends_nothing(
    place: JournalPlace,
) -> None:
    async with half_done(place) as (panel, seflow, first):
        before = posts(panel)
        again = seflow.fleet.retry(first.id)
        again.drain()
        report = await again
        assert statuses(report) == {"not_attempted": 8 - first.report.counts[Status.CHANGED]}
        assert posts(panel) == before


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.5, 2.5, 3.5, 4.5])
async def test_one_that_is_cancelled_while_it_looks_up_ends_and_can_go_on(
    place: JournalPlace, database: MemoryDatabase, seconds: float
) -> None:
    async with half_done(place) as (panel, seflow, first):
        before = posts(panel)
        run = seflow.fleet.resume(first.id).start()
        await asyncio.sleep(seconds)
        run.cancel()
        report = await run
        assert adds_up(report)
        assert posts(panel) == before
        assert not database.leases
        assert (await seflow.fleet.resume(first.id)).ok
        assert set(posts(panel).values()) == {1}


async def test_what_another_process_did_until_it_was_held_is_not_done_again(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    async with half_done(place) as (panel, seflow, first):
        before = posts(panel)
        run = seflow.fleet.resume(first.id).start()
        await until(lambda: run.is_prepared)
        await asyncio.sleep(1.5)
        # It has read the run, and does not hold it yet.
        async with opened(Journal(MemoryStore(database))) as journal:
            held = await journal.hold(first.id)
            stored = await journal.read(first.id)
            for target in stored.targets:
                if target.status != "changed":
                    finish(held, target.row.number, answer_lost=False, left_at=Stage.ACCEPTED)
            held.ended(finished_at=datetime.now(UTC), error=None, undiscovered=[])
            await held.give()
        report = await run
        assert statuses(report) == {"changed": 8}
        assert posts(panel) == before


async def test_what_it_finds_is_raised_by_awaiting_and_by_iterating(place: JournalPlace) -> None:
    async with half_done(place) as (panel, seflow, first):
        before = len(panel.requests)
        run = seflow.fleet.resume("no such run")
        with pytest.raises(RunNotFound, match=first.id):
            await run
        with pytest.raises(RunNotFound):
            [outcome async for outcome in run]
        assert isinstance(run.report.error, RunNotFound)
        assert run.is_over
        run = seflow.fleet.retry(first.id, not_attempted=False)
        assert [outcome async for outcome in run] == []
        assert run.report.matched_nothing
        assert len(panel.requests) == before
        async with virtual_client(panel, journal=place) as other:
            living = other.fleet.resume(first.id).start()
            await until(lambda: living.progress.settling > 0)
            with pytest.raises(RunIsActive):
                await seflow.fleet.resume(first.id)
            assert (await living).ok


async def test_one_whose_account_is_not_open_says_so_at_its_start(place: JournalPlace) -> None:
    async with half_done(place) as (_, seflow, first):
        fleet = seflow.fleet
        before = await fleet.runs()
    run = fleet.resume(first.id)
    with pytest.raises(ConfigurationError, match=r"open|enter|closed"):
        await run
    # It was not taken up.
    assert await fleet.runs() == before


async def test_one_that_is_never_started_warns(place: JournalPlace) -> None:
    async with half_done(place) as (_, seflow, first):
        run = seflow.fleet.resume(first.id)
        assert not run.has_begun
        with pytest.warns(RuntimeWarning, match="never started"):
            del run


async def test_a_plan_of_one_looks_it_up(place: JournalPlace) -> None:
    async with half_done(place) as (_, seflow, first):
        plan = await seflow.fleet.plan(seflow.fleet.retry(first.id))
        assert len(plan.targets) == 8 - first.report.counts[Status.CHANGED]
        report = await seflow.fleet.run(plan)
        assert report.parent == first.id
        assert report.ok
        with pytest.raises(RunNotFound):
            await seflow.fleet.plan(seflow.fleet.retry("no such run"))


async def test_two_under_one_id_are_one_run(place: JournalPlace) -> None:
    async with half_done(place) as (panel, seflow, first):
        assert (await seflow.fleet.resume(first.id)).ok
        await asyncio.sleep(5)
        panel.clear_record()
        runs = [seflow.fleet.restore(first.id, run_id="back") for _ in range(3)]
        reports = await asyncio.gather(*runs)
        assert [statuses(report) for report in reports] == [{"changed": 8}] * 3
        assert set(posts(panel).values()) == {1}
        assert len(await seflow.fleet.runs()) == 2
        with pytest.raises(RunRefused, match="something else"):
            await seflow.fleet.stop(run_id="back")
        other = seflow.fleet.run(Start(), services=["33301"], run_id="back")
        with pytest.raises(RunRefused, match="something else"):
            await other


@pytest.mark.parametrize("seconds", [0.5, 2.5, 7.0])
async def test_a_client_that_is_closed_ends_it(
    place: JournalPlace, database: MemoryDatabase, seconds: float
) -> None:
    slow = Fault("latency", path=LISTS, seconds=30.0)
    async with half_done(place) as (panel, seflow, first):
        panel.faults.add(slow)
        run = seflow.fleet.resume(first.id).start()
        await asyncio.sleep(seconds)
        await seflow.close()
        assert run.is_over
        assert adds_up(run.report)
        assert not database.leases


@pytest.mark.parametrize("seconds", [0.1, 1.1, 2.1, 3.1, 4.1])
async def test_one_that_is_ended_while_it_writes_its_end_lets_go_of_its_run(
    place: JournalPlace, database: MemoryDatabase, seconds: float
) -> None:
    async with panel_and_client(journal=place) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.report.counts[Status.CHANGED] == 8)
        await asyncio.sleep(seconds)
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"aioseflow run {run.id}"]
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        await run.wait_closed()
        await asyncio.sleep(10)
        assert not database.leases
        assert adds_up(run.report)
        report = await seflow.fleet.resume(run.id)
        assert statuses(report) == {"changed": 8}
        assert sum(posts(panel).values()) == 8


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 6.0, 9.0, 12.0])
async def test_a_loop_that_is_shut_down_leaves_a_complete_record(
    place: JournalPlace, database: MemoryDatabase, seconds: float
) -> None:
    hang = Fault("hang", path=STOPS, when="after", after=2)
    async with panel_and_client(hang, journal=place, limit=2) as (_, seflow):
        run = seflow.fleet.stop().start()
        await asyncio.sleep(seconds)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "aioseflow" in repr(task.get_coro()) or "Run" in repr(task.get_coro()):
                task.cancel()
        await run.wait_closed()
        assert adds_up(run.report)
        # A journal that suspends is let go of by a task of its own.
        await asyncio.sleep(10)
        assert not database.leases
        stored = {one.info.header.run_id: one for one in database.runs.values()}.get(run.id)
        if stored is not None and stored.targets:
            assert stored.info.state == "ended"
            assert sum(stored.info.counts.values()) == len(stored.targets) == len(run.report.targets)

"""A run that another process takes over: its first runner sends nothing more, and says what is true."""

from __future__ import annotations

import asyncio
import os

import pytest
from support.clients import virtual_client
from support.histories import adds_up, panel_and_client, posts, statuses, until
from support.journals import RUN, JournalPlace, header
from support.memory_journal.memory_database import MemoryDatabase
from support.virtual import VIRTUAL

from aioseflow import JournalError, LeaseLost, Reboot, Resize, SettlePolicy, Status
from aioseflow.fleet.run.recorder import JournalRecorder
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

SHORT = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=3.0)
REBOOTS = "/service/@id/vms/@vm/reboot"


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture(params=[None, 0.01], ids=["memory", "suspending"])
def place(request: pytest.FixtureRequest, database: MemoryDatabase) -> JournalPlace:
    return JournalPlace(database, delay=request.param)


async def test_what_was_intended_and_waits_for_its_turn_is_not_sent_any_more(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    """Each of two requests takes five seconds; a third VM has its intent, and waits at the gate.

    The next runner does not know which of the three left.
    """
    async with panel_and_client(journal=place, limit=2, service_time=5.0, reboot_time=0.0) as (panel, seflow):
        run = seflow.fleet.reboot().start()
        await until(lambda: run.progress.in_flight == 3 and not run.progress.discovering)
        await asyncio.sleep(1)
        done, intended = run.report.counts[Status.CHANGED], run.progress.in_flight
        sent = set(posts(panel))
        assert intended == 3
        assert len(sent) == done + 2
        database.take_away(run.id)
        async with virtual_client(panel, journal=place) as other:
            resumed = other.fleet.resume(run.id).start()
            with pytest.raises(LeaseLost, match=f"taken over by process {os.getpid()} on") as caught:
                await run
            assert caught.value.run_id == run.id
            assert run.progress.stopping == "lease_lost"
            assert caught.value.pid == os.getpid()
            report = run.report
            assert adds_up(report)
            assert len(report.targets) == 8
            assert report.error is caught.value
            assert not report.ok
            for outcome in report.outcomes:
                path = f"/service/{outcome.service_id}/vms/{outcome.vm_id}/reboot"
                assert outcome.status is not Status.NOT_ATTEMPTED or path not in sent
                assert outcome.status is not Status.UNKNOWN or outcome.cause == "lease_lost"
            assert {outcome.cause for outcome in report.outcomes} <= {None, "lease_lost"}
            assert report.counts[Status.NOT_ATTEMPTED] == 8 - len(sent)
            final = await resumed
        # Those of which the record says that they may have been sent are not sent again.
        assert statuses(final) == {"unknown": 3, "changed": 5}
        assert set(posts(panel).values()) == {1}
        assert len(posts(panel)) == 7
        assert panel.repeated("reboot") == {}


async def test_a_repeat_of_a_request_is_not_sent_any_more(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    throttled = Fault("throttle", path="/service/@id/vms/@vm/stop", seconds=20.0, times=1)
    async with panel_and_client(throttled, journal=place, services=1, vms_per_service=1) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: sum(posts(panel).values()) == 1)
        await asyncio.sleep(1)
        database.take_away(run.id)
        with pytest.raises(LeaseLost, match="resume it"):
            await run
        assert statuses(run.report) == {"not_attempted": 1}
        assert sum(posts(panel).values()) == 1
        assert (await seflow.fleet.resume(run.id)).ok


@pytest.mark.parametrize("lost", [True, False])
async def test_what_left_before_is_unknown_or_has_its_answer(
    place: JournalPlace, database: MemoryDatabase, *, lost: bool
) -> None:
    hang = Fault("hang", path=REBOOTS, when="after", service="33301")
    async with panel_and_client(
        *([hang] if lost else []), journal=place, limit=16, reboot_time=0.0, service_time=3.0
    ) as (panel, seflow):
        run = seflow.fleet.reboot().start()
        await until(lambda: len(panel.matching(method="POST")) == 8)
        database.take_away(run.id)
        await asyncio.sleep(10)
        if lost:
            run.cancel()
        with pytest.raises(LeaseLost):
            await run
        assert adds_up(run.report)
        assert run.report.counts[Status.NOT_ATTEMPTED] == 0
        assert run.report.counts[Status.UNKNOWN] >= (4 if lost else 0)
        unknown = [outcome for outcome in run.report.outcomes if outcome.status is Status.UNKNOWN]
        assert {outcome.cause for outcome in unknown} <= {"lease_lost"}
        # Nothing of it was recorded: the next runner knows that eight may have been sent.
        report = await seflow.fleet.report(run.id)
        assert statuses(report) == {"unknown": 8}


async def test_one_that_only_reads_back_ends_with_the_error_and_records_nothing(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    async with panel_and_client(journal=place, stop_time=30.0) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.settling == 8)
        database.take_away(run.id)
        async with virtual_client(panel, journal=place) as other:
            resumed = other.fleet.resume(run.id).start()
            with pytest.raises(LeaseLost):
                await run
            assert {outcome.cause for outcome in run.report.outcomes} <= {None, "lease_lost"}
            assert run.progress.stopping == "lease_lost"
            report = await resumed
        assert report.ok
        assert statuses(report) == {"changed": 8}
        kept = await seflow.fleet.report(run.id)
        assert kept.counts == report.counts
        assert sum(posts(panel).values()) == 8


async def test_a_recorder_that_finds_its_lease_lost_says_so_once(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    lost: list[str] = []
    recorder = JournalRecorder(RUN, place())
    await recorder.open()
    assert await recorder.create(header()) is None
    assert not await recorder.hold(lambda: lost.append("called"), [], {})
    recorder.require_lease()
    database.take_away(RUN)
    for _ in range(2):
        with pytest.raises(LeaseLost):
            recorder.require_lease()
    assert recorder.lease_is_lost
    assert lost == ["called"]
    await recorder.close()


async def test_a_sequence_goes_no_further(place: JournalPlace, database: MemoryDatabase) -> None:
    async with panel_and_client(journal=place, services=1, reboot_time=20.0) as (panel, seflow):
        run = seflow.fleet.run([Reboot(), Resize(memory=777)]).start()
        await until(lambda: run.progress.settling == 4)
        database.take_away(run.id)
        with pytest.raises(LeaseLost):
            await run
        assert statuses(run.report) == {"failed": 4}
        assert {outcome.cause for outcome in run.report.outcomes} == {"lease_lost"}
        assert {path.rpartition("/")[2] for path in posts(panel)} == {"reboot"}
        assert (await seflow.fleet.resume(run.id)).ok
        assert panel.repeated("reboot") == {}


async def test_two_runs_of_one_process_are_lost_and_kept_each_for_itself(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    async with panel_and_client(journal=place, limit=1, service_time=1.0) as (_, seflow):
        runs = [seflow.fleet.stop(services=[service]).start() for service in ("33301", "33302")]
        await until(lambda: all(run.progress.targets == 4 for run in runs))
        database.take_away(runs[0].id)
        first, second = await asyncio.gather(*runs, return_exceptions=True)
        assert isinstance(first, LeaseLost)
        assert isinstance(first, JournalError)
        assert runs[1].report is not None
        assert not isinstance(second, BaseException)
        assert second.ok
        assert adds_up(runs[0].report)


async def test_a_reconciliation_that_is_taken_over_records_nothing(
    place: JournalPlace, database: MemoryDatabase
) -> None:
    lost = Fault("reset", path="/service/@id/vms/@vm/stop", when="before")
    async with panel_and_client(lost, journal=place, vms_per_service=1) as (panel, seflow):
        run = seflow.fleet.stop(settle=SHORT)
        assert statuses(await run) == {"unknown": 2}
        panel.faults.clear()
        panel.faults.add(Fault("latency", path="/service/@id/vms", seconds=5.0))
        reconciling = asyncio.create_task(seflow.fleet.reconcile(run.id, grace=0))
        await asyncio.sleep(3)
        database.take_away(run.id)
        with pytest.raises(LeaseLost):
            await reconciling
        assert statuses(await seflow.fleet.report(run.id)) == {"unknown": 2}
        assert not database.leases

"""However a run that is written down ends, the journal is complete and says what is true."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.clients import virtual_client
from support.histories import LISTS, adds_up, killed, panel_and_client, posts, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import (
    ALL,
    Action,
    Destroy,
    InvalidArgument,
    JournalError,
    Reboot,
    Resize,
    RunRefused,
    SeFlow,
    Status,
    Stop,
)
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

CHANGES, REBOOTS = "/service/@id/vms/@vm/*", "/service/@id/vms/@vm/reboot"


@pytest.mark.parametrize("after", [0, 1, 3, 6])
async def test_a_journal_that_cannot_be_written_any_more_ends_the_run_truthfully(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "runs"
    async with panel_and_client(journal=journal, limit=1, service_time=0.1, reboot_time=0.0) as (
        panel,
        seflow,
    ):
        run = seflow.fleet.reboot()
        original, full = SqliteStore.apply, [False]

        def apply(store: SqliteStore, ops: Sequence[Any]) -> list[Any]:
            if full[0]:
                raise sqlite3.OperationalError("database or disk is full")
            return original(store, ops)

        with monkeypatch.context() as patch:
            patch.setattr(SqliteStore, "apply", apply)
            run.start()
            await until(lambda: panel.effect_count("reboot") >= after and run.progress.targets == 8)
            full[0] = True
            acted = panel.effect_count("reboot")
            with pytest.raises(JournalError, match="disk is full"):
                await run
            # One in flight, and one whose intent was durable.
            assert panel.effect_count("reboot") <= acted + 2
            report = run.report
            assert adds_up(report)
            assert len(report.targets) == 8
            assert not report.ok
            assert isinstance(report.error, JournalError)
            for outcome in report.outcomes:
                effects = panel.effects[outcome.service_id, outcome.vm_id]["reboot"]
                assert outcome.status is not Status.NOT_ATTEMPTED or not effects
                assert outcome.status is not Status.CHANGED or effects
        async with virtual_client(panel, journal=journal) as later:
            resumed = await later.fleet.resume(run.id)
            assert adds_up(resumed)
            assert panel.repeated("reboot") == {}
            assert set(posts(panel).values()) == {1}
            assert resumed.counts[Status.UNKNOWN] <= 2


async def test_a_journal_that_cannot_be_opened_refuses_the_run_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    (tmp_path / "runs").write_bytes(b"this is no database" * 100)
    async with panel_and_client(journal=tmp_path / "runs") as (panel, seflow):
        run = seflow.fleet.stop()
        with pytest.raises(JournalError):
            await run
        run.cancel()
        assert panel.requests == []
    assert (tmp_path / "runs").read_bytes() == b"this is no database" * 100


async def shut_down(way: str, journal: Path, found: dict[str, Any]) -> None:
    """Five reboots reach the panel, of which three get no answer; then everything ends."""
    hang = Fault("hang", path=REBOOTS, when="after", after=2)
    async with Sandbox(services=1, vms_per_service=8, seed=1, reboot_time=0.0, faults=[hang]) as panel:
        login = {"username": panel.username, "password": panel.password, "base_url": panel.url}
        async with SeFlow(**login, journal=journal, limit=3) as seflow:  # type: ignore[arg-type]
            run = seflow.fleet.reboot()
            found |= {"id": run.id, "panel": panel}
            run.start()
            while panel.effect_count("reboot") < 5:  # noqa: ASYNC110 - the panel has no event for it
                await asyncio.sleep(0.005)
            if way == "interrupted":
                raise KeyboardInterrupt
            if way == "cancelled":
                raise asyncio.CancelledError
            # As the end of a loop does it: everything at once, in whatever order.
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await run.wait_closed()


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("way", ["cancelled", "interrupted", "all at once"])
async def test_a_loop_that_is_shut_down_leaves_a_complete_journal(way: str, tmp_path: Path) -> None:
    found: dict[str, Any] = {}

    def live() -> None:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(shut_down(way, tmp_path / "runs", found))

    await asyncio.to_thread(live)
    login = {"username": "a@example.com", "password": "b", "base_url": "http://127.0.0.1:9/api"}
    async with SeFlow(**login, journal=tmp_path / "runs") as seflow:  # type: ignore[arg-type]
        (info,) = await seflow.fleet.runs()
        assert info.state == "ended"
        report = await seflow.fleet.report(found["id"])
    assert adds_up(report)
    assert len(report.targets) == 8
    assert statuses(report)["changed"] == 2
    for outcome in report.outcomes:
        effects = found["panel"].effects[outcome.service_id, outcome.vm_id]["reboot"]
        assert outcome.status is not Status.NOT_ATTEMPTED or not effects
        assert not effects or outcome.status in (Status.CHANGED, Status.UNKNOWN)
        assert outcome.cause in (None, "cancelled")


@pytest.mark.parametrize("action", [Stop(), Destroy()])
async def test_a_planned_run_that_was_killed_before_it_began_goes_on_only_with_its_plan(
    action: Action, place: JournalPlace
) -> None:
    hang = Fault("hang", path=LISTS, service="33302", after=1)
    async with panel_and_client(hang, journal=place) as (panel, seflow):
        locked = panel.services["33301"].vms["4001"]
        locked.power = "transitional"
        plan = await seflow.fleet.plan(action)
        assert len(plan.targets) == 7
        plan = plan.confirm(7)
        run = seflow.fleet.run(plan, run_id="careful").start()
        await until(lambda: panel.faults.hits(hang) == 1)
        left = await killed(run, place)
        panel.faults.clear()
        locked.power = "running"
        async with virtual_client(panel, journal=left) as later:
            for where in (None, ALL):
                with pytest.raises(InvalidArgument, match="plan"):
                    await later.fleet.resume(run.id, where=where)
            assert posts(panel) == {}
            report = await later.fleet.run(plan, run_id="careful")
            assert statuses(report)["changed"] == 7
            assert report.counts[Status.NOT_ATTEMPTED] == 1
            assert len(posts(panel)) == 7


STEPS: dict[str, Any] = {"reboot": Reboot(), "stop": Stop(), "sequence": [Stop(), Resize(memory=777)]}


@pytest.mark.parametrize("what", STEPS)
async def test_a_resume_that_cannot_list_a_service_claims_nothing_and_can_be_resumed(
    what: str, place: JournalPlace
) -> None:
    hangs = Fault("hang", path=CHANGES, when="after", after=3, times=2)
    async with panel_and_client(hangs, journal=place, limit=2, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.run(STEPS[what]).start()
        await until(lambda: panel.faults.hits(hangs) == 2)
        await asyncio.sleep(1)
        left = await killed(run, place)
        await asyncio.sleep(100)
        async with virtual_client(panel, journal=left) as later:
            panel.faults.add(Fault("status", path=LISTS, service="33301", status=500))
            for _ in range(2):
                report = await later.fleet.resume(run.id)
                assert adds_up(report)
                assert not report.ok
                if what == "sequence":
                    changed = {o.key[1:] for o in report.outcomes if o.status is Status.CHANGED}
                    assert all(panel.services[service].vms[vm].memory == 777 for service, vm in changed)
            panel.faults.clear()
            report = await later.fleet.resume(run.id)
            assert adds_up(report)
            assert report.counts[Status.NOT_ATTEMPTED] == report.counts[Status.FAILED] == 0
            assert report.ok or what == "reboot"
            assert panel.repeated("reboot") == panel.repeated("stop") == {}


@pytest.mark.parametrize("action", ["reboot", "stop"])
async def test_a_resume_that_is_ended_while_it_reads_back_forgets_nothing(
    action: str, place: JournalPlace
) -> None:
    hangs = Fault("hang", path=f"/service/@id/vms/@vm/{action}", when="after", after=2, times=2)
    async with panel_and_client(hangs, journal=place, limit=2, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.run(STEPS[action]).start()
        await until(lambda: panel.faults.hits(hangs) == 2)
        await asyncio.sleep(1)
        left = await killed(run, place)
        acted = {key for key, effects in panel.effects.items() if effects[action]}
        assert len(acted) == 4
        async with virtual_client(panel, journal=left) as later:
            lists = Fault("hang", path=LISTS)
            panel.faults.add(lists)
            resumed = later.fleet.resume(run.id).start()
            await until(lambda: panel.faults.hits(lists) > 0)
            resumed.cancel()
            report = await resumed
            assert adds_up(report)
            for known in (report, await later.fleet.report(run.id)):
                for outcome in known.outcomes:
                    assert outcome.key[1:] not in acted or outcome.status in (Status.CHANGED, Status.UNKNOWN)
            panel.faults.clear()
            again = await later.fleet.resume(run.id)
            assert adds_up(again)
            assert panel.repeated(action) == {}
            if action == "reboot":
                assert set(posts(panel).values()) == {1}
            else:
                assert again.ok


async def test_the_same_run_asked_for_twice_before_either_began_is_one_run(place: JournalPlace) -> None:
    async with panel_and_client(journal=place) as (panel, seflow):
        async with virtual_client(panel, journal=place) as other:
            first, second = seflow.fleet.reboot(run_id="nightly"), other.fleet.reboot(run_id="nightly")
            different = other.fleet.stop(run_id="evening")
            evening = seflow.fleet.reboot(run_id="evening")
            evening.pause()
            evening.start()
            await until(lambda: bool(panel.requests))
            evening.cancel()
            report = await first
            assert statuses(await second) == statuses(report)
            assert panel.repeated("reboot") == {}
            with pytest.raises(RunRefused, match="something else"):
                await different
            assert panel.effect_count("stop") == 0

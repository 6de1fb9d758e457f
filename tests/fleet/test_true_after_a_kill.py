"""What a killed run says is true: the same as if it had been cancelled at that moment, and no more."""

from __future__ import annotations

import asyncio

import attrs
import pytest
from support.clients import virtual_client
from support.histories import adds_up, killed, panel_and_client, posts, powers, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import Destroy, InvalidArgument, Plan, Resize, Rollout, SettlePolicy, Start, Status, Stop
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

LISTS = "/service/@id/vms"
STOPS = "/service/@id/vms/@vm/stop"
SHORT = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=5.0)


@pytest.mark.parametrize("action", ["wait", "usage"])
async def test_a_killed_reading_has_changed_nothing(place: JournalPlace, action: str) -> None:
    slow = Fault("latency", path="/service/@id/vms/@vm/*", seconds=30.0)
    async with panel_and_client(slow, journal=place) as (panel, seflow):
        fleet = seflow.fleet
        run = fleet.wait(power="stopped") if action == "wait" else fleet.usage()
        run.start()
        await until(lambda: run.progress.settling + run.progress.in_flight >= 4)
        left = await killed(run, place)
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.report(run.id)
        assert {outcome.status for outcome in report.outcomes} == {Status.NOT_ATTEMPTED}
        assert statuses(report) == statuses(run.report)
        assert posts(panel) == {}
        assert not report.ok


async def test_a_run_killed_while_a_lost_answer_was_read_back_says_unknown(place: JournalPlace) -> None:
    lost = Fault("reset", path=STOPS, when="before")
    async with panel_and_client(lost, journal=place) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.settling == 8)
        left = await killed(run, place)
        assert statuses(run.report) == {"unknown": 8}
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.report(run.id)
            assert statuses(report) == {"unknown": 8}
            assert {outcome.cause for outcome in report.outcomes} == {"interrupted"}
            panel.faults.clear()
            assert statuses(await later.fleet.resume(run.id)) == {"changed": 8}


async def test_a_sequence_killed_before_its_last_step_is_not_changed(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, services=1) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Resize(memory=777)]).start()
        await until(lambda: run.progress.settling == 4)
        assert set(powers(panel)) <= {"transitional", "stopped"}
        left = await killed(run, place)
        assert statuses(run.report) == {"failed": 4}
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.report(run.id)
            assert statuses(report) == {"failed": 4}
            assert {outcome.step for outcome in report.outcomes} == {"stop"}
            assert statuses(await later.fleet.resume(run.id)) == {"changed": 4}
        assert {vm.memory for service in panel.services.values() for vm in service.vms.values()} == {777}
        # What was taken already is read back, and not sent again.
        assert set(posts(panel).values()) == {1}


@pytest.mark.parametrize("unread", [True, False])
async def test_a_killed_destruction_is_gone_only_if_its_list_was_really_read(
    place: JournalPlace,
    *,
    unread: bool,
) -> None:
    async with panel_and_client(journal=place, services=1) as (panel, seflow):
        plan = (await seflow.fleet.plan(Destroy())).confirm(4)
        panel.faults.add(Fault("hang", method="DELETE", path="/service/@id/vms/@vm", when="after"))
        run = seflow.fleet.run(plan).start()
        await until(lambda: run.progress.in_flight == 4)
        left = await killed(run, place)
        panel.faults.clear()
        await until(lambda: not panel.services["33301"].vms)
        panel.clear_record()
        if unread:
            panel.faults.add(Fault("status", path="/service/@id/vms", status=500))
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.resume(run.id)
        assert adds_up(report)
        if unread:
            assert statuses(report) == {"unknown": 4}
        else:
            assert statuses(report) == {"changed": 4}
            assert all(outcome.verified for outcome in report.outcomes)
        assert posts(panel) == {}


@pytest.mark.parametrize("lost", [True, False])
async def test_restore_starts_also_what_a_killed_run_may_have_stopped(
    place: JournalPlace,
    *,
    lost: bool,
) -> None:
    """Half of the stops took effect without an answer; the rest was accepted, or never sent."""
    faults = [Fault("hang", path=STOPS, when="after", probability=0.5)] if lost else []
    async with panel_and_client(*faults, journal=place, limit=2, services=3) as (panel, seflow):
        was_off = panel.services["33303"].vms["4012"]
        was_off.power = "stopped"
        run = seflow.fleet.stop(settle=SHORT).start()
        await until(lambda: powers(panel).count("stopped") >= 6)
        left = await killed(run, place)
        await asyncio.sleep(10)
        panel.faults.clear()
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.restore(run.id)
        assert report.ok
        stopped = [
            vm for service in panel.services.values() for vm in service.vms.values() if vm.power != "running"
        ]
        assert stopped == [was_off]
        assert was_off.id not in {outcome.vm_id for outcome in report.outcomes}


async def test_restore_takes_in_a_stop_that_was_accepted_and_never_seen(*, kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept, services=1, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.stop(settle=SHORT)
        assert statuses(await run) == {"failed": 4}
        await asyncio.sleep(60)
        assert powers(panel) == ["stopped"] * 4
        assert statuses(await seflow.fleet.restore(run.id)) == {"changed": 4}
        assert powers(panel) == ["running"] * 4


async def test_the_numbers_of_a_reconciled_run_add_up(place: JournalPlace) -> None:
    lost = Fault("hang", path=STOPS, when="after", times=2)
    async with panel_and_client(lost, journal=place, limit=3, services=3) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.counts[Status.CHANGED] > 0 and run.progress.settling > 0)
        left = await killed(run, place)
        async with virtual_client(panel, journal=left) as later:
            before = await later.fleet.report(run.id)
            findings = await later.fleet.reconcile(run.id)
            (info,) = await later.fleet.runs()
            report = await later.fleet.report(run.id)
        assert len(findings) == before.counts[Status.UNKNOWN] > 0
        assert info.targets == len(report.targets) == sum(report.counts.values())
        assert info.counts == statuses(report)
        assert sum(info.counts.values()) == info.targets
        assert adds_up(report)


async def test_a_reconciled_run_can_still_be_resumed(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, limit=2) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Start()]).start()
        await until(lambda: run.progress.settling >= 2)
        left = await killed(run, place)
        async with virtual_client(panel, journal=left) as later:
            await later.fleet.reconcile(run.id)
            report = await later.fleet.resume(run.id)
        assert statuses(report) == {"changed": 8}
        assert powers(panel) == ["running"] * 8


async def test_the_latest_run_is_the_one_that_was_begun_last_whatever_the_clock_says(
    place: JournalPlace,
) -> None:
    async with panel_and_client(journal=place) as (_, seflow):
        first, second = seflow.fleet.stop(), seflow.fleet.start()
        # A clock that was ahead, and was set right between the two.
        ahead = attrs.evolve(first.header, created_at=first.header.created_at.replace(year=2099))
        assert seflow.fleet.journal is not None
        await seflow.fleet.journal.create(ahead)
        await second
        assert [info.header.run_id for info in await seflow.fleet.runs()] == [second.id, first.run_id]
        first.cancel()


async def test_a_paused_sequence_ends_when_it_is_drained() -> None:
    async with panel_and_client(services=1) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Start()]).start()
        await until(lambda: run.progress.settling == 4)
        run.pause()
        await asyncio.sleep(60)
        run.drain()
        async with asyncio.timeout(60):
            report = await run
        # What was begun is finished.
        assert statuses(report) == {"changed": 4}
        assert powers(panel) == ["running"] * 4


async def test_with_one_request_at_a_time_a_reading_does_not_wait_behind_all_actions() -> None:
    slow = Fault("latency", path="/service/*", seconds=0.5)
    async with panel_and_client(slow, limit=1, services=1, vms_per_service=40) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.settling > 0)
        await until(lambda: run.progress.counts[Status.CHANGED] > 0)
        stops = sum(posts(panel).values())
        assert stops < 20, "the first was seen to be stopped only when nearly all had been sent"
        assert statuses(await run) == {"changed": 40}


async def test_the_losses_of_a_plan_are_named_by_a_run_that_was_killed(place: JournalPlace) -> None:
    refused = Fault("status", path="/service/@id/vms", service="33302", status=500)
    async with panel_and_client(refused, journal=place) as (panel, seflow):
        plan = await seflow.fleet.plan(Stop())
        run = seflow.fleet.run(plan).start()
        await until(lambda: run.progress.settling == 4)
        left = await killed(run, place)
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.report(run.id)
        assert [lost.service_id for lost in report.undiscovered] == ["33302"]
        assert not report.ok


@pytest.mark.parametrize("was_ended", [True, False])
async def test_a_resumption_that_is_refused_leaves_the_run_as_it_was(
    place: JournalPlace,
    *,
    was_ended: bool,
) -> None:
    slow = Fault("latency", path="/service/@id/vms", service="33302", seconds=600.0)
    async with panel_and_client(slow, journal=place) as (panel, seflow):
        run = seflow.fleet.stop(where=lambda service, vm: True, settle=SHORT).start()
        await until(lambda: len(posts(panel)) >= 2)
        if was_ended:
            run.cancel()
            await run
            left = place
        else:
            left = await killed(run, place)
        async with virtual_client(panel, journal=left) as later:
            (before,) = await later.fleet.runs()
            report = await later.fleet.report(run.id)
            with pytest.raises(InvalidArgument, match="predicate"):
                await later.fleet.resume(run.id)
            (after,) = await later.fleet.runs()
            assert after.state == ("ended" if was_ended else "running")
            assert attrs.evolve(after, pid=before.pid) == before
            assert statuses(await later.fleet.report(run.id)) == statuses(report)


async def test_a_target_with_a_lost_answer_is_read_back_when_the_run_ends() -> None:
    """The target waits for a repeat that does not come; what has begun is finished."""
    lost = Fault("reset", path=STOPS, when="after")
    async with panel_and_client(lost, services=1, vms_per_service=60, limit=8) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.queued > 0 and any(posts(panel).values()))
        await until(lambda: any(state.postponed for state in run.run_state.open.values()))
        run.drain()
        report = await run
    assert set(statuses(report)) == {"changed", "not_attempted"}
    assert report.counts[Status.CHANGED] == powers(panel).count("stopped")


async def test_the_lost_answer_of_a_step_that_was_seen_done_says_nothing_of_the_next(
    place: JournalPlace,
) -> None:
    lost = Fault("reset", path=STOPS, when="after")
    async with panel_and_client(lost, journal=place, services=1) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Resize(memory=777)]).start()
        await until(lambda: run.progress.in_flight + run.progress.settling == 4)
        run.pause()
        await until(lambda: run.progress.queued == 4)
        await asyncio.sleep(1)  # until that is durable, too
        left = await killed(run, place)
        assert statuses(run.report) == {"failed": 4}
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.report(run.id)
        assert statuses(report) == {"failed": 4}
        assert {outcome.step for outcome in report.outcomes} == {"resize"}


@pytest.mark.parametrize("settling", [True, False])
async def test_what_a_killed_run_may_have_taken_down_counts_also_where_it_cannot_be_listed(
    place: JournalPlace,
    *,
    settling: bool,
) -> None:
    """Two may be down, and two of the first service are: accepted, or without an answer."""
    async with panel_and_client(journal=place, limit=2, vms_per_service=(6, 2)) as (panel, seflow):
        if not settling:
            panel.faults.add(Fault("hang", path=STOPS, when="after"))
        run = seflow.fleet.stop(rollout=Rollout(max_unavailable=2, same_cause=None), settle=SHORT).start()
        await until(lambda: len(posts(panel)) == 2)
        left = await killed(run, place)
        panel.faults.clear()
        (service,) = {path.split("/")[2] for path in posts(panel)}
        panel.faults.add(Fault("status", path=LISTS, service=service, status=500))
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.resume(run.id)
        assert adds_up(report)
        assert len(posts(panel)) == 2
        assert "changed" not in statuses(report)


async def test_a_resumed_run_of_a_plan_names_what_the_plan_had_lost(place: JournalPlace) -> None:
    lost = Fault("status", path=LISTS, service="33302", status=500)
    async with panel_and_client(lost, journal=place) as (panel, seflow):
        text = (await seflow.fleet.plan(Stop())).to_json()
        panel.faults.add(Fault("latency", path=LISTS, seconds=10.0))
        panel.clear_record()
        run = seflow.fleet.run(Plan.from_json(text), run_id="planned").start()
        await until(lambda: bool(panel.requests))
        left = await killed(run, place)
        panel.faults.clear()
        async with virtual_client(panel, journal=left) as later:
            before = await later.fleet.report("planned")
            report = await later.fleet.run(Plan.from_json(text), run_id="planned")
            kept = await later.fleet.report("planned")
        assert [(each.service_id, each.cause) for each in before.undiscovered] == [
            ("33302", "server_error"),
            (None, "interrupted"),
        ]
        assert statuses(report) == {"changed": 4}
        for said in (report, kept):
            assert [(each.service_id, each.cause) for each in said.undiscovered] == [
                ("33302", "server_error")
            ]
            assert not said.ok


async def test_what_is_read_back_by_a_resumed_run_counts_as_down_meanwhile(place: JournalPlace) -> None:
    """Two stops were accepted and no list shows them yet; two VMs may be down."""
    async with panel_and_client(journal=place, limit=2, services=1, stop_time=60.0) as (panel, seflow):
        rollout = Rollout(max_unavailable=2)
        run = seflow.fleet.stop(rollout=rollout).start()
        await until(lambda: len(posts(panel)) == 2)
        await asyncio.sleep(0.5)
        left = await killed(run, place)
        begun = [panel.services["33301"].vms[path.split("/")[4]] for path in posts(panel)]
        for vm in begun:
            vm.power = "running"
        async with virtual_client(panel, journal=left) as later:
            again = later.fleet.resume(run.id).start()
            await asyncio.sleep(5.0)
            assert len(posts(panel)) == 2
            again.cancel()
            await again


async def test_what_a_reconciliation_decides_without_a_reading_is_not_verified(place: JournalPlace) -> None:
    async with panel_and_client(journal=place, services=1, stop_time=60.0) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.settling == 4)
        left = await killed(run, place)
        async with virtual_client(panel, journal=left) as later:
            assert await later.fleet.reconcile(run.id, grace=0) == []
            report = await later.fleet.report(run.id)
        assert {(o.status, o.cause, o.verified) for o in report.outcomes} == {
            (Status.CHANGED, "interrupted", False)
        }

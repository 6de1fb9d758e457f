"""What follows a run: another try for what did not work, and a start for exactly what was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest
from support.clients import virtual_client
from support.histories import adds_up, panel_and_client, posts, powers, refuses, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import (
    Destroy,
    InvalidArgument,
    Resize,
    Rollout,
    RunIsActive,
    RunNotFound,
    RunRefused,
    SeFlow,
    Service,
    Start,
    Status,
    Stop,
    Vm,
)
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

REBOOTS, STOPS = "/service/@id/vms/@vm/reboot", "/service/@id/vms/@vm/stop"


@asynccontextmanager
async def fleet_of(
    kept: JournalPlace | None, *faults: Fault, limit: int = 4
) -> AsyncIterator[tuple[Sandbox, SeFlow]]:
    """Eight running VMs, with or without a journal."""
    async with panel_and_client(*faults, journal=kept, limit=limit) as (panel, seflow):
        yield panel, seflow


# -- retry --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "statuses_wanted"),
    [
        ({}, {Status.FAILED, Status.NOT_ATTEMPTED}),
        ({"failed": False}, {Status.NOT_ATTEMPTED}),
        ({"not_attempted": False}, {Status.FAILED}),
        ({"unknown": True}, {Status.FAILED, Status.NOT_ATTEMPTED, Status.UNKNOWN}),
        ({"failed": False, "not_attempted": False, "unknown": True}, {Status.UNKNOWN}),
    ],
)
async def test_a_retry_is_a_new_run_for_the_vms_that_ended_so(
    choice: dict[str, Any], statuses_wanted: set[Status], kept: JournalPlace | None
) -> None:
    refused = Fault("error", path=REBOOTS, codes=("quota",), times=1)
    lost = Fault("reset", path=REBOOTS, when="after", times=1)
    async with fleet_of(kept, refused, lost, limit=1) as (panel, seflow):
        run = seflow.fleet.reboot(rollout=Rollout(max_failures=1, same_cause=None))
        first = await run
        assert set(statuses(first)) == {"failed", "unknown", "not_attempted"} | (
            {"changed"} if first.counts[Status.CHANGED] else set()
        )
        wanted = {outcome.key for outcome in first.outcomes if outcome.status in statuses_wanted}
        await asyncio.sleep(2)
        panel.clear_record()
        again = seflow.fleet.retry(run.id, **choice)
        report = await again
        assert again.id != run.id
        assert report.parent == run.id
        assert set(report.targets) == wanted
        assert adds_up(report)
        assert len(posts(panel)) == len(wanted)
        assert statuses(report) == {"changed": len(wanted)}
        assert (await seflow.fleet.report(run.id)).counts == first.counts
        assert {info.header.parent for info in await seflow.fleet.runs()} == {None, run.id}


async def test_a_retry_of_what_went_well_has_nothing_to_do(kept: JournalPlace | None) -> None:
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.stop()
        assert (await run).ok
        panel.clear_record()
        again = await seflow.fleet.retry(run.id)
        assert again.ok
        assert again.matched_nothing
        assert again.summary().splitlines()[0] == f"Nothing to retry: run {run.id} left no VM for it."
        with pytest.raises(RunNotFound):
            await refuses(kept, lambda: seflow.fleet.retry("no such run"))
        assert panel.requests == []


async def test_a_run_that_goes_on_cannot_be_retried_or_restored(kept: JournalPlace | None) -> None:
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.stop().start()
        await until(lambda: run.progress.settling > 0)
        with pytest.raises(RunIsActive, match=run.id):
            await refuses(kept, lambda: seflow.fleet.retry(run.id))
        with pytest.raises(RunIsActive, match=run.id):
            await refuses(kept, lambda: seflow.fleet.restore(run))
        if kept:
            async with virtual_client(panel, journal=kept) as other:
                for follow in (other.fleet.retry, other.fleet.restore):
                    with pytest.raises(RunIsActive, match=run.id):
                        await refuses(kept, partial(follow, run.id))
        await run


async def test_a_retry_names_what_is_gone_and_takes_up_sequences_from_their_beginning(
    kept: JournalPlace | None,
) -> None:
    refused = Fault("error", method="PUT", codes=("quota",), times=3)
    async with fleet_of(kept, refused) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Resize(memory=777), Start()], rollout=Rollout(same_cause=None))
        first = await run
        failed = [outcome for outcome in first.outcomes if outcome.status is Status.FAILED]
        assert {(outcome.step, outcome.cause) for outcome in failed} == {("resize", "quota")}
        assert len(failed) == 3
        gone = panel.services[failed[0].service_id]
        gone.destroy(gone.vms[failed[0].vm_id])
        report = await seflow.fleet.retry(run.id)
        assert {outcome.key for outcome in report.outcomes} == {outcome.key for outcome in failed}
        assert statuses(report) == {"changed": 2, "not_attempted": 1}
        (vanished,) = [outcome for outcome in report.outcomes if outcome.status is Status.NOT_ATTEMPTED]
        assert (vanished.key, vanished.cause) == (failed[0].key, "not_found")
        assert not report.ok
        assert adds_up(report)
        assert powers(panel) == ["running"] * 7
        assert panel.repeated("stop") == {}


async def test_a_destruction_is_never_retried_without_a_plan(kept: JournalPlace | None) -> None:
    refused = Fault("error", method="DELETE", codes=("quota",), times=1)
    async with fleet_of(kept, refused) as (panel, seflow):
        plan = await seflow.fleet.plan(Destroy(), services=["33301"])
        run = seflow.fleet.run(plan.confirm(4))
        report = await run
        assert statuses(report) == {"changed": 3, "failed": 1}
        with pytest.raises(RunRefused, match="plan"):
            await refuses(kept, lambda: seflow.fleet.retry(run.id))
        assert len(panel.services["33301"].vms) == 1


async def test_a_retry_is_given_what_no_file_can_hold(kept: JournalPlace | None) -> None:
    asked: list[str] = []

    async def healthy(service: Service, vm: Vm) -> bool:
        asked.append(vm.id)
        return True

    refused = Fault("error", path=STOPS, codes=("quota",), times=1)
    async with fleet_of(kept, refused) as (_, seflow):
        run = seflow.fleet.stop(rollout=Rollout(healthy=healthy))
        assert (await run).counts[Status.FAILED] == 1
        if kept:
            with pytest.raises(InvalidArgument, match="healthy="):
                await refuses(kept, lambda: seflow.fleet.retry(run.id))
        asked.clear()
        report = await seflow.fleet.retry(run.id, healthy=healthy)
        assert statuses(report) == {"changed": 1}
        assert asked == [report.outcomes[0].vm_id]


# -- restore ------------------------------------------------------------------------------------------------


async def test_restore_starts_exactly_what_a_run_stopped(kept: JournalPlace | None) -> None:
    refused = Fault("error", path=STOPS, service="33302", vm="4005", codes=("quota",))
    async with fleet_of(kept, refused) as (panel, seflow):
        off = panel.services["33301"].vms["4001"]
        off.power = "stopped"
        run = seflow.fleet.stop(note="patches")
        assert statuses(await run) == {"changed": 6, "unchanged": 1, "failed": 1}
        panel.clear_record()
        restoring = seflow.fleet.restore(run, note="back")
        report = await restoring
        assert report.ok
        assert (report.action, report.parent, report.note) == ("start", run.id, "back")
        assert statuses(report) == {"changed": 6}
        assert {key[1:] for key in report.targets} == {
            (service.id, vm.id) for service in panel.services.values() for vm in service.vms.values()
        } - {("33301", "4001"), ("33302", "4005")}
        assert off.power == "stopped"
        panel.clear_record()
        again = await seflow.fleet.restore(run.id)
        assert statuses(again) == {"unchanged": 6}
        assert posts(panel) == {}


async def test_restore_starts_what_a_broken_sequence_left_stopped(kept: JournalPlace | None) -> None:
    refused = Fault("error", method="PUT", codes=("quota",), times=2)
    async with fleet_of(kept, refused) as (panel, seflow):
        was_off = [panel.services["33301"].vms[vm] for vm in ("4001", "4002")]
        for vm in was_off:
            vm.power = "stopped"
        run = seflow.fleet.run([Stop(), Resize(memory=777)], rollout=Rollout(same_cause=None))
        report = await run
        assert report.counts[Status.FAILED] == 2
        assert powers(panel) == ["stopped"] * 8
        restored = await seflow.fleet.restore(run)
        assert restored.ok
        assert panel.effect_count("start") == 6
        assert [vm.power for vm in was_off] == ["stopped"] * 2


async def test_restore_leaves_alone_what_a_sequence_started_again(kept: JournalPlace | None) -> None:
    refused = Fault("error", path="/service/@id/vms/@vm/start", codes=("quota",), times=2)
    async with fleet_of(kept, refused) as (panel, seflow):
        run = seflow.fleet.run([Stop(), Start()], rollout=Rollout(same_cause=None))
        report = await run
        failed = {outcome.key for outcome in report.outcomes if outcome.status is Status.FAILED}
        assert len(failed) == 2
        panel.clear_record()
        restored = await seflow.fleet.restore(run)
        assert set(restored.targets) == failed
        assert len(posts(panel)) == 2
        whole = seflow.fleet.run([Stop(), Start()])
        assert (await whole).ok
        asked = len(panel.requests)
        nothing = await seflow.fleet.restore(whole)
        assert nothing.matched_nothing
        assert nothing.summary().splitlines()[0] == f"Nothing to restore: run {whole.id} left no VM for it."
        assert len(panel.requests) == asked


async def test_restore_knows_what_was_only_accepted_and_what_was_cut_short(kept: JournalPlace | None) -> None:
    async with fleet_of(kept, limit=1) as (panel, seflow):
        run = seflow.fleet.stop(wait=False)
        async for outcome in run:
            assert not outcome.verified
            run.drain()
        report = await run
        stopped = {outcome.key for outcome in report.outcomes if outcome.status is Status.CHANGED}
        assert 0 < len(stopped) < 8
        await asyncio.sleep(2)
        assert set((await seflow.fleet.restore(run)).targets) == stopped
        assert powers(panel) == ["running"] * 8


async def test_restore_starts_what_was_off_when_it_was_listed_and_was_stopped_later(
    kept: JournalPlace | None,
) -> None:
    async with panel_and_client(journal=kept, services=1, vms_per_service=3) as (panel, seflow):
        late, off = panel.services["33301"].vms["4002"], panel.services["33301"].vms["4003"]
        late.power = off.power = "stopped"
        rollout = Rollout(batches=[1, 2], pause_between=600.0)
        run = seflow.fleet.run([Stop(), Resize(memory=777)], rollout=rollout).start()
        await until(lambda: run.progress.done == 1)
        late.power = "running"
        assert statuses(await run) == {"changed": 3}
        assert posts(panel)[f"/service/33301/vms/{off.id}/stop"] == 0
        assert {key[2] for key in (await seflow.fleet.restore(run)).targets} == {"4001", late.id}
        assert powers(panel) == ["running", "running", "stopped"]


async def test_only_a_run_that_stops_can_be_restored(kept: JournalPlace | None) -> None:
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.reboot()
        await run
        with pytest.raises(InvalidArgument, match="stopped nothing"):
            await refuses(kept, lambda: seflow.fleet.restore(run))
        assert panel.effect_count("start") == 0


async def test_restore_under_one_id_is_one_run(kept: JournalPlace | None) -> None:
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.stop()
        await run
        reports = await asyncio.gather(
            seflow.fleet.restore(run, run_id="back"), seflow.fleet.restore(run.id, run_id="back")
        )
        assert [report.ok for report in reports] == [True, True]
        assert set(posts(panel).values()) == {1}
        assert len(await seflow.fleet.runs()) == 2
        if kept:
            async with virtual_client(panel, journal=kept) as other:
                assert (await other.fleet.restore(run.id, run_id="back")).ok
            assert set(posts(panel).values()) == {1}


async def test_what_is_gone_with_its_whole_service_is_named_too(kept: JournalPlace | None) -> None:
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.stop()
        await run
        cast("dict[str, Any]", panel.services).pop("33302")
        gone = panel.services["33301"]
        gone.destroy(gone.vms["4001"])
        report = await seflow.fleet.restore(run.id)
        assert statuses(report) == {"changed": 3, "not_attempted": 5}
        assert set(report.causes) == {"not_found"}
        assert adds_up(report)


async def test_what_cannot_be_listed_is_not_called_gone(kept: JournalPlace | None) -> None:
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.stop()
        await run
        panel.faults.add(Fault("status", path="/service/@id/vms", service="33302", status=500))
        report = await seflow.fleet.restore(run.id)
        assert statuses(report) == {"changed": 4}
        assert {lost.service_id for lost in report.undiscovered} == {"33302"}
        assert not report.ok


async def test_a_list_that_is_older_than_the_stop_keeps_no_vm_down(kept: JournalPlace | None) -> None:
    """The list of before the stop says that all run: each is read by itself before it is left alone."""
    async with fleet_of(kept) as (panel, seflow):
        run = seflow.fleet.stop(wait=False)
        await run
        await asyncio.sleep(2)
        old = [{"id": vm, "status": "running"} for vm in panel.services["33301"].vms]
        panel.faults.add(
            Fault("answer", path="/service/@id/vms", service="33301", payload={"vms": old}, times=1)
        )
        running = panel.services["33301"].vms["4001"]
        running.power = "running"
        report = await seflow.fleet.restore(run.id)
        assert powers(panel) == ["running"] * 8
        assert statuses(report) == {"changed": 7, "unchanged": 1}
        assert {outcome.vm_id for outcome in report.outcomes if outcome.status is Status.UNCHANGED} == {
            "4001"
        }
        assert report.ok

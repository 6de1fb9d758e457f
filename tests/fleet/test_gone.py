"""VMs and whole services that are gone are named by every run that has its VMs from a journal or a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from support.clients import virtual_client
from support.histories import adds_up, killed, panel_and_client, posts, statuses, until
from support.journals import JournalPlace
from support.virtual import VIRTUAL

from aioseflow import Destroy, Plan, Report, Rollout, Run, SeFlow, SettlePolicy, Status, Stop
from aioseflow.sandbox import Fault, Sandbox

pytestmark = VIRTUAL

STOPS = "/service/@id/vms/@vm/stop"
NAMES = {("33301", "4001"): ("Cloud 1", "vm-4001"), ("33302", "4005"): ("Cloud 2", "vm-4005")}


def take_away(panel: Sandbox, service_id: str, vm_id: str | None) -> None:
    """Delete a VM, or a service with all of its VMs."""
    if vm_id is None:
        cast("dict[str, Any]", panel.services).pop(service_id)
    else:
        service = panel.services[service_id]
        service.destroy(service.vms[vm_id])


def gone_in(report: Report) -> dict[tuple[str, str], tuple[str, str]]:
    """The names of service and VM of what a report says is gone."""
    return {
        (outcome.service_id, outcome.vm_id): (outcome.service_name, outcome.vm_label)
        for outcome in report.causes.get("not_found", ())
    }


async def follow_directly(seflow: SeFlow, run: Run) -> Report:
    return await run


async def follow_by_a_plan(seflow: SeFlow, run: Run) -> Report:
    return await seflow.fleet.run(await seflow.fleet.plan(run))


async def follow_by_a_file(seflow: SeFlow, run: Run) -> Report:
    return await seflow.fleet.run(Plan.from_json((await seflow.fleet.plan(run)).to_json()))


WAYS = [follow_directly, follow_by_a_plan, follow_by_a_file]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", ["retry", "restore"])
@pytest.mark.parametrize("whole", [True, False])
async def test_what_follows_a_run_names_what_is_gone(
    kept: JournalPlace | None, verb: str, whole: bool, way: Callable[..., Any]
) -> None:
    refused = [Fault("error", path=STOPS, codes=("quota",))] if verb == "retry" else []
    async with panel_and_client(*refused, journal=kept, vms_per_service=(4, 1)) as (panel, seflow):
        run = seflow.fleet.stop(rollout=Rollout(same_cause=None))
        await run
        panel.faults.clear()
        take_away(panel, "33301", "4001")
        if whole:
            take_away(panel, "33302", None)
        follow = seflow.fleet.retry if verb == "retry" else seflow.fleet.restore
        report = await way(seflow, follow(run.id))
        wanted = dict(list(NAMES.items())[: 2 if whole else 1])
        assert gone_in(report) == wanted
        assert statuses(report) == {"changed": 5 - len(wanted), "not_attempted": len(wanted)}
        assert (report.parent, report.follows, report.ok) == (run.id, verb, False)
        assert adds_up(report)
        page = report.summary()
        assert ("vm-[4001,4005]" if whole else "vm-4001") in page
        assert "does not exist any more" in page
        assert f"{'retries' if verb == 'retry' else 'restores'} run {run.id}" in page


@pytest.mark.parametrize("way", WAYS)
async def test_where_all_are_gone_they_are_named(kept: JournalPlace | None, way: Callable[..., Any]) -> None:
    async with panel_and_client(journal=kept, services=1, vms_per_service=2) as (panel, seflow):
        run = seflow.fleet.stop()
        await run
        take_away(panel, "33301", "4001")
        take_away(panel, "33301", "4002")
        report = await way(seflow, seflow.fleet.restore(run.id))
        assert statuses(report) == {"not_attempted": 2}
        assert not report.ok
        assert "Retrying would not help: the 2 VMs are gone." in report.summary()


async def test_a_plan_names_what_is_gone(kept: JournalPlace | None) -> None:
    async with panel_and_client(journal=kept, services=1) as (panel, seflow):
        run = seflow.fleet.stop()
        await run
        take_away(panel, "33301", "4002")
        plan = await seflow.fleet.plan(seflow.fleet.restore(run.id))
        assert [(vm.vm_id, vm.vm_label) for vm in plan.vms if vm.why_not == "not_found"] == [
            ("4002", "vm-4002")
        ]
        assert "1 not found: vm-4002" in str(plan)


async def test_a_vm_that_a_plan_left_alone_and_that_is_gone_is_named() -> None:
    async with panel_and_client(services=1) as (panel, seflow):
        panel.services["33301"].vms["4001"].power = "stopped"
        plan = await seflow.fleet.plan(Stop())
        take_away(panel, "33301", "4001")
        report = await seflow.fleet.run(plan)
        assert statuses(report) == {"changed": 3, "not_attempted": 1}
        assert gone_in(report) == {("33301", "4001"): NAMES["33301", "4001"]}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("stage", ["queued", "sent", "accepted"])
async def test_a_resume_names_what_is_gone(place: JournalPlace, stage: str, whole: bool) -> None:
    faults = {
        "queued": Fault("latency", path=STOPS, seconds=60.0),
        "sent": Fault("hang", path=STOPS, when="before"),
        "accepted": Fault("latency", path="/nothing"),
    }
    async with panel_and_client(
        faults[stage], journal=place, limit=1 if stage == "queued" else 8, stop_time=60.0
    ) as (panel, seflow):
        run = seflow.fleet.stop(settle=SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=5.0)).start()
        if stage == "accepted":
            await until(lambda: run.progress.settling == 8)
        else:
            await until(lambda: run.progress.targets == 8 and sum(posts(panel).values()) > 0)
            await asyncio.sleep(1)
        left = await killed(run, place)
        panel.faults.clear()
        take_away(panel, "33302", None if whole else "4005")
        async with virtual_client(panel, journal=left) as later:
            report = await later.fleet.resume(run.id)
            again = await later.fleet.report(run.id)
        gone = {key for key in gone_in(report) if key[0] == "33302"}
        assert len(gone) == (4 if whole else 1)
        assert gone_in(again) == gone_in(report)
        assert not report.undiscovered
        assert adds_up(report)
        # What may have been sent is not called "nothing was sent".
        here = [outcome for outcome in report.outcomes if (outcome.service_id, outcome.vm_id) in gone]
        sent = {outcome.status for outcome in here}
        assert sent <= {Status.UNKNOWN, Status.NOT_ATTEMPTED}
        assert sent == ({Status.UNKNOWN} if stage != "queued" else sent)
        assert all(outcome.vm_label for outcome in here)


async def test_a_destruction_of_a_service_that_is_gone_with_its_vms_is_done(place: JournalPlace) -> None:
    lost = Fault("hang", method="DELETE", when="after")
    for verb in ("resume", "reconcile"):
        async with panel_and_client(lost, journal=place, services=1) as (panel, seflow):
            plan = (await seflow.fleet.plan(Destroy())).confirm(4)
            run = seflow.fleet.run(plan).start()
            await until(lambda: sum(posts(panel).values()) == 4)
            await asyncio.sleep(1)
            left = await killed(run, place)
            panel.faults.clear()
            take_away(panel, "33301", None)
            async with virtual_client(panel, journal=left) as later:
                if verb == "resume":
                    await later.fleet.resume(run.id)
                else:
                    assert {found.verdict for found in await later.fleet.reconcile(run.id)} == {"done"}
                assert statuses(await later.fleet.report(run.id)) == {"changed": 4}

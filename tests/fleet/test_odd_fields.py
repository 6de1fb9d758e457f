"""One VM whose optional fields have odd forms stops nothing: it is acted on, and read back, as the others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from support.coherent import SHORT, CoherentPanel, panel_and_client
from support.journals import copy_of
from support.wire import Play

from aioseflow import Action, Destroy, Plan, Reboot, Resize, ResizeDisk, Rollout, Start, Status, Stop, Usage
from aioseflow.fleet.plan.plan import StalePlan

ODD: Final[dict[str, Any]] = {
    "memory": "512 MB",
    "cpus": "2.5",
    "cpu_share": "many",
    "disk": "∞",
    "bandwidth": {"data_received": 1, "data_sent": 2},
    "burstmem": "-",
    "pae": "maybe",
    "template": True,
    "note": {"by": "me"},
    "uptime": True,
    "ip": [["192.0.2.92"]],
    "ipv6subnets": 7,
    "usage": "10%",
    "password": {"a": "b"},
}
ALL_SIX: Final = ["81", "82", "83", "91", "92", "93"]


def make_odd(panel: CoherentPanel, **fields: Any) -> None:
    panel.vms["9"]["92"] |= ODD | fields
    panel.services[1] |= {"next_due": "Never", "total": "Free", "category": {"id": 1}, "label": True}


@pytest.mark.parametrize("field", ODD)
async def test_no_field_by_itself_keeps_a_vm_from_being_stopped(field: str) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"]["92"][field] = ODD[field]
        report = await seflow.fleet.stop(services=["9"], settle=SHORT)
    assert {outcome.vm_id: outcome.status for outcome in report.outcomes} == dict.fromkeys(
        ALL_SIX[3:], Status.CHANGED
    )
    assert all(outcome.verified for outcome in report.outcomes)
    assert report.ok


@pytest.mark.parametrize("label", ["vm92", True, {"en": "vm92"}], ids=["text", "yes", "object"])
async def test_all_of_them_at_once_are_no_matter(label: Any) -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel, label=label)
        read = {vm.id: vm async for _, vm in seflow.fleet.vms()}
        for make in (seflow.fleet.stop, seflow.fleet.start):
            report = await make(settle=SHORT)
            assert sorted(vm for _, _, vm in report.targets) == ALL_SIX
            assert report.ok
        assert (await seflow.fleet.reboot(rollout=Rollout(max_unavailable=1), settle=SHORT)).ok
    assert read["92"].memory is None
    assert "memory" in read["92"].unread


@pytest.mark.parametrize("locked", ["backup", "maybe", 2, {"by": "backup"}], ids=repr)
async def test_an_odd_word_for_a_lock_keeps_nothing_from_being_read_back(locked: Any) -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel, locked=locked)
        report = await seflow.fleet.stop(settle=SHORT)
    assert report.counts[Status.CHANGED] == 6
    assert report.ok


async def test_a_vm_that_is_odd_is_neither_needed_nor_in_the_way_of_one_that_is_named() -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel)
        named = await seflow.fleet.stop([("9", "91")], settle=SHORT)
        by_id = await seflow.fleet.start(vms=["91"], settle=SHORT)
        others = await seflow.fleet.stop(services=["9"], exclude=[("9", "92")], settle=SHORT)
        the_odd = await seflow.fleet.stop([("9", "92")], settle=SHORT)
    assert [len(report.targets) for report in (named, by_id, others, the_odd)] == [1, 1, 2, 1]
    assert all(report.ok for report in (named, by_id, others, the_odd))


async def test_a_condition_on_what_could_not_be_read_selects_nothing_and_is_counted() -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel)
        report = await seflow.fleet.stop("memory >= 512", settle=SHORT)
    assert sorted(vm for _, _, vm in report.targets) == [vm for vm in ALL_SIX if vm != "92"]
    assert report.missing_values == 1


async def test_a_guard_on_what_could_not_be_read_holds() -> None:
    async with panel_and_client(protected="memory < 600") as (panel, seflow):
        make_odd(panel)
        report = await seflow.fleet.stop(settle=SHORT)
    assert sorted(vm for _, _, vm in report.targets) == [vm for vm in ALL_SIX if vm != "92"]


async def test_a_plan_has_it_is_followed_and_notices_what_moves() -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel)
        plan = await seflow.fleet.plan(Stop())
        again = Plan.from_json(plan.to_json())
        assert (await seflow.fleet.run(attrs.evolve(again, document=quick(again)))).ok
        back = await seflow.fleet.plan(Start())
        panel.vms["9"]["92"]["memory"] = 2048
        with pytest.raises(StalePlan, match="was memory unknown, is 2048 MB"):
            await seflow.fleet.run(back)
    (odd,) = (vm for vm in plan.vms if vm.vm_id == "92")
    assert (odd.do, odd.observed) == ("stop", "running, not locked, memory unknown, cores unknown")
    assert plan.undiscovered == ()


def quick(plan: Plan) -> dict[str, Any]:
    return {**plan.document, "settle": attrs.asdict(SHORT)}


async def test_a_vm_that_becomes_odd_while_it_is_read_back_is_read_all_the_same() -> None:
    async with panel_and_client() as (panel, seflow):

        def stopped() -> dict[str, bool]:
            make_odd(panel, state="offline")
            return {"status": True}

        panel.says["POST /service/9/vms/92/stop"] = stopped
        report = await seflow.fleet.stop(settle=SHORT)
    assert report.counts[Status.CHANGED] == 6
    assert report.ok


async def test_a_size_that_is_never_readable_is_unknown_with_its_reason_and_the_others_are_done() -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel)
        panel.says["PUT /service/9/vms/92"] = {"status": True}
        report = await seflow.fleet.resize(services=["9"], memory=4096, settle=SHORT)
    assert {outcome.vm_id: (outcome.status, outcome.cause) for outcome in report.outcomes} == {
        "91": (Status.CHANGED, None),
        "92": (Status.UNKNOWN, "not_readable"),
        "93": (Status.CHANGED, None),
    }
    (unknown,) = report.causes["not_readable"]
    assert "VM 92: its memory cannot be read" in str(unknown.error)


async def test_a_disk_of_odd_size_is_not_resized_and_the_others_are() -> None:
    async with panel_and_client() as (panel, seflow):
        for vm, size in (("91", 30), ("92", "32 cans"), ("93", 30)):
            panel.says[f"GET /service/9/vms/{vm}/storage"] = {"storage": [{"id": "virtio0", "size": size}]}
        report = await seflow.fleet.run(ResizeDisk(disk_id="virtio0", size=30), services=["9"], settle=SHORT)
        assert panel.changes == {}
    assert {outcome.vm_id: outcome.cause for outcome in report.outcomes} == {
        "91": "already_so",
        "92": "undecodable",
        "93": "already_so",
    }


async def test_every_other_action_takes_it_too() -> None:
    async with panel_and_client() as (panel, seflow):
        make_odd(panel)
        for vm in ("91", "92", "93"):
            for kind in ("cpu", "net", "disk"):
                panel.says[f"GET /service/9/vms/{vm}/usage/{kind}"] = {kind: "<img>"}
        sequence: list[Action] = [Stop(), Resize(memory=2048), Start()]
        assert (await seflow.fleet.run(sequence, services=["9"], settle=SHORT)).ok
        make_odd(panel)
        assert (await seflow.fleet.run(Usage(), services=["9"])).ok
        plan = (await seflow.fleet.plan(Destroy(), services=["9"])).confirm(3)
        assert (await seflow.fleet.run(attrs.evolve(plan, document=quick(plan)))).ok
    assert panel.vms["9"] == {}


@pytest.mark.parametrize("kept", [True, False], ids=["journal", "memory"])
async def test_a_lost_answer_is_decided_by_the_reading_of_an_odd_vm(tmp_path: Path, *, kept: bool) -> None:
    async with panel_and_client(journal=tmp_path / "runs" if kept else None, retry=None) as (panel, seflow):
        make_odd(panel)
        for vm in ("91", "92"):
            panel.says[f"POST /service/9/vms/{vm}/stop"] = Play(then="reset")
        run = seflow.fleet.stop(services=["9"], settle=SHORT)
        report = await run
        assert report.counts[Status.UNKNOWN] == 2
        panel.vms["9"]["92"]["state"] = "offline"
        findings = await seflow.fleet.reconcile(run.id, grace=0)
    assert {finding.vm_id: finding.verdict for finding in findings} == {"91": "not_done", "92": "done"}


async def test_a_killed_run_goes_on_with_an_odd_vm(tmp_path: Path) -> None:
    journal, left = tmp_path / "runs", tmp_path / "left"
    async with panel_and_client(journal=journal) as (panel, seflow):
        port = panel.port
        make_odd(panel)
        arrived = asyncio.Event()

        def killed() -> Play:
            copy_of(journal, left)
            arrived.set()
            return Play(then="hang")

        panel.says["POST /service/9/vms/92/stop"] = killed
        run = seflow.fleet.stop(settle=SHORT)
        run.start()
        await arrived.wait()
        run.cancel()
        await run.wait_closed()
    async with panel_and_client(journal=left, port=port) as (panel, seflow):
        make_odd(panel)
        report = await seflow.fleet.resume(run.run_id)
    assert sorted(vm for _, _, vm in report.targets) == ALL_SIX
    assert report.counts[Status.CHANGED] == 6


async def test_what_an_odd_vm_does_not_say_of_its_boot_decides_nothing() -> None:
    async with panel_and_client(retry=None) as (panel, seflow):
        make_odd(panel)
        panel.says["POST /service/9/vms/92/reboot"] = Play(then="reset")
        run = seflow.fleet.run(Reboot(), [("9", "92")])
        await run
        (finding,) = await seflow.fleet.reconcile(run.id, grace=0)
    assert (finding.verdict, finding.evidence["uptime"]) == ("cannot_tell", None)

"""How many VMs of a service a run may have taken down at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from support.steering import (
    FIRST,
    SECOND,
    causes,
    check_adds_up,
    down,
    small_world,
    statuses,
)
from support.virtual import VIRTUAL

from aioseflow import (
    InvalidArgument,
    Reboot,
    Resize,
    Rollout,
    Run,
    SettlePolicy,
    Start,
    Status,
    Stop,
)
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

STOP = "/service/@id/vms/@vmid/stop"
LISTS = "/service/@id/vms"
IMPATIENT = SettlePolicy(patience=30.0)


def refused(code: str = "vm_is_protected", **where: Any) -> Fault:
    return Fault("error", **{"path": STOP, "codes": (code,), **where})


async def most_down_of(panel: Any, run: Run) -> dict[str, int]:
    """The most VMs of each service that were down at once, until the run is over."""
    most: Counter[str] = Counter()
    while not run.is_over:
        for service, number in Counter(service for service, _ in down(panel)).items():
            most[service] = max(most[service], number)
        await asyncio.sleep(0.05)
    return dict(most)


@pytest.mark.parametrize("what", [[Reboot()], [Stop(), Start()], [Resize(memory=16384), Reboot()]])
@pytest.mark.parametrize("most", [1, 2])
async def test_no_more_vms_of_a_service_are_down_at_once(what: Any, most: int) -> None:
    async with small_world((6, 9)) as (panel, seflow):
        run = seflow.fleet.run(what, rollout=Rollout(max_down_per_service=most)).start()
        seen = await most_down_of(panel, run)
        report = await run
    assert statuses(report) == {"changed": 15}
    # Both at once, and each as many as it may.
    assert seen == {FIRST: most, SECOND: most}


async def test_vms_that_were_down_before_take_no_place_of_a_service() -> None:
    async with small_world((6,)) as (panel, seflow):
        for vm in list(panel.services[FIRST].vms.values())[:3]:
            vm.power = "stopped"
        report = await seflow.fleet.reboot(rollout=Rollout(max_down_per_service=1))
    assert statuses(report) == {"changed": 3, "not_attempted": 3}
    assert causes(report) == {"not_running": 3}


async def test_a_vm_that_does_not_come_back_keeps_its_place_and_ends_its_service() -> None:
    async with small_world((5, 3)) as (panel, seflow):
        panel.services[FIRST].vms["4001"].stuck = True
        rollout = Rollout(max_down_per_service=1)
        report = await seflow.fleet.reboot(rollout=rollout, settle=IMPATIENT)
    check_adds_up(report)
    assert statuses(report) == {"changed": 3, "failed": 1, "not_attempted": 4}
    assert causes(report) == {"not_settled": 1, "max_down_per_service": 4}


async def test_a_refusal_gives_the_place_back() -> None:
    async with small_world((5,)) as (panel, seflow):
        panel.faults.add(refused("vm_locked", path="/service/@id/vms/@vmid/reboot", vm="4001"))
        report = await seflow.fleet.reboot(rollout=Rollout(max_down_per_service=1))
    assert statuses(report) == {"changed": 4, "failed": 1}


async def test_the_limit_is_refused_for_what_leaves_vms_down_and_planned_for_what_does_not() -> None:
    rollout = Rollout(max_down_per_service=2)
    async with small_world((6, 4)) as (panel, seflow):
        for make in (seflow.fleet.run, seflow.fleet.plan):
            with pytest.raises(InvalidArgument, match="max_down_per_service=2 is for actions that") as caught:
                await make(Stop(), rollout=rollout)
            assert caught.value.argument == "max_down_per_service"
        panel.services[FIRST].vms["4001"].power = "stopped"
        plan = await seflow.fleet.plan(Reboot(), rollout=rollout)
        assert plan.worst_down == {f"main/{FIRST}": 3, f"main/{SECOND}": 2}
        assert statuses(await seflow.fleet.run(plan))["changed"] == 9
        # What takes nothing down has no use for it.
        assert (await seflow.fleet.start(rollout=rollout)).ok


async def test_what_the_limit_of_a_service_left_is_taken_up_by_a_resume() -> None:
    async with small_world((4,)) as (panel, seflow):
        stuck = panel.services[FIRST].vms["4001"]
        stuck.stuck = True
        run = seflow.fleet.reboot(rollout=Rollout(max_down_per_service=1), settle=IMPATIENT)
        assert causes(await run)["max_down_per_service"] == 3
        stuck.stuck, stuck.power = False, "running"
        report = await seflow.fleet.resume(run.id)
    assert causes(report) == {"not_settled": 1}
    assert report.counts[Status.CHANGED] == 3

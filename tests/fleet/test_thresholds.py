"""Thresholds that stop a run: failures of it and of a batch, one cause in a service, too many VMs down."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from support.steering import (
    FIRST,
    SECOND,
    THIRD,
    causes,
    check_adds_up,
    down,
    most_down,
    sent,
    small_world,
    statuses,
    until,
)
from support.virtual import VIRTUAL

from aioseflow import (
    Action,
    Reboot,
    Report,
    Resize,
    Rollout,
    RunRefused,
    SettlePolicy,
    Start,
    Status,
    Stop,
)
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

STOP = "/service/@id/vms/@vmid/stop"
RESIZE = "/service/@id/vms/@vmid"
LISTS = "/service/@id/vms"
IMPATIENT = SettlePolicy(patience=30.0)


def refused(code: str = "vm_is_protected", **where: Any) -> Fault:
    return Fault("error", **{"path": STOP, "codes": (code,), **where})


@pytest.mark.parametrize(
    ("max_failures", "vms", "failing"),
    [(0, 10, 1), (2, 10, 3), ("20%", 10, 3), ("25%", 10, 3), ("100%", 10, 10), ("5%", 10, 1)],
)
async def test_nothing_new_starts_once_failures_exceed_the_limit(
    max_failures: int | str, vms: int, failing: int
) -> None:
    async with small_world((vms,)) as (panel, seflow):
        panel.faults.add(refused())
        rollout = Rollout(max_failures=max_failures, window=1, same_cause=None)
        report = await seflow.fleet.stop(rollout=rollout)
    check_adds_up(report)
    assert not report.ok
    expected = {"failed": failing, "not_attempted": vms - failing}
    assert statuses(report) == {status: number for status, number in expected.items() if number}
    assert len(sent(panel)) == failing
    rest = [outcome for outcome in report.outcomes if outcome.status is Status.NOT_ATTEMPTED]
    assert {outcome.cause for outcome in rest} <= {"max_failures"}


@pytest.mark.parametrize("window", [None, 3])
async def test_at_most_the_limit_and_those_in_flight_can_fail(window: int | None) -> None:
    async with small_world((40,), client={"limit": 4}, service_time=1.0) as (panel, seflow):
        panel.faults.add(refused())
        rollout = Rollout(max_failures=2, window=window, same_cause=None)
        plan = await seflow.fleet.plan(Stop(), rollout=rollout)
        report = await seflow.fleet.run(plan)
    check_adds_up(report)
    assert 3 <= report.counts[Status.FAILED] <= 2 + (window or 4)
    assert len(sent(panel)) == report.counts[Status.FAILED]
    assert plan.worst_failures is not None
    assert report.counts[Status.FAILED] <= plan.worst_failures
    assert window is None or plan.worst_failures == 2 + window


async def test_what_was_accepted_before_the_limit_was_exceeded_is_finished() -> None:
    async with small_world((12,), client={"limit": 6}, service_time=1.0) as (panel, seflow):
        panel.faults.add(refused(times=1, after=2))
        report = await seflow.fleet.stop(rollout=Rollout(max_failures=0))
    check_adds_up(report)
    assert report.counts[Status.FAILED] == 1
    assert report.counts[Status.CHANGED] == len(down(panel)) == len(sent(panel)) - 1
    assert all(outcome.verified for outcome in report.outcomes if outcome.status is Status.CHANGED)
    assert causes(report)["max_failures"] == 12 - len(sent(panel))


@pytest.mark.parametrize(
    ("fault", "status", "cause"),
    [
        (Fault("hang", path=STOP), Status.UNKNOWN, "timeout"),
        (Fault("reset", path=STOP), Status.UNKNOWN, "unreachable"),
        (Fault("status", path=STOP, status=500), Status.UNKNOWN, "server_error"),
        (Fault("status", path=STOP, status=403), Status.FAILED, "permission_denied"),
    ],
)
async def test_unknown_and_unreachable_count_as_failures(fault: Fault, status: Status, cause: str) -> None:
    client = {"retry": None, "limit": 1}
    async with small_world((6,), client=client) as (panel, seflow):
        panel.faults.add(fault)
        rollout = Rollout(max_failures=1, window=1)
        report = await seflow.fleet.stop(rollout=rollout, settle=IMPATIENT)
    check_adds_up(report)
    assert statuses(report) == {str(status): 2, "not_attempted": 4}
    assert causes(report) == {cause: 2, "max_failures": 4}


async def test_what_is_not_even_tried_any_more_counts_as_a_failure() -> None:
    async with small_world((30,), client={"limit": 2}) as (panel, seflow):
        panel.faults.add(Fault("wronglogin", path=STOP, after=4))
        report = await seflow.fleet.stop(rollout=Rollout(max_failures=3, window=2), settle=IMPATIENT)
    check_adds_up(report)
    assert 3 < causes(report)["authentication"] + report.counts[Status.UNKNOWN] <= 3 + 2
    assert causes(report)["max_failures"] > 20


async def test_a_batch_has_a_limit_of_its_own() -> None:
    async with small_world((20,)) as (panel, seflow):
        panel.faults.add(refused(times=1))
        rollout = Rollout(canary=2, batches=["100%"], max_failures="10%")
        report = await seflow.fleet.stop(rollout=rollout)
    # One of twenty is within a tenth, one of the canary's two is not.
    assert statuses(report) == {"changed": 1, "failed": 1, "not_attempted": 18}
    assert len(sent(panel)) == 2


async def test_the_failures_of_all_batches_together_have_a_limit_too() -> None:
    async with small_world((12,)) as (panel, seflow):
        for after in (0, 4, 8):
            panel.faults.add(refused(f"reason_{after}", after=after, times=1))
        report = await seflow.fleet.stop(rollout=Rollout(batches=[4], max_failures=1))
    assert statuses(report) == {"changed": 6, "failed": 2, "not_attempted": 4}


# -- one cause -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (refused("quota_exceeded", service=FIRST), "quota_exceeded"),
        (refused("vm_locked", service=FIRST), "vm_locked"),
        (Fault("status", path=STOP, service=FIRST, status=403), "permission_denied"),
        (Fault("html", path=STOP, service=FIRST, status=403), "gateway_error"),
    ],
)
@pytest.mark.parametrize("batches", [None, [4], ["50%"]])
async def test_one_cause_stops_its_service_and_no_other(
    fault: Fault, cause: str, batches: list[int | str] | None
) -> None:
    async with small_world((12, 12), client={"limit": 2}) as (panel, seflow):
        panel.faults.add(fault)
        report = await seflow.fleet.stop(rollout=Rollout(same_cause=3, batches=batches))
    check_adds_up(report)
    tried = Counter(change.vm[0] for change in sent(panel))
    assert tried[SECOND] == 12
    assert 3 <= tried[FIRST] <= 4  # the third failure, and the one in flight at the same time
    assert causes(report) == {cause: tried[FIRST], "same_cause": 12 - tried[FIRST]}
    assert {o.service_id for o in report.outcomes if o.status is Status.CHANGED} == {SECOND}


@pytest.mark.parametrize("other", ["vm_locked", None])
async def test_one_other_outcome_among_them_does_not_hide_the_cause(other: str | None) -> None:
    """The third VM fails for another reason, or not at all."""
    async with small_world((20,), client={"limit": 1}) as (panel, seflow):
        for number, vm in enumerate(panel.services[FIRST].vms):
            if number != 2:
                panel.faults.add(refused("hypervisor_down", vm=vm))
            elif other is not None:
                panel.faults.add(refused(other, vm=vm))
        report = await seflow.fleet.stop(rollout=Rollout())
    check_adds_up(report)
    assert causes(report)["same_cause"] == 14
    assert causes(report)["hypervisor_down"] == 5


async def test_a_cause_of_every_second_vm_does_not_stop_a_service() -> None:
    async with small_world((20,), client={"limit": 1}) as (panel, seflow):
        for vm in list(panel.services[FIRST].vms)[::2]:
            panel.faults.add(refused("vm_locked", vm=vm))
        report = await seflow.fleet.stop(rollout=Rollout())
    assert statuses(report) == {"changed": 10, "failed": 10}


async def test_failures_of_different_causes_do_not_stop_a_service() -> None:
    async with small_world((12,), client={"limit": 1}) as (panel, seflow):
        for vm in panel.services[FIRST].vms:
            panel.faults.add(refused(f"reason_{int(vm) % 2}", vm=vm))
        report = await seflow.fleet.stop(rollout=Rollout(same_cause=2))
    assert statuses(report) == {"failed": 12}


async def test_a_cause_that_stops_a_service_of_very_many_batches_is_no_trouble() -> None:
    async with small_world((600, 2), client={"limit": 1}) as (panel, seflow):
        panel.faults.add(refused("quota_exceeded", service=FIRST))
        report = await seflow.fleet.stop(rollout=Rollout(batches=[1], same_cause=2))
    check_adds_up(report)
    assert causes(report) == {"quota_exceeded": 2, "same_cause": 598}
    assert report.counts[Status.CHANGED] == 2


# -- machines down -------------------------------------------------------------------------------------


async def run_and_count(panel: Any, run: Any) -> tuple[Report, int]:
    over = asyncio.Event()
    counting = asyncio.create_task(most_down(panel, over))
    report = await run
    over.set()
    return report, await counting


@pytest.mark.parametrize("what", [None, [Stop(), Start()]])
@pytest.mark.parametrize(("already", "allowed", "most_allowed"), [(0, 2, 2), (2, 3, 3), (1, "25%", 2)])
async def test_machines_that_are_down_anyway_count(
    what: Any, already: int, allowed: int | str, most_allowed: int
) -> None:
    async with small_world((6, 6)) as (panel, seflow):
        for vm in list(panel.services[SECOND].vms.values())[:already]:
            vm.power = "stopped"
        rollout = Rollout(max_unavailable=allowed)
        fleet = seflow.fleet
        options: dict[str, Any] = {"rollout": rollout, "exclude": down(panel)}
        run = fleet.reboot(**options) if what is None else fleet.run(what, **options)
        report, most = await run_and_count(panel, run)
    assert statuses(report) == {"changed": 12 - already}
    assert most <= most_allowed


@pytest.mark.parametrize("service", [FIRST, SECOND])
async def test_machines_that_go_down_meanwhile_count_in_whatever_service(service: str) -> None:
    async with small_world((12, 6)) as (panel, seflow):
        # Of the second service one VM alone is a target, and comes last.
        strangers = list(panel.services[service].vms.values())[-2:]
        others = [(SECOND, vm) for vm in panel.services[SECOND].vms if vm != "4013"]
        exclude = {*others, *((service, vm.id) for vm in strangers)}
        run = seflow.fleet.reboot(rollout=Rollout(max_unavailable=2), exclude=exclude).start()
        await until(lambda: run.progress.done >= 3)
        for vm in strangers:
            vm.power = "stopped"
        await asyncio.sleep(30.0)
        before = len(sent(panel))
        await asyncio.sleep(60.0)
        assert len(sent(panel)) == before
        assert run.progress.queued
        for vm in strangers:
            vm.power = "running"
        report = await run
    assert set(statuses(report)) == {"changed"}


async def test_machines_that_go_down_meanwhile_count_before_a_later_step() -> None:
    """The first step leaves the VM running; the second takes it down, and is asked again whether it may."""
    async with small_world((3, 2)) as (panel, seflow):
        stranger = panel.services[FIRST].vms["4003"]
        steps: list[Action] = [Resize(memory=16384), Reboot()]
        rollout = Rollout(max_unavailable=1)
        run = seflow.fleet.run(steps, rollout=rollout, exclude=[(FIRST, stranger.id)])
        run.start()
        await until(lambda: bool(sent(panel, "resize")))
        stranger.power = "stopped"
        await asyncio.sleep(60.0)
        assert not sent(panel, "reboot")
        assert run.progress.done == 0
        stranger.power = "running"
        report, most = await run_and_count(panel, run)
    assert statuses(report) == {"changed": 4}
    assert most == 1


async def test_a_later_step_that_may_never_go_on_ends_and_says_why() -> None:
    async with small_world((3,)) as (panel, seflow):
        run = seflow.fleet.run(
            [Resize(memory=16384), Reboot()],
            rollout=Rollout(max_unavailable=1),
            vms=["4001"],
            settle=IMPATIENT,
        ).start()
        await until(lambda: bool(sent(panel, "resize")))
        panel.services[FIRST].vms["4003"].power = "stopped"
        report = await run
        check_adds_up(report)
    assert statuses(report) == {"failed": 1}
    assert causes(report) == {"max_unavailable": 1}
    assert not sent(panel, "reboot")


async def test_the_plan_foresees_what_a_share_of_all_targets_allows() -> None:
    async with small_world((10,)) as (panel, seflow):
        for vm in list(panel.services[FIRST].vms.values())[:5]:
            vm.power = "stopped"
        rollout = Rollout(max_unavailable="70%")
        plan = await seflow.fleet.plan(Stop(), rollout=rollout)
        report, most = await run_and_count(panel, seflow.fleet.run(plan))
    assert plan.worst_down == {f"main/{FIRST}": 7}
    assert most == 7
    assert statuses(report) == {"changed": 2, "unchanged": 5, "not_attempted": 3}


async def test_it_goes_on_when_machines_come_back() -> None:
    async with small_world((6,)) as (panel, seflow):
        machines = list(panel.services[FIRST].vms.values())
        rollout = Rollout(max_unavailable=2)
        names = [(FIRST, vm.id) for vm in machines[:2]]
        run = seflow.fleet.reboot(rollout=rollout, exclude=names).start()
        await until(lambda: run.progress.in_flight + run.progress.settling > 0)
        for vm in machines[:2]:
            vm.power = "stopped"
        await asyncio.sleep(60.0)
        begun = len(sent(panel))
        assert begun < 4
        assert run.progress.queued
        machines[0].power = "running"
        report, _ = await run_and_count(panel, run)
        assert len(sent(panel)) == 4
    assert statuses(report) == {"changed": 4}


@pytest.mark.parametrize("allowed", [2, "40%"])
@pytest.mark.parametrize("verb", ["reboot", "stop"])
async def test_a_limit_that_can_never_be_met_is_refused_before_anything_is_sent(
    verb: str, allowed: int | str
) -> None:
    async with small_world((3, 3)) as (panel, seflow):
        for vm in list(panel.services[SECOND].vms.values())[:2]:
            vm.power = "stopped"
        exclude = down(panel)
        rollout = Rollout(max_unavailable=allowed)
        if isinstance(allowed, str):
            rollout = Rollout(max_unavailable="50%")  # of four
        for make in (seflow.fleet.plan, seflow.fleet.run):
            act = Reboot() if verb == "reboot" else Stop()
            with pytest.raises(
                RunRefused, match=r"2 VMs of these services are down already.*Allow 3"
            ) as refused:
                await make(act, rollout=rollout, exclude=exclude)
            assert refused.value.reason == refused.value.argument == "max_unavailable"
        assert not sent(panel)
        # One that is down itself takes no further place.
        assert statuses(await seflow.fleet.run([Stop(), Start()], rollout=rollout))["changed"] == 6


async def test_where_nothing_comes_back_it_gives_up() -> None:
    async with small_world((8,)) as (panel, seflow):
        report = await seflow.fleet.stop(rollout=Rollout(max_unavailable=3), settle=IMPATIENT)
    check_adds_up(report)
    assert statuses(report) == {"changed": 3, "not_attempted": 5}
    assert causes(report) == {"max_unavailable": 5}
    assert len(down(panel)) == 3


async def test_a_machine_that_did_not_come_back_goes_on_counting() -> None:
    async with small_world((6,)) as (panel, seflow):
        stuck = next(iter(panel.services[FIRST].vms.values()))
        stuck.stuck = True
        report, most = await run_and_count(
            panel, seflow.fleet.reboot(rollout=Rollout(max_unavailable=1), settle=IMPATIENT)
        )
    assert causes(report) == {"not_settled": 1, "max_unavailable": 5}
    assert most == 1


async def test_a_machine_that_was_down_and_is_gone_counts_no_more() -> None:
    async with small_world((4,)) as (panel, seflow):
        lost = panel.services[FIRST].vms["4001"]
        rollout = Rollout(max_unavailable=1)
        run = seflow.fleet.reboot(rollout=rollout, exclude=[(FIRST, "4001")]).start()
        await until(lambda: run.progress.in_flight + run.progress.settling > 0)
        lost.power = "stopped"
        await asyncio.sleep(60.0)
        begun = len(sent(panel))
        assert begun < 3
        panel.services[FIRST].destroy(lost)
        assert statuses(await run) == {"changed": 3}


async def test_what_takes_nothing_down_is_not_held_up() -> None:
    async with small_world((4, 4, 1)) as (panel, seflow):
        for vm in panel.services[THIRD].vms.values():
            vm.power = "stopped"
        report = await seflow.fleet.run(Resize(memory=16384), rollout=Rollout(max_unavailable=1))
    assert statuses(report) == {"changed": 9}


@pytest.mark.parametrize("end", ["drain", "pause"])
async def test_what_is_only_looked_at_when_the_run_is_held_up_is_not_begun(end: str) -> None:
    async with small_world((3,), stop_time=0.0) as (panel, seflow):
        rollout = Rollout(batches=[1], pause_between=30.0, max_unavailable=3)
        run = seflow.fleet.stop(rollout=rollout).start()
        await until(lambda: run.progress.done == 1)
        ended = asyncio.get_running_loop().time()
        panel.faults.add(Fault("latency", path="/service/@id/vms", method="GET", seconds=20.0))
        # The last list is too old by then: it looks once more, just before.
        await asyncio.sleep(ended + 35.0 - asyncio.get_running_loop().time())
        getattr(run, end)()
        await asyncio.sleep(100.0)
        assert len(sent(panel)) == 1
        assert run.progress.in_flight == 0
        run.resume()
        report = await run
    check_adds_up(report)
    assert statuses(report) == ({"changed": 3} if end == "pause" else {"changed": 1, "not_attempted": 2})

"""Actions other than power, sequences of them, and actions of the user's own, on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
from support.steering import (
    FIRST,
    SECOND,
    SLOW,
    causes,
    check_adds_up,
    sent,
    small_world,
    statuses,
    until,
)
from support.virtual import VIRTUAL

from aioseflow import (
    Action,
    Destroy,
    InvalidArgument,
    Outcome,
    OutcomeUnknown,
    PowerState,
    Reboot,
    RebuildNetwork,
    Report,
    Resize,
    ResizeDisk,
    Rollout,
    RunRefused,
    Safety,
    Service,
    SetRdns,
    SettlePolicy,
    Skip,
    Start,
    Status,
    Stop,
    Usage,
    Vm,
)
from aioseflow.sandbox import Dialect, Fault, Sandbox

pytestmark = VIRTUAL

GROW: list[Action] = [Stop(), Resize(memory=16384), Start()]
PATIENCE = SettlePolicy(patience=30.0)


def steps_of(panel: Sandbox) -> dict[str, list[tuple[str, float]]]:
    """Return the requests for each VM with their times, in order."""
    found: dict[str, list[tuple[str, float]]] = {}
    for change in sent(panel):
        found.setdefault(change.vm[1], []).append((change.verb, change.at))
    return found


def by_vm(report: Report) -> dict[str, Outcome]:
    return {outcome.vm_id: outcome for outcome in report.outcomes}


@pytest.mark.parametrize("dialect", Dialect)
async def test_each_step_waits_until_the_one_before_is_seen(dialect: Dialect) -> None:
    async with small_world((3, 2), dialect=dialect) as (panel, seflow):
        report = await seflow.fleet.run(GROW)
    assert report.ok
    assert report.action == "stop+resize+start"
    assert statuses(report) == {"changed": 5}
    assert all(o.verified and o.step is None and o.attempts == 3 for o in report.outcomes)
    for steps in steps_of(panel).values():
        (first, stopped), (second, resized), (third, _) = steps
        assert [first, second, third] == ["stop", "resize", "start"]
        assert resized >= stopped + SLOW
    assert {vm.memory for s in panel.services.values() for vm in s.vms.values()} == {16384}
    assert {vm.power for s in panel.services.values() for vm in s.vms.values()} == {"running"}


async def test_a_stale_list_makes_no_step_begin_too_early() -> None:
    async with small_world((4,), faults=[Fault("stale", seconds=12.0)]) as (panel, seflow):
        report = await seflow.fleet.run(GROW)
    assert statuses(report) == {"changed": 4}
    assert panel.count(method="PUT", status=200) == len(sent(panel, "resize")) == 4


async def test_a_reboot_in_a_sequence_is_waited_for_as_far_as_it_can_be_seen() -> None:
    async with small_world((3,)) as (panel, seflow):
        report = await seflow.fleet.run([Reboot(), Stop()])
    assert statuses(report) == {"changed": 3}
    assert not any(outcome.verified for outcome in report.outcomes)  # the reboot left no trace
    for (_, rebooted), (_, stopped) in steps_of(panel).values():
        assert stopped >= rebooted + SLOW


async def test_steps_that_are_so_already_are_left_out() -> None:
    async with small_world((3,)) as (panel, seflow):
        one, two, three = panel.services[FIRST].vms.values()
        one.power, one.memory = "stopped", 16384
        two.power = "stopped"
        three.memory = 16384
        report = await seflow.fleet.run(GROW)
        sent_to = {vm: [verb for verb, _ in steps] for vm, steps in steps_of(panel).items()}
        assert sent_to == {one.id: ["start"], two.id: ["resize", "start"], three.id: ["stop", "start"]}
        assert statuses(report) == {"changed": 3}
        panel.clear_record()
        again = await seflow.fleet.run([Resize(memory=16384), Start()])
    assert statuses(again) == {"unchanged": 3}
    assert not sent(panel)


async def test_a_step_that_was_needless_long_ago_is_sent_if_it_is_needed_now() -> None:
    async with small_world((2,)) as (panel, seflow):
        late = panel.services[FIRST].vms["4002"]
        late.power = "stopped"
        rollout = Rollout(batches=[1, 1], pause_between=600.0)
        run = seflow.fleet.run([Stop(), Start()], rollout=rollout).start()
        await until(lambda: run.progress.done == 1)
        late.power = "running"
        assert statuses(await run) == {"changed": 2}
    assert [verb for verb, _ in steps_of(panel)["4002"]] == ["stop", "start"]


@pytest.mark.parametrize(
    ("path", "step", "power", "memory"),
    [
        ("/service/@id/vms/@vmid/stop", "stop", "running", 512),
        ("/service/@id/vms/@vmid", "resize", "stopped", 512),
        ("/service/@id/vms/@vmid/start", "start", "stopped", 16384),
    ],
)
async def test_a_step_that_fails_is_named_and_nothing_follows_it(
    path: str, step: str, power: str, memory: int
) -> None:
    async with small_world((3,)) as (panel, seflow):
        for method in ("POST", "PUT"):
            panel.faults.add(Fault("error", path=path, method=method, vm="4001", codes=("quota_exceeded",)))
        report = await seflow.fleet.run(GROW)
    assert statuses(report) == {"changed": 2, "failed": 1}
    outcome = by_vm(report)["4001"]
    assert (outcome.status, outcome.step, outcome.cause) == (Status.FAILED, step, "quota_exceeded")
    assert outcome.action == "stop+resize+start"
    assert [verb for verb, _ in steps_of(panel)["4001"]][-1] == step
    vm = panel.services[FIRST].vms["4001"]
    assert (vm.power, vm.memory) == (power, memory)


async def test_a_step_that_is_never_seen_done_is_named() -> None:
    async with small_world((2,)) as (panel, seflow):
        panel.services[FIRST].vms["4001"].ignores_power = True
        report = await seflow.fleet.run(GROW, settle=PATIENCE)
    outcome = by_vm(report)["4001"]
    assert (outcome.status, outcome.step, outcome.cause) == (Status.FAILED, "stop", "not_settled")
    assert [verb for verb, _ in steps_of(panel)["4001"]] == ["stop"]
    assert statuses(report) == {"changed": 1, "failed": 1}


@pytest.mark.parametrize("kind", ["reset", "truncate", "empty"])
async def test_a_step_whose_answer_is_lost_is_read_back_and_the_next_follows(kind: Any) -> None:
    async with small_world((3,)) as (panel, seflow):
        panel.faults.add(Fault(kind, method="PUT", when="after"), Fault(kind, method="POST", when="after"))
        report = await seflow.fleet.run(GROW)
    assert statuses(report) == {"changed": 3}
    assert all(outcome.verified for outcome in report.outcomes)
    assert all(panel.repeated(verb) == {} for verb in ("stop", "resize", "start"))


async def test_a_drain_finishes_the_sequences_that_were_begun() -> None:
    async with small_world((8,)) as (panel, seflow):
        run = seflow.fleet.run(GROW, rollout=Rollout(window=3)).start()
        await until(lambda: bool(sent(panel, "resize")))
        run.drain()
        report = await run
    check_adds_up(report)
    assert statuses(report) == {"changed": 3, "not_attempted": 5}
    assert causes(report) == {"drained": 5}
    assert {len(steps) for steps in steps_of(panel).values()} == {3}


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_threshold_lets_sequences_that_were_begun_come_to_their_end(failures: int) -> None:
    async with small_world((8,)) as (panel, seflow):
        panel.faults.add(Fault("error", method="PUT", codes=("quota_exceeded",), times=failures + 1))
        report = await seflow.fleet.run(GROW, rollout=Rollout(window=3, max_failures=failures))
    check_adds_up(report)
    assert report.counts[Status.FAILED] == failures + 1
    assert {outcome.step for outcome in report.outcomes if outcome.status is Status.FAILED} == {"resize"}
    for outcome in report.outcomes:
        if outcome.status is Status.CHANGED:
            assert panel.services[FIRST].vms[outcome.vm_id].power == "running"


@pytest.mark.parametrize("after", [1.0, 9.0, 12.0, 16.0, 20.0])
async def test_a_cancelled_sequence_says_at_which_step_it_was(after: float) -> None:
    async with small_world((6,), service_time=0.5, client={"limit": 2}) as (panel, seflow):
        run = seflow.fleet.run(GROW).start()
        await asyncio.sleep(after)
        run.cancel()
        report = await run
    check_adds_up(report)
    steps = steps_of(panel)
    for vm, outcome in by_vm(report).items():
        verbs = [verb for verb, _ in steps.get(vm, [])]
        if outcome.status is Status.NOT_ATTEMPTED:
            assert verbs == []
        elif outcome.status is not Status.CHANGED:
            assert outcome.cause == "cancelled"
            assert outcome.status in (Status.FAILED, Status.UNKNOWN)
            # At the last step that was sent, or at the next one, which was not.
            names = ["stop", "resize", "start"]
            assert outcome.step in names[len(verbs) - 1 : len(verbs) + 1]
        else:
            assert verbs == ["stop", "resize", "start"]


async def test_without_waiting_only_the_last_step_is_not_waited_for() -> None:
    async with small_world((2,)) as (panel, seflow):
        report = await seflow.fleet.run(GROW, wait=False)
    assert statuses(report) == {"changed": 2}
    assert not any(outcome.verified for outcome in report.outcomes)
    assert {len(steps) for steps in steps_of(panel).values()} == {3}


async def test_what_is_no_sequence_is_refused_before_anything_is_sent() -> None:
    wrong: list[Any] = [[], [Stop(), Usage()], [Stop(), "start"], Stop, "stop", [Stop(), Destroy()]]
    async with small_world((2,)) as (panel, seflow):
        for each in wrong:
            with pytest.raises(InvalidArgument):
                seflow.fleet.run(each)
    assert not panel.requests


# -- sizes, disks, names, network, and the end of a VM -------------------------------------------------


async def test_what_no_list_shows_is_seen_by_asking_for_the_vm() -> None:
    async with small_world((4,)) as (panel, seflow):
        panel.services[FIRST].vms["4001"].cpu_share = 50
        report = await seflow.fleet.resize(cpu_share=50)
    assert report.counts[Status.CHANGED] + report.counts[Status.UNCHANGED] == 4
    assert all(outcome.verified for outcome in report.outcomes)
    assert {vm.cpu_share for vm in panel.services[FIRST].vms.values()} == {50}
    assert panel.count(method="GET", path="/service/@id/vms/@vmid") <= 4 * 3


async def test_disks_are_grown_and_read_back() -> None:
    async with small_world((4,)) as (panel, seflow):
        machines = panel.services[FIRST].vms
        machines["4001"].resize_disk("virtio1", 80)
        report = await seflow.fleet.run(ResizeDisk(disk_id="virtio1", size=60), settle=PATIENCE)
        grown = await seflow.fleet.run(ResizeDisk(disk_id="virtio0", size=20))
    assert {vm: (o.status, o.cause) for vm, o in by_vm(report).items()} == {
        "4001": (Status.FAILED, "disk_cannot_shrink"),
        "4002": (Status.NOT_ATTEMPTED, "not_found"),
        "4003": (Status.NOT_ATTEMPTED, "not_found"),
        "4004": (Status.CHANGED, None),
    }
    assert machines["4004"].disks["virtio1"] == 60
    assert statuses(grown) == {"unchanged": 4}
    assert panel.effect_count("resize_disk") == 1


async def test_reverse_names_are_set_once_and_read_back() -> None:
    async with small_world((3, 2)) as (panel, seflow):
        panel.services[FIRST].vms["4001"].addresses = ()
        action = SetRdns("{label}.example.com")
        report = await seflow.fleet.run(action)
        again = await seflow.fleet.run(action)
    assert statuses(report) == {"changed": 4, "not_attempted": 1}
    assert causes(report) == {"no_address": 1}
    assert all(o.verified for o in report.outcomes if o.status is Status.CHANGED)
    assert statuses(again) == {"unchanged": 4, "not_attempted": 1}
    names = {name for service in panel.services.values() for name in service.rdns.values()}
    assert names == {f"vm-{vm}.example.com" for vm in ("4002", "4003", "4004", "4005")}


@pytest.mark.parametrize("lost", [False, True])
async def test_a_network_is_rebuilt_at_most_once_and_never_verified(lost: bool) -> None:
    async with small_world((3,)) as (panel, seflow):
        if lost:
            panel.faults.add(Fault("reset", path="*/rebuild_network", when="after"))
        report = await seflow.fleet.run(RebuildNetwork())
    assert statuses(report) == ({"unknown": 3} if lost else {"changed": 3})
    assert not any(outcome.verified for outcome in report.outcomes)
    assert len(sent(panel, "rebuild_network")) == panel.effect_count("rebuild_network") == 3


@pytest.mark.parametrize("fault", [None, "reset", "empty", "hang"])
async def test_what_was_destroyed_is_changed_also_where_the_answer_was_lost(fault: Any) -> None:
    async with small_world((4, 2)) as (panel, seflow):
        if fault is not None:
            panel.faults.add(Fault(fault, method="DELETE", when="after"))
        with pytest.raises(RunRefused, match="confirm"):
            seflow.fleet.run(Destroy(), services=[FIRST])
        plan = await seflow.fleet.plan(Destroy(), services=[FIRST])
        report = await seflow.fleet.run(plan.confirm(4))
    assert statuses(report) == {"changed": 4}
    assert all(outcome.verified for outcome in report.outcomes)
    assert not panel.services[FIRST].vms
    assert len(panel.services[SECOND].vms) == 2


async def test_a_vm_that_the_panel_has_locked_is_failed_and_no_other() -> None:
    async with small_world((3,)) as (panel, seflow):
        panel.services[FIRST].vms["4002"].power = "transitional"
        report = await seflow.fleet.stop()
    assert statuses(report) == {"changed": 2, "failed": 1}
    assert causes(report) == {"vm_locked": 1}
    assert panel.services[FIRST].vms["4002"].power == "transitional"


# -- actions of one's own ------------------------------------------------------------------------------


@attrs.frozen
class Own:
    """An action of the user that reboots, or reads the disks; its fields set what its methods do."""

    safety: Safety = Safety.ONCE
    settles: bool = False
    error: Exception | None = None
    skips: bool = False
    name: str = "own"
    takes_down: bool = False
    ends_down: bool = False

    def skip(self, vm: Vm) -> Skip | None:
        return Skip(Status.UNCHANGED, "as_i_like_it") if vm.id == "4001" and self.skips else None

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        if self.error is not None and vm.id == "4002":
            raise self.error
        if self.safety is Safety.READ:
            return len(await account.vms.disks(service.id, vm.id))
        if self.skips and vm.id == "4002":
            return Skip(Status.NOT_ATTEMPTED, "not_this_one")
        if self.safety is Safety.ONCE:
            return await account.vms.reboot(service.id, vm.id)
        return await account.vms.stop(service.id, vm.id)

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        return (await account.polls.get(service.id, vm.id)).power is PowerState.STOPPED


async def test_an_own_action_that_reads_gives_values() -> None:
    async with small_world((3,)) as (panel, seflow):
        report = await seflow.fleet.run(Own(Safety.READ))
    assert report.ok
    assert {o.vm_id: o.value for o in report.outcomes} == {"4001": 2, "4002": 1, "4003": 1}
    assert statuses(report) == {"unchanged": 3}
    assert not sent(panel)


@pytest.mark.parametrize("fault", [None, "reset", "truncate"])
async def test_an_own_action_that_may_be_repeated_is_settled_by_its_own_look(fault: Any) -> None:
    async with small_world((3,)) as (panel, seflow):
        if fault is not None:
            panel.faults.add(Fault(fault, method="POST", when="after"))
        report = await seflow.fleet.run(Own(Safety.IDEMPOTENT, settles=True))
    assert statuses(report) == {"changed": 3}
    assert all(outcome.verified for outcome in report.outcomes)
    assert panel.repeated("stop") == {}


@pytest.mark.parametrize("kind", ["reset", "hang", "status"])
async def test_an_own_action_of_which_the_answer_is_lost_is_not_sent_again(kind: Any) -> None:
    async with small_world((3,)) as (panel, seflow):
        panel.faults.add(Fault(kind, path="*/reboot", when="after"))
        report = await seflow.fleet.run(Own(Safety.ONCE))
    assert statuses(report) == {"unknown": 3}
    assert all(isinstance(outcome.error, OutcomeUnknown) for outcome in report.outcomes)
    assert len(sent(panel, "reboot")) == 3


async def test_an_own_action_says_of_which_vms_it_wants_nothing() -> None:
    async with small_world((3,)) as (panel, seflow):
        report = await seflow.fleet.run(Own(skips=True))
    assert causes(report) == {"as_i_like_it": 1, "not_this_one": 1}
    assert statuses(report) == {"changed": 1, "unchanged": 1, "not_attempted": 1}
    assert {change.vm[1] for change in sent(panel)} == {"4003"}


async def test_a_bug_in_an_own_action_is_in_the_report_which_stays_true() -> None:
    async with small_world((4,), client={"limit": 1}) as (panel, seflow):
        run = seflow.fleet.run(Own(error=ZeroDivisionError("a bug")))
        check_adds_up(await run)
    assert not run.report.ok
    assert "action_raised" in run.report.causes
    arrived = {change.vm[1] for change in sent(panel)}
    done = {o.vm_id for o in run.report.outcomes if o.status is Status.CHANGED}
    assert done == arrived

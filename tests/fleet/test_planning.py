"""``fleet.plan`` and ``fleet.run(plan)`` against a panel: what is said is what is done, or it is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.clients import QUICK_SETTLE

from aioseflow import (
    AuthenticationError,
    Fleet,
    InvalidArgument,
    Plan,
    Reboot,
    Resize,
    Rollout,
    Run,
    SeFlow,
    StalePlan,
    Status,
    Stop,
)
from aioseflow.sandbox import Fault, Sandbox

LISTS = "/service/@id/vms"
A, B, C = "33301", "33302", "33303"


def ids(panel: Sandbox, service: str) -> list[str]:
    return list(panel.services[service].vms)


async def plan_of(seflow: SeFlow, what: Any = None, **options: Any) -> Plan:
    return await seflow.fleet.plan(what or Stop(), **{"settle": QUICK_SETTLE, **options})


def sent(panel: Sandbox, action: str) -> list[tuple[str, str]]:
    """Service and VM of each such request, in the order of their arrival."""
    paths = [request.path.split("/") for request in panel.requests if request.path.endswith(f"/{action}")]
    return [(path[2], path[4]) for path in paths]


async def test_a_plan_says_for_each_vm_what_is_done_or_why_not(panel: Sandbox) -> None:
    stopped, locked, protected, excluded, *rest = ids(panel, A)
    vms = panel.services[A].vms
    vms[stopped].power, vms[locked].power = "stopped", "transitional"
    guard = [(A, protected)]
    login = {"username": panel.username, "password": panel.password, "base_url": panel.url}
    async with SeFlow(**login, protected=guard) as seflow:  # type: ignore[arg-type]
        plan = await plan_of(seflow, exclude=[(A, excluded)], rollout=Rollout(max_failures=2, window=5))
        before = {vm.key: (vm.do, vm.why_not) for vm in plan.vms}
        assert panel.count(method="POST") == 0
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            plan.calls = 0  # type: ignore[misc]
        report = await seflow.fleet.run(plan)
    assert {vm: before["main", A, vm] for vm in ids(panel, A)} == {
        stopped: (None, "already_stopped"),
        locked: (None, "transitional"),
        protected: (None, "protected"),
        excluded: (None, "excluded"),
        **dict.fromkeys(rest, ("stop", None)),
    }
    assert plan.counts_per_service == {
        f"main/{A}": {"do": 4, "already_stopped": 1, "transitional": 1, "protected": 1, "excluded": 1},
        f"main/{B}": {"do": 8},
        f"main/{C}": {"do": 8},
    }
    assert (plan.worst_down[f"main/{A}"], plan.worst_down[f"main/{B}"]) == (6, 8)
    assert plan.worst_failures == 7
    page = str(plan)
    for words in ("Stop 20 of 24 VMs in 3 services", "Up to 7 VMs can fail", "1 transitional: "):
        assert words in page
    assert f"vm-{stopped}" in page
    # What it says is what is done.
    assert {outcome.key: outcome.cause for outcome in report.outcomes if outcome.cause} == {
        ("main", A, stopped): "already_stopped",
        ("main", A, locked): "transitional",
    }
    assert report.counts[Status.CHANGED] == 20
    assert Counter(sent(panel, "stop")) == Counter(vm.key[1:] for vm in plan.targets)
    assert vms[protected].power == vms[excluded].power == "running"


async def test_a_stale_plan_is_refused_with_what_moved_and_nothing_is_sent(
    panel: Sandbox, seflow: SeFlow
) -> None:
    plan = await plan_of(seflow, services=[A])
    turned, locked, resized, gone, *_ = ids(panel, A)
    service = panel.services[A]
    service.vms[turned].power, service.vms[locked].power = "stopped", "transitional"
    service.vms[resized].memory = 9000
    service.destroy(service.vms[gone])
    run = seflow.fleet.run(plan)
    with pytest.raises(StalePlan) as caught:
        await run
    assert [line.split(": ")[0] for line in caught.value.moved] == [
        f"VM {vm} of service {A}" for vm in (turned, locked, resized, gone)
    ]
    assert "was running, is stopped" in caught.value.moved[0]
    assert "is transitional" in caught.value.moved[1]
    assert "is 9000 MB" in caught.value.moved[2]
    assert "is gone" in caught.value.moved[3]
    assert panel.count(method="POST") == 0
    assert not run.report.ok
    assert sum(run.report.counts.values()) == len(run.report.targets)


async def test_what_was_to_be_left_as_it_is_must_still_be_so(panel: Sandbox, seflow: SeFlow) -> None:
    vm = panel.services[A].vms[ids(panel, A)[0]]
    vm.power = "stopped"
    plan = await plan_of(seflow, services=[A])
    vm.power = "running"
    with pytest.raises(StalePlan, match="was stopped, is running"):
        await seflow.fleet.run(plan)
    vm.memory = 4096
    plan = await plan_of(seflow, Resize(memory=4096), where=[(A, vm.id)])
    assert [planned.why_not for planned in plan.vms] == ["already_so"]
    vm.power = "stopped"
    report = await seflow.fleet.run(plan)
    assert (report.ok, report.counts[Status.UNCHANGED]) == (True, 1)
    vm.memory = 1024
    with pytest.raises(StalePlan, match="1024 MB"):
        await seflow.fleet.run(plan)
    assert panel.count(method="POST") + panel.count(method="PUT") == 0


async def test_what_was_locked_is_not_attempted_even_if_it_is_free_by_now(
    panel: Sandbox, seflow: SeFlow
) -> None:
    vm = panel.services[A].vms[ids(panel, A)[0]]
    vm.power = "transitional"
    plan = await plan_of(seflow, services=[A])
    vm.power = "running"
    report = await seflow.fleet.run(plan)
    assert not report.ok
    (outcome,) = [each for each in report.outcomes if each.status is not Status.CHANGED]
    assert (outcome.vm_id, outcome.status, outcome.cause) == (vm.id, Status.NOT_ATTEMPTED, "transitional")
    assert panel.effect_count("stop") == 7


async def test_a_plan_whose_service_cannot_be_listed_any_more_says_so_and_sends_nothing(
    panel: Sandbox, seflow: SeFlow
) -> None:
    plan = await plan_of(seflow, services=[A, B])
    panel.faults.add(Fault("status", path=LISTS, service=B, status=500))
    run = seflow.fleet.run(plan)
    with pytest.raises(StalePlan, match="could not be listed") as caught:
        await run
    assert len(caught.value.moved) == 8
    assert "gone" not in str(caught.value)
    assert [lost.service_id for lost in run.report.undiscovered] == [B]
    assert panel.count(method="POST") == 0


async def test_a_plan_whose_password_was_changed_raises_that_and_not_that_all_is_gone(
    panel: Sandbox, seflow: SeFlow
) -> None:
    plan = await plan_of(seflow)
    panel.password = "another"
    with pytest.raises(AuthenticationError):
        await seflow.fleet.run(plan)
    assert panel.count(method="POST") == 0


async def test_a_plan_tells_what_could_not_be_listed(panel: Sandbox, seflow: SeFlow) -> None:
    panel.faults.add(Fault("status", path=LISTS, service=C, status=500))
    plan = await plan_of(seflow)
    (lost,) = plan.undiscovered
    assert lost.startswith(f"service {C} (main): server_error: The panel failed (HTTP 500)")
    assert f"Not included (could not be listed):\n  {lost}" in str(plan).replace("\n    ", " ")
    assert len(plan.targets) == 16


async def test_plans_differ_by_what_they_do_and_not_by_when_they_were_made(
    panel: Sandbox, seflow: SeFlow
) -> None:
    first, again = await plan_of(seflow), await plan_of(seflow)
    assert first.digest == again.digest
    assert not first.diff(again)
    vm = panel.services[A].vms[ids(panel, A)[0]]
    vm.power = "stopped"
    later = await plan_of(seflow, rollout=Rollout(canary=1))
    diff = first.diff(later)
    assert diff
    assert [(before.do, after.why_not) for before, after in diff.changed if after.vm_id == vm.id] == [
        ("stop", "already_stopped")
    ]
    assert {"batches", "document.rollout"} <= set(diff.settings)
    assert first.digest != later.digest


@pytest.mark.parametrize(
    "option",
    [{"where": 'id == "1"'}, {"vms": ["1"]}, {"services": [A]}, {"exclude": []}, {"rollout": Rollout()},
     {"strict": True}, {"max_targets": 3}, {"wait": False}, {"settle": QUICK_SETTLE}],
    ids=lambda option: next(iter(option)),
)  # fmt: skip
async def test_what_is_part_of_a_plan_cannot_be_given_beside_it(
    panel: Sandbox, seflow: SeFlow, option: dict[str, Any]
) -> None:
    plan = await plan_of(seflow)
    name = next(iter(option))
    with pytest.raises(InvalidArgument, match=f"{name} is part of the plan") as refused:
        seflow.fleet.run(plan, **option)
    assert refused.value.argument == name
    assert panel.count(method="POST") == 0


async def test_a_plan_of_another_account_is_refused(panel: Sandbox, seflow: SeFlow) -> None:
    plan = await plan_of(seflow)
    other = SeFlow(panel.username, panel.password, base_url=panel.url, name="other")
    async with other:
        with pytest.raises(InvalidArgument, match="'main'"):
            other.fleet.run(plan)


async def test_what_a_panel_lists_twice_is_planned_once() -> None:
    async with Sandbox(services=1, vms_per_service=2, seed=1, dialect="list") as second:
        service = second.services[A]
        service.vms["again"] = next(iter(service.vms.values()))
        async with SeFlow(second.username, second.password, base_url=second.url) as client:
            plan = await plan_of(client)
    assert len(plan.vms) == 2


async def test_a_reboot_s_plan_knows_what_is_off(panel: Sandbox, seflow: SeFlow) -> None:
    vm = panel.services[A].vms[ids(panel, A)[0]]
    vm.power = "stopped"
    plan = await plan_of(seflow, Reboot(), services=[A], rollout=Rollout(max_unavailable=2))
    assert {each.why_not for each in plan.vms} == {None, "not_running"}
    assert plan.worst_down == {f"main/{A}": 2}


async def test_several_accounts_have_one_plan(panel: Sandbox, seflow: SeFlow) -> None:
    async with Sandbox(services=1, vms_per_service=3, seed=2, stop_time=0.0) as second:
        other = SeFlow(second.username, second.password, base_url=second.url, name="other")
        async with other:
            fleet = Fleet([seflow, other])
            plan = await fleet.plan(Stop(), settle=QUICK_SETTLE, services=[A], rollout=Rollout(canary="10%"))
            assert plan.accounts == ("main", "other")
            assert plan.counts_per_service == {f"main/{A}": {"do": 8}, f"other/{A}": {"do": 3}}
            assert f"{A} Cloud 1 (other)" in str(plan)
            report = await fleet.run(Plan.from_json(plan.to_json()))
    assert report.ok
    assert Counter(account for account, _, _ in report.targets) == {"main": 8, "other": 3}


async def test_calls_are_predicted_and_time_is_where_it_was_measured(panel: Sandbox, tmp_path: Path) -> None:
    async with SeFlow(
        panel.username, panel.password, base_url=panel.url, journal=tmp_path / "runs.sqlite"
    ) as seflow:
        first = await plan_of(seflow)
        assert first.seconds is None
        assert "No estimate yet: first stop on this account." in str(first)
        panel.clear_record()
        assert (await seflow.fleet.run(first)).ok
        needed = len(panel.requests)
        assert first.calls - 9 <= needed <= first.calls + 9
        quick = await plan_of(seflow, wait=False)
        assert quick.calls == 4
        assert (await seflow.fleet.start(settle=QUICK_SETTLE)).ok
        second = await plan_of(seflow)
        assert second.seconds is not None
        assert 0 < second.seconds < 60
        assert "1 earlier stop run" in second.basis
        assert second.basis in str(second).replace("\n  ", " ")
        assert second.digest == first.digest
        reboots = await plan_of(seflow, Reboot())
        assert (reboots.seconds, reboots.basis) == (None, "no reboot of main was measured yet")


async def test_the_same_plan_twice_under_one_id_is_one_run(panel: Sandbox, seflow: SeFlow) -> None:
    plan = await plan_of(seflow, services=[A])
    run: Run = seflow.fleet.run(plan, run_id="nightly")
    assert (await run).ok
    again = seflow.fleet.run(plan, run_id="nightly")
    assert (await again).outcomes == run.report.outcomes
    assert panel.effect_count("stop") == 8


async def test_a_service_whose_vms_are_all_off_has_them_down_although_nothing_is_done_to_it(
    panel: Sandbox, seflow: SeFlow
) -> None:
    off = [vm for service in (A, B) for vm in panel.services[service].vms.values()]
    for vm in off:
        vm.power = "stopped"
    plan = await plan_of(seflow, Reboot(), services=[A, B])
    assert not plan.targets
    assert {key.partition("/")[2] for key in plan.worst_down} == {A, B}
    assert sum(plan.worst_down.values()) == len(off)

"""A plan that is run by another client, from its JSON, or anew: it does what it says, or it is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.clients import QUICK_RETRY, QUICK_SETTLE

from aioseflow import (
    InvalidArgument,
    Plan,
    Resize,
    Rollout,
    RunRefused,
    Safety,
    SeFlow,
    Service,
    Skip,
    StalePlan,
    Start,
    Status,
    Stop,
    Vm,
)
from aioseflow.sandbox import Fault, Sandbox

LISTS = "/service/@id/vms"
A, B, C = "33301", "33302", "33303"


done: list[tuple[str, str]] = []


@attrs.frozen
class Tag:
    """An action of one's own."""

    colour: str
    name: str = "tag"
    safety: Safety = Safety.IDEMPOTENT
    settles: bool = False
    takes_down: bool = False
    ends_down: bool = False

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        done.append((self.colour, vm.id))

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: Any, service: Service, vm: Vm) -> bool | None:
        return None


def ids(panel: Sandbox, service: str) -> list[str]:
    return list(panel.services[service].vms)


async def plan_of(seflow: SeFlow, what: Any = None, **options: Any) -> Plan:
    return await seflow.fleet.plan(what or Stop(), **{"settle": QUICK_SETTLE, **options})


def sent(panel: Sandbox, action: str) -> list[tuple[str, str]]:
    """Service and VM of each such request, in the order of their arrival."""
    paths = [request.path.split("/") for request in panel.requests if request.path.endswith(f"/{action}")]
    return [(path[2], path[4]) for path in paths]


@pytest.fixture
async def elsewhere(panel: Sandbox) -> AsyncIterator[SeFlow]:
    """Another client of the same account, as another process has it."""
    async with SeFlow(panel.username, panel.password, base_url=panel.url, retry=QUICK_RETRY) as client:
        yield client


async def test_the_batches_of_a_plan_are_those_of_the_run_whatever_list_comes_first(
    panel: Sandbox, seflow: SeFlow, elsewhere: SeFlow
) -> None:
    # The services answer in one order for the plan, and in the opposite one for the runs.
    slow = [Fault("latency", path=LISTS, service=A, seconds=0.05)]
    panel.faults.add(*slow)
    rollout = Rollout(canary=1, batches=[3, "50%"])
    plan = await plan_of(seflow, rollout=rollout)
    assert plan.batches == (1, 3, 12, 8)
    assert [vm.batch for vm in plan.targets] == [1, *[2] * 3, *[3] * 12, *[4] * 8]
    assert plan.targets[0].service_id != A
    panel.faults.clear()
    panel.faults.add(*(Fault("latency", path=LISTS, service=other, seconds=0.05) for other in (B, C)))
    report = await elsewhere.fleet.run(Plan.from_json(plan.to_json()))
    assert report.ok
    order = sent(panel, "stop")
    ends = [0, 1, 4, 16, 24]
    for start, end in pairwise(ends):
        assert set(order[start:end]) == {vm.key[1:] for vm in plan.targets[start:end]}


async def test_refreshing_makes_the_selection_anew(panel: Sandbox, seflow: SeFlow, elsewhere: SeFlow) -> None:
    plan = await plan_of(seflow, where=f'service.id == "{A}" and power == "running" and memory < 9000')
    first, second, *_ = ids(panel, A)
    panel.services[A].vms[first].power = "stopped"
    panel.services[A].vms[second].memory = 9000
    for fleet in (seflow.fleet, elsewhere.fleet):
        with pytest.raises(StalePlan):
            await fleet.run(plan)
    report = await elsewhere.fleet.run(Plan.from_json(plan.to_json()), refresh=True)
    assert report.ok
    assert {key[2] for key in report.targets} == set(ids(panel, A)[2:])
    assert panel.effect_count("stop") == 6


async def test_a_plan_comes_back_from_json_in_another_client_and_runs_there(
    panel: Sandbox, seflow: SeFlow, elsewhere: SeFlow
) -> None:
    plan = await plan_of(
        seflow, [Stop(), Resize(memory=8192), Start()], where="memory == 4096", rollout=Rollout(canary=1)
    )
    text = plan.to_json()
    again = Plan.from_json(text)
    assert (again, again.digest, str(again)) == (plan, plan.digest, str(plan))
    assert not plan.diff(again)
    assert panel.password not in text
    report = await elsewhere.fleet.run(again, note="night shift", requested_by="ops")
    assert report.ok
    assert (report.action, report.note, report.requested_by) == ("stop+resize+start", "night shift", "ops")
    changed = [panel.services[service].vms[vm] for _, service, vm in report.targets]
    assert len(changed) == len(plan.targets) == 3
    assert {(vm.memory, vm.power) for vm in changed} == {(8192, "running")}


async def test_a_json_that_was_tampered_with_is_no_plan(seflow: SeFlow) -> None:
    document = json.loads((await plan_of(seflow)).to_json())
    document["document"]["steps"] = [{"name": "reboot"}]
    with pytest.raises(InvalidArgument, match="digest"):
        Plan.from_json(json.dumps(document))


async def test_what_a_json_cannot_hold_is_asked_for(
    panel: Sandbox, seflow: SeFlow, elsewhere: SeFlow
) -> None:
    asked = []
    done.clear()

    async def healthy(service: Service, vm: Vm) -> bool:
        asked.append((service.id, vm.id))
        return True

    plan = await plan_of(seflow, Tag("blue"), services=[A], rollout=Rollout(canary=1, healthy=healthy))
    read = Plan.from_json(plan.to_json())
    with pytest.raises(InvalidArgument, match=r"'tag'.*action=") as refused:
        elsewhere.fleet.run(read)
    assert refused.value.argument == "action"
    with pytest.raises(InvalidArgument, match="healthy=") as refused:
        elsewhere.fleet.run(read, action=Tag("blue"))
    assert refused.value.argument == "healthy"
    assert done == []
    report = await elsewhere.fleet.run(read, action=Tag("blue"), healthy=healthy)
    assert report.ok
    assert sorted(asked) == sorted((A, vm) for vm in ids(panel, A))
    without = await plan_of(seflow)
    for given in (without, Plan.from_json(without.to_json())):
        with pytest.raises(InvalidArgument, match="asks no health check"):
            elsewhere.fleet.run(given, healthy=healthy)


async def test_two_plans_that_look_the_same_each_do_their_own(panel: Sandbox, seflow: SeFlow) -> None:
    done.clear()
    vm = ids(panel, A)[0]
    blue = await plan_of(seflow, Tag("blue"), where=[(A, vm)])
    green = await plan_of(seflow, Tag("green"), where=[(A, vm)])
    assert (await seflow.fleet.run(blue)).ok
    assert (await seflow.fleet.run(green)).ok
    assert done == [("blue", vm), ("green", vm)]
    one = await plan_of(seflow, where=lambda service, vm: service.id == A)
    await plan_of(seflow, where=lambda service, vm: service.id == A or vm.power == "stopped")
    panel.services[B].vms[ids(panel, B)[0]].power = "stopped"
    report = await seflow.fleet.run(one, refresh=True)
    assert {key[1] for key in report.targets} == {A}


async def test_a_predicate_is_lost_in_json_and_then_cannot_be_asked_anew(
    panel: Sandbox, seflow: SeFlow, elsewhere: SeFlow
) -> None:
    plan = await plan_of(seflow, where=lambda service, vm: service.id == A)
    read = Plan.from_json(plan.to_json())
    with pytest.raises(InvalidArgument, match="predicate"):
        elsewhere.fleet.run(read, refresh=True)
    assert (await elsewhere.fleet.run(read)).ok
    assert panel.effect_count("stop") == 8


async def test_a_guard_holds_for_what_a_refresh_selects(
    panel: Sandbox, seflow: SeFlow, elsewhere: SeFlow
) -> None:
    for vm in ids(panel, B):
        panel.services[B].vms[vm].power = "stopped"
    plan = await plan_of(seflow, where=f'power == "running" and service.id != "{C}"', max_targets="40%")
    for vm in ids(panel, B):
        panel.services[B].vms[vm].power = "running"
    for fleet, given in ((seflow.fleet, plan), (elsewhere.fleet, Plan.from_json(plan.to_json()))):
        with pytest.raises(RunRefused, match=r"40%, and 16 VMs are selected of the 24"):
            await fleet.run(given, refresh=True)
    assert panel.count(method="POST") == 0


async def test_a_plan_that_was_killed_before_its_lists_is_still_that_plan(
    panel: Sandbox, tmp_path: Path
) -> None:
    login: dict[str, Any] = {"username": panel.username, "password": panel.password, "base_url": panel.url}
    held, turned, *_ = panel.services[A].vms.values()
    held.power = "transitional"
    journal = tmp_path / "runs.sqlite"
    async with SeFlow(**login, journal=journal) as seflow:
        plan = await plan_of(seflow, services=[A])
        lists = Fault("hang", path="/service/@id/vms")
        panel.faults.add(lists)
        run = seflow.fleet.run(plan).start()
        run_id = run.id
        while not panel.faults.hits(lists):  # noqa: ASYNC110 - the panel has no event for it
            await asyncio.sleep(0.01)
        run.cancel()
        await run.wait_closed()
        panel.faults.clear()
    held.power, turned.power = "running", "stopped"
    async with SeFlow(**login, journal=journal) as seflow:
        with pytest.raises(InvalidArgument, match="followed a plan"):
            await seflow.fleet.resume(run_id)
        with pytest.raises(StalePlan):
            await seflow.fleet.run(Plan.from_json(plan.to_json()), run_id=run_id)
        assert panel.count(method="POST") == 0
        turned.power = "running"
        report = await seflow.fleet.run(plan, run_id=run_id)
    assert report.run_id == run_id
    assert panel.effect_count("stop") == report.counts[Status.CHANGED] == 7
    assert held.power == "running"


async def test_a_plan_made_elsewhere_does_not_touch_what_this_client_protects(panel: Sandbox) -> None:
    login: dict[str, Any] = {"username": panel.username, "password": panel.password, "base_url": panel.url}
    async with SeFlow(**login) as free:
        plan = await free.fleet.plan(Stop(), settle=QUICK_SETTLE)
        named = await free.fleet.plan(Stop(), where=[(A, ids(panel, A)[0])], settle=QUICK_SETTLE)
    async with SeFlow(**login, protected=f'service.id == "{A}"') as careful:
        with pytest.raises(RunRefused, match="protected") as refused:
            await careful.fleet.run(Plan.from_json(plan.to_json()))
        assert refused.value.reason == "protected"
        assert panel.effect_count("stop") == 0
        assert (await careful.fleet.run(Plan.from_json(named.to_json()))).ok

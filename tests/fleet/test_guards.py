"""What keeps a run from beginning: the number of VMs, what could not be listed, what was not confirmed."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.clients import QUICK_RETRY, QUICK_SETTLE

from aioseflow import (
    ALL,
    AuthenticationError,
    Destroy,
    Fleet,
    InvalidArgument,
    Reboot,
    Resize,
    Rollout,
    Run,
    RunRefused,
    Safety,
    SeFlow,
    Skip,
    Start,
    Stop,
    Usage,
    Vm,
)
from aioseflow.sandbox import Fault, Sandbox

LISTS = "/service/@id/vms"


def stop(seflow: SeFlow, **options: Any) -> Run:
    return seflow.fleet.stop(**{"settle": QUICK_SETTLE, **options})


@pytest.mark.parametrize(
    ("most", "selection", "told"),
    [
        (23, {}, ["24 VMs", "allows 23"]),
        (1, {"services": ["33302"]}, ["8 VMs", "allows 1"]),
        ("50%", {}, ["24 VMs", "24 of account main", "allows 50%"]),
        ("33%", {"services": ["33302"]}, ["8 VMs", "24 of account main", "allows 33%"]),
        ("4.5%", {"where": 'service.id == "33302" and memory >= 4096'}, ["2 VMs", "24", "allows 4.5%"]),
    ],
)
async def test_more_than_max_targets_is_refused_with_the_numbers(
    panel: Sandbox, seflow: SeFlow, most: Any, selection: dict[str, Any], told: list[str]
) -> None:
    for begin in (seflow.fleet.run, seflow.fleet.plan):
        with pytest.raises(RunRefused) as caught:
            await begin(Stop(), max_targets=most, **selection)
        assert caught.value.reason == "max_targets"
        assert all(words in str(caught.value) for words in told), str(caught.value)
    assert panel.count(method="POST") == 0


@pytest.mark.parametrize(
    ("most", "selection", "count"),
    [
        (24, {}, 24),
        ("100%", {}, 24),
        (8, {"services": ["33302"]}, 8),
        ("34%", {"services": ["33302"]}, 8),
        ("0.1%", {"where": "memory >= 999999"}, 0),
        (2, {"where": 'service.id == "33301"', "exclude": "memory < 4096 or memory > 8000"}, 1),
    ],
)
async def test_as_many_as_max_targets_are_let_through(
    panel: Sandbox, seflow: SeFlow, most: Any, selection: dict[str, Any], count: int
) -> None:
    report = await stop(seflow, max_targets=most, **selection)
    assert report.ok
    assert len(report.targets) == panel.effect_count("stop") == count


async def test_a_share_is_of_each_account_s_own_vms(panel: Sandbox, seflow: SeFlow) -> None:
    async with Sandbox(services=1, vms_per_service=2, seed=9, stop_time=0.0) as second:
        other = SeFlow(second.username, second.password, base_url=second.url, name="small")
        async with other:
            fleet = Fleet([seflow, other])
            with pytest.raises(RunRefused, match="2 VMs are selected of the 2 of account small"):
                await fleet.stop(where='account == "small"', max_targets="50%")
            report = await fleet.stop(where='account == "small"', max_targets=2, settle=QUICK_SETTLE)
    assert report.ok
    assert panel.count(method="POST") == 0


async def test_a_service_that_is_only_counted_may_be_down(panel: Sandbox, seflow: SeFlow) -> None:
    panel.faults.add(Fault("status", path=LISTS, service="33303", status=500))
    report = await stop(seflow, services=["33301"], max_targets="50%", strict=True)
    assert report.ok
    assert panel.count(path="/service/33303/vms") > 0
    # Of 16 that could be counted, 8 are too many for this.
    with pytest.raises(RunRefused, match="8 VMs are selected of the 16"):
        await stop(seflow, services=["33302"], max_targets="40%")


@pytest.mark.parametrize("most", [0, -1, True, 2.5, "0%", "101%", "10", "ten", b"10%"])
async def test_a_max_targets_that_cannot_be_meant_is_refused_at_once(
    panel: Sandbox, seflow: SeFlow, most: Any
) -> None:
    with pytest.raises(InvalidArgument, match="max_targets"):
        stop(seflow, max_targets=most)
    assert panel.requests == []


async def test_strict_refuses_before_the_first_change_what_could_not_be_listed(
    panel: Sandbox, seflow: SeFlow
) -> None:
    panel.faults.add(Fault("status", path=LISTS, service="33303", status=500))
    run = stop(seflow, strict=True)
    with pytest.raises(RunRefused, match=r"service 33303: server_error") as caught:
        await run
    assert caught.value.reason == "undiscovered"
    assert not run.report.ok
    assert [lost.service_id for lost in run.report.undiscovered] == ["33303"]
    with pytest.raises(RunRefused, match="33303"):
        await seflow.fleet.plan(Stop(), strict=True)
    assert panel.count(method="POST") == 0
    assert (await stop(seflow, strict=True, where='service.id != "33303"')).ok


async def test_strict_refuses_where_one_of_two_accounts_is_refused(panel: Sandbox, seflow: SeFlow) -> None:
    async with SeFlow(panel.username, "wrong", base_url=panel.url, name="other") as refused:
        with pytest.raises(RunRefused, match="other"):
            await Fleet([seflow, refused]).stop(strict=True)
    assert panel.count(method="POST") == 0


async def test_a_selection_that_matches_nothing_is_a_result_and_an_empty_one_an_error(
    panel: Sandbox, seflow: SeFlow
) -> None:
    report = await stop(seflow, where="memory > 999999")
    assert report.matched_nothing
    assert report.ok
    assert sum(report.counts.values()) == 0
    plan = await seflow.fleet.plan(Stop(), where="memory > 999999")
    assert (plan.vms, plan.calls) == ((), 4)
    with pytest.raises(InvalidArgument, match="nothing to run"):
        seflow.fleet.run(plan)
    assert not (await stop(seflow, services=["33301"])).matched_nothing
    panel.faults.add(Fault("status", path=LISTS, service="33303", status=500))
    lost = await stop(seflow, where="memory > 999999")
    assert not lost.matched_nothing
    assert not lost.ok
    nothing: list[Any] = [None, "", " ", [], ()]
    for empty in nothing:
        with pytest.raises(InvalidArgument):
            stop(seflow, where=empty)


async def test_missing_ids_are_ignored_only_on_request(panel: Sandbox, seflow: SeFlow) -> None:
    there = next(iter(panel.services["33301"].vms))
    pairs = [("33301", there), ("33301", "9999999"), ("77", "1")]
    with pytest.raises(InvalidArgument, match=r"VM 9999999 of service 33301, VM 1 of service 77.*missing$"):
        await stop(seflow, where=pairs)
    assert panel.count(method="POST") == 0
    report = await stop(seflow, where=pairs, missing="ignore")
    assert [key[1:] for key in report.targets] == [("33301", there)]
    assert report.ok
    plan = await seflow.fleet.plan(Start(), where=pairs, missing="ignore")
    assert len(plan.targets) == 1
    wrong: Any = "skip"
    with pytest.raises(InvalidArgument, match="'error' or 'ignore'"):
        stop(seflow, where=pairs, missing=wrong)


class TestDestroy:
    async def test_it_runs_only_from_a_plan_whose_number_was_confirmed(
        self, panel: Sandbox, seflow: SeFlow
    ) -> None:
        destroying: list[Any] = [Destroy(), [Stop(), Destroy()]]
        for what in destroying:
            with pytest.raises(RunRefused) as caught:
                seflow.fleet.run(what, services=["33301"])
            assert caught.value.reason == "not_confirmed"
        assert panel.requests == []
        plan = await seflow.fleet.plan(Destroy(), services=["33301"], settle=QUICK_SETTLE)
        with pytest.raises(RunRefused, match=r"destroy of 8 VMs.*confirm\(8\)"):
            seflow.fleet.run(plan)
        for count in (7, 9, 0, True, "8", 8.0):
            number: Any = count
            with pytest.raises(InvalidArgument, match="acts on 8 VMs"):
                plan.confirm(number)
        confirmed = plan.confirm(8)
        assert plan.confirmed is None
        with pytest.raises(RunRefused):
            seflow.fleet.run(confirmed, refresh=True)
        assert panel.count(method="DELETE") == 0
        report = await seflow.fleet.run(confirmed)
        assert report.ok
        assert (panel.effect_count("destroy"), panel.services["33301"].vms) == (8, {})
        with pytest.raises(InvalidArgument, match="is gone"):
            await seflow.fleet.run(confirmed)
        assert panel.count(method="DELETE") == 8

    async def test_no_other_way_leads_there(self, panel: Sandbox, seflow: SeFlow) -> None:
        plan = await seflow.fleet.plan(Stop(), services=["33301"])
        for given in (plan, type(plan).from_json(plan.to_json())):
            with pytest.raises(InvalidArgument, match=r"action= is destroy.* was to stop"):
                seflow.fleet.run(given, action=Destroy())
        with pytest.raises(InvalidArgument, match="refresh, action and healthy are for plans"):
            seflow.fleet.run(Stop(), action=Destroy())
        run = stop(seflow, services=["33301"])
        await run
        with pytest.raises(InvalidArgument, match=r"action= is destroy.* was to stop"):
            await seflow.fleet.resume(run.id, action=Destroy())
        assert panel.count(method="DELETE") == 0

    async def test_a_confirmation_is_part_of_the_json(self, panel: Sandbox, seflow: SeFlow) -> None:
        vm = next(iter(panel.services["33302"].vms))
        plan = (await seflow.fleet.plan(Destroy(), where=[("33302", vm)], settle=QUICK_SETTLE)).confirm(1)
        report = await seflow.fleet.run(type(plan).from_json(plan.to_json()))
        assert report.ok
        assert vm not in panel.services["33302"].vms


@attrs.frozen
class Own:
    """An action of one's own, as a user's module would have it."""

    name: Any = "touch"
    safety: Any = Safety.IDEMPOTENT
    settles: bool = False
    takes_down: bool = False
    ends_down: bool = False

    def skip(self, vm: Vm) -> Skip | None:
        return None

    async def perform(self, account: Any, service: Any, vm: Vm) -> Any:
        raise AssertionError("never reached")

    def done(self, vm: Vm | None) -> bool | None:
        return None

    async def look(self, account: Any, service: Any, vm: Vm) -> bool | None:
        return None


@pytest.mark.parametrize(
    "what",
    [
        Stop,
        "stop",
        None,
        [],
        (),
        [Stop],
        [Stop(), "start"],
        {Stop()},
        [Stop(), Usage()],
        ALL,
        # Words would be taken for what may be repeated.
        Own(safety="once"),
        Own(safety=None),
        [Stop(), Own(safety="READ")],
        # Names are joined by "+" in reports.
        Own(name="a+b"),
        Own(name=""),
        Own(name=7),
    ],
    ids=repr,
)
async def test_what_is_no_action_is_refused_before_any_request(
    panel: Sandbox, seflow: SeFlow, what: Any
) -> None:
    with pytest.raises(InvalidArgument, match=r"action|only reads"):
        seflow.fleet.run(what)
    with pytest.raises(InvalidArgument, match=r"action|only reads"):
        await seflow.fleet.plan(what)
    assert panel.requests == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("timeout", 5), ("Rollout", Rollout()), ("canary", 1), ("max_failures", 0), ("dry_run", True)],
)
async def test_an_option_that_a_run_does_not_have_is_refused(
    panel: Sandbox, seflow: SeFlow, option: str, value: Any
) -> None:
    options: Any = {option: value}
    with pytest.raises(InvalidArgument, match=option):
        stop(seflow, **options)
    assert panel.requests == []


async def test_what_only_a_plan_takes_is_refused_elsewhere(panel: Sandbox, seflow: SeFlow) -> None:
    async def healthy(service: Any, vm: Any) -> bool:
        return True

    for given in ({"refresh": True}, {"healthy": healthy}, {"action": Stop()}):
        options: Any = given
        with pytest.raises(InvalidArgument, match="plan"):
            seflow.fleet.run(Reboot(), **options)
    assert panel.requests == []


async def test_a_plan_of_an_account_that_is_refused_raises_what_the_run_would(panel: Sandbox) -> None:
    wrong = SeFlow(panel.username, "wrong", base_url=panel.url, retry=QUICK_RETRY)
    async with wrong as seflow:
        with pytest.raises(AuthenticationError):
            await seflow.fleet.plan(Resize(memory=4096))
    assert len(panel.requests) == 1

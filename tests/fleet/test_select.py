"""Selections: what is meant, and what is refused before anything is sent."""

# ruff: noqa: E501 - a table is read by its rows

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from support.clients import QUICK_SETTLE

from aioseflow import ALL, InvalidArgument, Plan, SeFlow, Stop
from aioseflow.fleet.select.selection import Selection, select
from aioseflow.models import Service, Vm
from aioseflow.sandbox import Fault, Sandbox


async def keys(seflow: SeFlow, **selection: Any) -> set[tuple[str, str]]:
    report = await seflow.fleet.stop(settle=QUICK_SETTLE, **selection)
    return {(service, vm) for _, service, vm in report.targets}


def ids(panel: Sandbox, service: str) -> list[str]:
    return list(panel.services[service].vms)


async def test_pairs_services_vms_predicates_and_exclusions_meet(panel: Sandbox, seflow: SeFlow) -> None:
    first, second = ids(panel, "33301")[:2]
    other = ids(panel, "33302")[0]
    assert await keys(seflow, where=[("33301", first), (33302, int(other))]) == {
        ("33301", first),
        ("33302", other),
    }
    assert await keys(seflow, services=33301) == {("33301", vm) for vm in ids(panel, "33301")}
    assert await keys(seflow, services="33301", vms=[first, second]) == {("33301", first), ("33301", second)}
    assert await keys(seflow, vms=first) == {("33301", first)}
    assert await keys(seflow, where=lambda s, v: v.id == other) == {("33302", other)}
    assert await keys(seflow, services=["33301"], exclude=[("33301", first)]) == {
        ("33301", vm) for vm in ids(panel, "33301")[1:]
    }
    assert await keys(seflow, services=["33301"], exclude=lambda s, v: v.id != first) == {("33301", first)}
    assert await keys(seflow, where=[("33301", first)], exclude=[("33301", first)]) == set()
    pairs = [("33301", first), ("33302", other)]
    assert await keys(seflow, where=pairs, services=["33301"]) == {("33301", first)}
    assert await keys(seflow, vms=[first], exclude=[("33301", first)]) == set()
    assert await keys(seflow, where=lambda s, v: False) == set()


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ({"where": 'account == "mix"'}, 'where: account is never "mix"; it is "main"'),
        ({"where": 'account in ["main", "mani"]'}, 'account is never "mani"; did you mean "main"?'),
        ({"where": '"x" != account and cpus > 1'}, 'account is never "x"'),
        ({"exclude": ('account == "main"', 'not (account == "Main")')}, 'exclude: account is never "Main"'),
    ],
)
def test_an_account_that_is_not_in_the_fleet_is_refused(
    seflow: SeFlow, selection: dict[str, Any], says: str
) -> None:
    for ask in (seflow.fleet.stop, seflow.fleet.usage):
        with pytest.raises(InvalidArgument) as caught:
            ask(**selection)
        assert says in str(caught.value)
    select('account =~ "m.*" and account != "main"').check_accounts(["main"])


async def test_exclusions_that_leave_no_vm_alone_are_named(panel: Sandbox, seflow: SeFlow) -> None:
    first = ids(panel, "33301")[0]
    exclude = (f'id == "{first}"', 'label == "nobody"', "cpus > 99")
    assert (await keys(seflow, services="33301", exclude=exclude)) == {
        ("33301", vm) for vm in ids(panel, "33301")[1:]
    }
    for given, idle in (
        (exclude, ['label == "nobody"', "cpus > 99"]),
        ([("33301", first), ("33301", "1")], ["33301/1"]),
        ([("main", "33301", "1")], ["main/33301/1"]),
        (lambda s, v: False, ["the predicate"]),
        (lambda s, v: True, []),
        ((), []),
    ):
        plan = await seflow.fleet.plan(Stop(), services="33301", exclude=given)
        assert plan.document.get("idle_exclusions", []) == idle
        for text in idle:
            assert f"exclude leaves no VM alone: {text} is true of none." in str(plan)
        assert Plan.from_json(plan.to_json()).digest == plan.digest
    document = select(ALL, exclude=exclude).to_document()
    assert document is not None
    assert document["exclude"] == list(exclude)
    assert Selection.from_document(document).to_document() == document
    with pytest.raises(InvalidArgument, match="exclude"):
        select(ALL, exclude=('label == "a"', "label =="))


async def test_only_the_named_services_are_listed(panel: Sandbox, seflow: SeFlow) -> None:
    await keys(seflow, where=[("33301", ids(panel, "33301")[0])])
    assert panel.count(method="GET", path="/service/33302/vms") == 0


async def test_models_are_as_good_as_ids(panel: Sandbox, seflow: SeFlow) -> None:
    pairs = [pair async for pair in seflow.fleet.vms(services=["33301"])]
    assert await keys(seflow, where=pairs[:2]) == {(s.id, v.id) for s, v in pairs[:2]}
    assert await keys(seflow, services=pairs[0][0]) == {(s.id, v.id) for s, v in pairs}
    assert await keys(seflow, vms=pairs[3][1]) == {(pairs[3][0].id, pairs[3][1].id)}


async def test_duplicates_collapse(panel: Sandbox, seflow: SeFlow) -> None:
    vm = ids(panel, "33301")[0]
    assert await keys(seflow, where=[("33301", vm), (33301, vm)], vms=[vm, vm]) == {("33301", vm)}
    assert panel.effect_count("stop") == 1


@pytest.mark.parametrize("where", [None, "", [], (), set(), {}, {"9": "4"}, " ", b"x", 7, ["94"], [("9",)], [("a", "9", "4", "1")], [(1, "9", "4")], [("9", "..")], [(None, "4")]])  # fmt: skip
async def test_a_selection_that_came_out_empty_or_odd_is_never_everything(
    panel: Sandbox, seflow: SeFlow, where: Any
) -> None:
    with pytest.raises(InvalidArgument, match="where") as refused:
        seflow.fleet.stop(where=where)
    assert refused.value.argument == "where"
    assert panel.requests == []


@pytest.mark.parametrize("keyword", ["services", "vms"])
@pytest.mark.parametrize("bad", [None, [], "", (), {"9": 1}, ["a/b"], [None], 1.5, b"9"])
async def test_ids_that_came_out_empty_or_odd_are_never_everything(
    panel: Sandbox, seflow: SeFlow, keyword: str, bad: Any
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        seflow.fleet.stop(**{keyword: bad})
    assert refused.value.argument == keyword
    assert panel.requests == []


@pytest.mark.parametrize("bad", [None, "", "x", 7, ["94"]])
def test_an_odd_exclusion_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidArgument, match="exclude") as refused:
        select(ALL, services=ALL, vms=ALL, exclude=bad)
    assert refused.value.argument == "exclude"


async def _predicate(service: Service, vm: Vm) -> bool:
    return True


def test_a_coroutine_is_no_predicate() -> None:
    with pytest.raises(InvalidArgument, match="where is a coroutine function") as refused:
        select(_predicate)  # type: ignore[arg-type]
    assert refused.value.argument == "where"
    selection = select(lambda service, vm: _predicate(service, vm))  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidArgument, match="the predicate returned a coroutine"):
        selection.selects("main", Service(id="9"), Vm(id="4"))


@pytest.mark.parametrize("protected", ["powr == 1", [("9",)], [None]])
def test_odd_protection_names_the_account_and_the_argument(protected: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^account my: protected") as refused:
        SeFlow("a", "b", base_url="https://panel.example.com/api", name="my", protected=protected)
    assert refused.value.argument == "protected"


@pytest.mark.parametrize(
    ("selection", "named"),
    [
        ({"where": [("33301", "9999999")]}, "VM 9999999 of service 33301"),
        ({"where": [("77", "1")]}, "VM 1 of service 77"),
        ({"services": ["33301", "77"]}, "service 77"),
        ({"services": ["77"], "where": lambda service, vm: True}, "service 77"),
        ({"vms": ["9999999"]}, "VM 9999999"),
        ({"vms": ["9999999"], "services": ["33301"], "exclude": lambda s, v: False}, "VM 9999999"),
    ],
)
async def test_an_id_that_does_not_exist_is_named_and_stops_the_run_before_it_starts(
    panel: Sandbox, seflow: SeFlow, selection: dict[str, Any], named: str
) -> None:
    run = seflow.fleet.stop(**selection)
    with pytest.raises(InvalidArgument, match=named):
        await run
    assert panel.count(method="POST") == 0
    report = run.report
    assert sum(report.counts.values()) == len(report.targets)
    assert not report.ok
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    assert report.causes.keys() <= {"invalid_selection"}
    assert report.error in caught.value.exceptions


async def test_an_id_that_may_be_in_a_service_that_was_not_listed_stops_nothing(
    panel: Sandbox, seflow: SeFlow
) -> None:
    hidden, seen = ids(panel, "33302")[0], ids(panel, "33301")[0]
    panel.faults.add(Fault("status", path="/service/@id/vms", service="33302", status=400))
    report = await seflow.fleet.stop(vms=[hidden, seen], settle=QUICK_SETTLE)
    assert [vm for _, _, vm in report.targets] == [seen]
    assert not report.ok


async def test_a_bare_vm_id_in_two_services_is_an_error_that_names_both() -> None:
    async with Sandbox(services=2, vms_per_service=2, shared_vm_ids=True, seed=1, stop_time=0.0) as panel:
        async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
            vm = ids(panel, "33301")[0]
            with pytest.raises(InvalidArgument, match=r"service 33301 .* and in service 33302"):
                await seflow.fleet.stop(vms=[vm])
            assert panel.count(method="POST") == 0
            assert await keys(seflow, services=["33302"], vms=[vm]) == {("33302", vm)}


def test_all_is_one_thing() -> None:
    assert repr(ALL) == "ALL"
    assert pickle.loads(pickle.dumps(ALL)) is ALL
    assert copy.copy(ALL) is ALL

"""``where``, ``exclude`` and ``protected`` in runs: what is selected, and what is refused before anything."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.clients import QUICK_RETRY, QUICK_SETTLE

from aioseflow import (
    ALL,
    ConfigurationError,
    Fleet,
    InvalidArgument,
    PowerState,
    Report,
    SeFlow,
    Service,
    Start,
    Status,
    Stop,
    Vm,
)
from aioseflow.sandbox import Fault, Sandbox

LISTS = "/service/@id/vms"


def login(panel: Sandbox, **options: Any) -> SeFlow:
    return SeFlow(panel.username, panel.password, base_url=panel.url, **{"retry": QUICK_RETRY, **options})


def ids(panel: Sandbox, service: str) -> list[str]:
    return list(panel.services[service].vms)


def keys(report: Report) -> set[tuple[str, str]]:
    return {(service, vm) for _, service, vm in report.targets}


async def stop(seflow: SeFlow, **options: Any) -> Report:
    return await seflow.fleet.stop(**{"settle": QUICK_SETTLE, **options})


async def selected(seflow: SeFlow, **selection: Any) -> set[tuple[str, str]]:
    return {(service.id, vm.id) async for service, vm in seflow.fleet.vms(**selection)}


METHODS: dict[str, Callable[[Fleet, Any], Any]] = {
    "stop": lambda fleet, where: fleet.stop(where),
    "reboot": lambda fleet, where: fleet.reboot(where=where),
    "resize": lambda fleet, where: fleet.resize(where, memory=4096),
    "usage": lambda fleet, where: fleet.usage(where),
    "wait": lambda fleet, where: fleet.wait(where, power="running"),
    "run": lambda fleet, where: fleet.run([Stop(), Start()], where),
    "vms": lambda fleet, where: fleet.vms(where),
    "exclude": lambda fleet, where: fleet.stop(exclude=where),
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('pwoer == "running"', r"pwoer.*power"),
        ('service.nmae == "web"', r"nmae.*name"),
        ("service.id == 9", r"(?s)service\.id.*9"),
        ('memory >= "4096"', "memory"),
        ('power == "runing"', r"runing.*running"),
        ('power == "running" and', "syntax error"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
async def test_a_mistake_in_a_text_is_told_by_every_method_before_any_request(
    panel: Sandbox, seflow: SeFlow, method: str, text: str, told: str
) -> None:
    with pytest.raises(InvalidArgument, match=told):
        METHODS[method](seflow.fleet, text)
    assert panel.requests == []


async def test_a_plan_tells_a_mistake_before_any_request(panel: Sandbox, seflow: SeFlow) -> None:
    with pytest.raises(InvalidArgument, match=r"pwoer.*power"):
        await seflow.fleet.plan(Stop(), where='pwoer == "running"')
    assert panel.requests == []


@pytest.mark.parametrize(
    "protected", ['pwoer == "running"', [("9",)], 7, {"9": "4"}, "  "], ids=lambda value: repr(value)
)
async def test_a_mistake_in_protected_is_told_before_any_request(panel: Sandbox, protected: Any) -> None:
    with pytest.raises((ConfigurationError, InvalidArgument), match="protected"):
        async with login(panel, protected=protected) as seflow:
            await seflow.fleet.stop()
    assert panel.requests == []


@pytest.mark.parametrize("dialect", ["seflow", "by_id", "list"])
async def test_a_text_selects_by_the_state_whatever_the_installation_calls_it(dialect: str) -> None:
    async with Sandbox(services=2, vms_per_service=4, seed=1, dialect=dialect, stop_time=0.0) as panel:
        for service in panel.services.values():
            next(iter(service.vms.values())).power = "stopped"
        async with login(panel) as seflow:
            report = await stop(
                seflow, where='power == "running" and memory >= 2048 and service.id == "33302"'
            )
    wanted = {("33302", vm.id) for vm in panel.services["33302"].vms.values() if vm.memory >= 2048}
    assert report.ok
    assert keys(report) == wanted
    assert len(wanted) == 2
    assert panel.effect_count("stop") == 2


async def test_a_text_the_same_predicate_and_the_pairs_select_the_same(
    panel: Sandbox, seflow: SeFlow
) -> None:
    def wanted(service: Service, vm: Vm) -> bool:
        return service.name == "Cloud 2" and (vm.memory or 0) >= 2048 and vm.power is PowerState.RUNNING

    by_text = await selected(
        seflow, where='service.name == "Cloud 2" and memory >= 2048 and vm.power == "running"'
    )
    by_predicate = await selected(seflow, where=wanted)
    assert by_text == by_predicate == await selected(seflow, where=list(by_text))
    assert len(by_text) == 4


async def test_services_that_a_text_rules_out_are_not_listed(panel: Sandbox, seflow: SeFlow) -> None:
    plan = await seflow.fleet.plan(Stop(), where='service.id in ["33302"] and power == "running"')
    assert [request.path for request in panel.requests] == ["/service", "/service/33302/vms"]
    assert len(plan.targets) == 8
    report = await stop(seflow, where='service.name == "no such name"')
    assert panel.count(path=LISTS) == 1
    assert report.matched_nothing
    assert report.ok


async def test_a_service_that_is_not_selected_may_be_down(panel: Sandbox, seflow: SeFlow) -> None:
    panel.faults.add(Fault("status", path=LISTS, service="33303", status=500))
    report = await stop(seflow, where='service.id != "33303"')
    assert report.ok
    assert len(report.targets) == 16
    with pytest.raises(ExceptionGroup):
        (await stop(seflow, where='service.id != "33301"')).raise_for_failures()


# Lists of this dialect do not say whether a VM is locked: only its details do.
@pytest.mark.parametrize("where", ["not locked", "locked", "locked == false", "cpu_share >= 50"])
async def test_a_missing_value_selects_nothing_and_is_counted(
    panel: Sandbox, seflow: SeFlow, where: str
) -> None:
    plan = await seflow.fleet.plan(Stop(), where=where, services=["33301", "33302"])
    assert (len(plan.vms), plan.missing_values) == (0, 16)
    assert "The panel gave no value for a field of the condition at 16 VMs" in str(plan)
    report = await stop(seflow, where=where)
    assert (len(report.targets), report.missing_values) == (0, 24)
    assert panel.count(method="POST") == 0


async def test_what_is_excluded_may_rest_on_a_missing_value_and_is_then_left_alone(
    panel: Sandbox, seflow: SeFlow
) -> None:
    one = ids(panel, "33301")[0]
    report = await stop(seflow, services=["33301"], exclude=f'id != "{one}" and locked')
    assert keys(report) == {("33301", one)}
    assert report.missing_values == 7
    plan = await seflow.fleet.plan(Stop(), services=["33302"], exclude="locked ?? false")
    assert (len(plan.targets), plan.missing_values) == (8, 0)


@pytest.mark.parametrize("form", ["text", "predicate", "pairs", "triples", "objects"])
async def test_every_form_can_exclude(panel: Sandbox, seflow: SeFlow, form: str) -> None:
    spared = ids(panel, "33302")[:2]
    objects = [pair async for pair in seflow.fleet.vms(services=["33302"], vms=spared)]
    exclude: Any = {
        "text": f'service.id == "33302" and id in ["{spared[0]}", "{spared[1]}"]',
        "predicate": lambda service, vm: service.id == "33302" and vm.id in spared,
        "pairs": [(33302, vm) for vm in spared],
        "triples": [("main", "33302", vm) for vm in spared],
        "objects": objects,
    }[form]
    report = await stop(seflow, exclude=exclude)
    assert len(report.targets) == 22
    assert all(panel.services["33302"].vms[vm].power == "running" for vm in spared)


async def test_to_exclude_wins_over_being_named(panel: Sandbox, seflow: SeFlow) -> None:
    first, second = ids(panel, "33301")[:2]
    report = await stop(seflow, where=[("33301", first), ("33301", second)], exclude=f'id == "{first}"')
    assert keys(report) == {("33301", second)}


PROTECTIONS: list[Any] = [
    'service.id == "33301"',
    lambda service, vm: service.id == "33301",
    "by pairs",
]


@pytest.mark.parametrize("protected", PROTECTIONS, ids=["text", "predicate", "pairs"])
async def test_a_protected_vm_is_touched_only_where_it_is_named(panel: Sandbox, protected: Any) -> None:
    guarded = ids(panel, "33301")
    if protected == "by pairs":
        protected = [("33301", vm) for vm in guarded]
    first, second = guarded[:2]
    async with login(panel, protected=protected) as seflow:
        for selection in (
            {},
            {"where": 'service.name =~ "Cloud.*"'},
            {"where": f'id == "{first}" or service.id == "33302"'},
            {"where": lambda service, vm: True},
            {"where": ALL},
            {"services": ["33301", "33302"]},
        ):
            plan = await seflow.fleet.plan(Stop(), **selection)
            assert not {vm.service_id for vm in plan.targets} & {"33301"}
            assert {vm.why_not for vm in plan.vms if vm.service_id == "33301"} <= {"protected"}
        report = await stop(seflow)
        assert len(report.targets) == 16
        assert not await selected(seflow, services=["33301"])
        named = await stop(seflow, where=[("33301", first)])
        assert keys(named) == {("33301", first)}
        assert keys(await stop(seflow, vms=[second])) == {("33301", second)}
        assert keys(await stop(seflow, where=[("main", "33301", guarded[2])])) == {("33301", guarded[2])}
    assert {vm for (_, vm), counts in panel.effects.items() if counts["stop"]} & set(guarded) == {
        *guarded[:3]
    }


async def test_what_may_be_protected_is_left_alone(panel: Sandbox) -> None:
    async with login(panel, protected="locked") as seflow:
        report = await stop(seflow)
        assert report.matched_nothing
        plan = await seflow.fleet.plan(Stop())
    assert {vm.why_not for vm in plan.vms} == {"protected"}
    assert panel.count(method="POST") == 0


@pytest.mark.parametrize("form", ["async def", "lambda"])
async def test_a_coroutine_is_no_predicate_and_not_true_of_everything(
    panel: Sandbox, seflow: SeFlow, form: str
) -> None:
    async def check(service: Service, vm: Vm) -> bool:
        return False

    where: Any = check if form == "async def" else lambda service, vm: check(service, vm)
    with pytest.raises(InvalidArgument, match="plain function"):
        await stop(seflow, where=where)
    assert panel.count(method="POST") == 0


async def test_pairs_may_come_from_anything_that_can_be_iterated_once(panel: Sandbox, seflow: SeFlow) -> None:
    wanted = {("33301", vm) for vm in ids(panel, "33301")[:3]}
    run = seflow.fleet.stop(where=(pair for pair in wanted), settle=QUICK_SETTLE)
    assert keys(await run) == wanted
    coroutine: Any = seflow.fleet.vms()
    with pytest.raises(InvalidArgument, match="where"):
        seflow.fleet.stop(where=coroutine)


@pytest.mark.parametrize(
    ("selection", "named"),
    [
        ({"where": [("33301", "9999999")]}, "VM 9999999 of service 33301"),
        ({"vms": ["9999999"], "services": ["33301"]}, "VM 9999999"),
        ({"services": ["77"]}, "service 77"),
        ({"where": [("other", "33301", "VM")]}, "of account other"),
    ],
)
async def test_a_read_names_what_does_not_exist_after_what_does(
    panel: Sandbox, seflow: SeFlow, selection: dict[str, Any], named: str
) -> None:
    if "where" in selection:
        first = ids(panel, "33301")[0]
        selection = {"where": [tuple(first if part == "VM" else part for part in selection["where"][0])]}
    with pytest.raises(InvalidArgument, match=named):
        await selected(seflow, **selection)
    with pytest.raises(InvalidArgument, match=named):
        await stop(seflow, **selection)
    with pytest.raises(InvalidArgument, match=named):
        await seflow.fleet.plan(Stop(), **selection)
    assert await selected(seflow, **selection, missing="ignore") == set()
    assert (await stop(seflow, **selection, missing="ignore")).matched_nothing


class TestSeveralAccounts:
    """Two panels whose services and VMs have the same ids, and one account that is like neither."""

    @pytest.fixture
    async def panels(self) -> Any:
        async with AsyncExitStack() as stack:
            quick = {"vms_per_service": 3, "seed": 1, "stop_time": 0.0}
            a = await stack.enter_async_context(Sandbox(services=2, **quick))  # type: ignore[arg-type]
            b = await stack.enter_async_context(Sandbox(services=2, **quick))  # type: ignore[arg-type]
            one = await stack.enter_async_context(login(a, name="a"))
            two = await stack.enter_async_context(login(b, name="b", protected='service.id == "33302"'))
            yield a, b, Fleet([one, two])

    async def test_an_account_is_a_field_of_texts(self, panels: tuple[Sandbox, Sandbox, Fleet]) -> None:
        a, b, fleet = panels
        report = await fleet.stop(where='account == "b"', settle=QUICK_SETTLE)
        assert {account for account, _, _ in report.targets} == {"b"}
        assert len(report.targets) == 3
        assert (a.effect_count("stop"), b.effect_count("stop")) == (0, 3)
        assert a.count(path=LISTS) == 0

    async def test_a_triple_names_one_of_two_vms_with_the_same_ids(
        self, panels: tuple[Sandbox, Sandbox, Fleet]
    ) -> None:
        a, b, fleet = panels
        vm = ids(a, "33302")[0]
        assert vm in ids(b, "33302")
        report = await fleet.stop(where=[("b", "33302", vm)], settle=QUICK_SETTLE)
        assert report.targets == (("b", "33302", vm),)
        assert (a.effect_count("stop"), b.effect_count("stop")) == (0, 1)
        report = await fleet.stop(exclude=[("a", "33302", vm)], settle=QUICK_SETTLE)
        assert {key[0] for key in report.targets if key[1:] == ("33302", vm)} == set()
        assert len(report.targets) == 8

    @pytest.mark.parametrize("form", ["pair", "vm"])
    async def test_what_names_a_vm_of_both_accounts_is_an_error_that_names_both(
        self, panels: tuple[Sandbox, Sandbox, Fleet], form: str
    ) -> None:
        a, b, fleet = panels
        vm = ids(a, "33302")[0]
        selection: Any = {"where": [("33302", vm)]} if form == "pair" else {"vms": [vm]}
        for selecting in (fleet.stop(**selection), fleet.plan(Stop(), **selection)):
            with pytest.raises(InvalidArgument, match=r"\ba\b.* and .*\bb\b"):
                await selecting
        assert a.count(method="POST") + b.count(method="POST") == 0

    async def test_each_account_protects_its_own(self, panels: tuple[Sandbox, Sandbox, Fleet]) -> None:
        _, _, fleet = panels
        report = await fleet.stop(services=["33302"], settle=QUICK_SETTLE)
        assert {account for account, _, _ in report.targets} == {"a"}
        plan = await fleet.plan(Stop())
        assert plan.counts_per_service["b/33302"] == {"protected": 3}
        assert plan.accounts == ("a", "b")


async def test_waiting_sends_nothing_but_reads(panel: Sandbox, seflow: SeFlow) -> None:
    slow = panel.services["33301"].vms[ids(panel, "33301")[0]]
    slow.turn("starting", "running", 0.1)
    report = await seflow.fleet.wait('service.id == "33301"', power="running", settle=QUICK_SETTLE)
    assert report.ok
    assert len(report.targets) == 8
    assert {outcome.status for outcome in report.outcomes} == {Status.UNCHANGED}
    assert {outcome.verified for outcome in report.outcomes} == {True}
    assert {request.method for request in panel.requests} == {"GET"}
    assert slow.power == "running"


async def test_what_one_waits_for_in_vain_is_failed(panel: Sandbox, seflow: SeFlow) -> None:
    vm = panel.services["33301"].vms[ids(panel, "33301")[0]]
    vm.power = "stopped"
    impatient = type(QUICK_SETTLE)(first_poll=0.02, longest_poll=0.02, patience=0.2)
    report = await seflow.fleet.wait(power=PowerState.RUNNING, settle=impatient)
    assert (report.counts[Status.FAILED], report.counts[Status.UNCHANGED]) == (1, 23)
    assert [outcome.vm_id for outcome in report.causes["not_settled"]] == [vm.id]


@pytest.mark.parametrize("power", ["on", "transitional", "unknown", "", None, True])
def test_only_a_state_that_lasts_can_be_waited_for(power: Any) -> None:
    seflow = SeFlow("ops@example.com", "x", base_url="http://127.0.0.1:1/api")
    with pytest.raises(InvalidArgument, match="power is 'running' or 'stopped'"):
        seflow.fleet.wait(power=power)

"""Guards see names as people read them, where the panel sends them with HTML entities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support.coherent import SHORT, panel_and_client

from aioseflow import Reboot, RunRefused, Service, Vm
from aioseflow.fleet.select.matcher import Matcher
from aioseflow.fleet.select.selection import select

ESCAPED = "R&amp;D-db"
PLAIN = "R&D-db"

GUARDS: list[Any] = [
    f'label == "{PLAIN}"',
    f'label == "{ESCAPED}"',
    'label =~ "R&D.*"',
    lambda service, vm: vm.label == PLAIN,
    lambda service, vm: vm.label == ESCAPED,
    lambda service, vm: service.name == "Müller's & Söhne" and vm.id == "91",
    '''service.name == "Müller's & Söhne" and id == "91"''',
    'service.domain == "a&b.example" and id == "91"',
    '''service.label == "<b>" and label == "R&D-db"''',
]


@pytest.mark.parametrize("guard", GUARDS, ids=range(len(GUARDS)))
@pytest.mark.parametrize("kind", ["exclude", "protected"])
async def test_a_guard_matches_a_name_as_it_is_sent_and_as_it_is_read(guard: Any, kind: str) -> None:
    async with panel_and_client(**({kind: guard} if kind == "protected" else {})) as (panel, seflow):
        panel.vms["9"]["91"]["label"] = ESCAPED
        panel.services[1] |= {"name": "M&uuml;ller&#039;s &amp; S&ouml;hne", "domain": "a&amp;b.example"}
        panel.services[1]["label"] = "&lt;b&gt;"
        options = {"exclude": guard} if kind == "exclude" else {}
        report = await seflow.fleet.reboot(settle=SHORT, **options)
        plan = await seflow.fleet.plan(Reboot(), **options)
        assert ("9", "91") not in {(service, vm) for _, service, vm in report.targets}
        assert len(report.targets) == 5
        assert "POST /service/9/vms/91/reboot" not in panel.changes
    assert {vm.vm_id: vm.why_not for vm in plan.vms if vm.do is None} == {
        "91": "excluded" if kind == "exclude" else kind
    }


@pytest.mark.parametrize("where", [f'label == "{PLAIN}"', lambda service, vm: vm.label == PLAIN])
async def test_a_selection_takes_names_as_they_are_sent(where: Any) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"]["91"]["label"] = ESCAPED
        report = await seflow.fleet.reboot(where)
    assert report.matched_nothing


async def test_a_plan_from_elsewhere_is_held_against_the_name_as_people_read_it() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.vms["9"]["91"]["label"] = ESCAPED
        plan = await seflow.fleet.plan(Reboot())
        careful = seflow.with_options()
        careful.protected = f'label == "{PLAIN}"'
        run = careful.fleet.run(plan)
        with pytest.raises(RunRefused, match="is protected here"):
            await run
        assert panel.changes == {}


def matches(condition: Any, label: str | None, **service: Any) -> bool:
    matcher = Matcher.parse(condition, "exclude", empty=False)
    return matcher.may_match("main", Service(id="9", **service), Vm(id="91", label=label))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("R&amp;D-db", True),
        ("R&amp;amp;D-db", True),
        ("R&amp;amp;amp;D-db", True),
        ("R&D-db", True),
        ("R&#38;D-db", True),
        ("R D-db", False),
        ("R&ampere;D-db", False),
        ("", False),
        (None, False),
    ],
)
def test_a_name_is_compared_as_often_as_it_is_escaped(label: str | None, expected: bool) -> None:
    assert matches(lambda service, vm: vm.label == PLAIN, label) is expected
    assert matches(f'(label ?? "") == "{PLAIN}"', label) is expected


def counting() -> tuple[Callable[[Service, Vm], bool], list[str | None]]:
    seen: list[str | None] = []

    def predicate(service: Service, vm: Vm) -> bool:
        seen.append(vm.label)
        return False

    return predicate, seen


def test_a_predicate_is_asked_once_where_no_name_is_escaped() -> None:
    predicate, seen = counting()
    for label in ("web01", None, "A & B", "A&B"):
        matches(predicate, label, name="web & more", domain="a.example")
    assert seen == ["web01", None, "A & B", "A&B"]
    matches(predicate, "A &amp; B", name="x")
    matches(predicate, "C", name="x &lt; y")
    assert seen[4:] == ["A &amp; B", "A & B", "C", "C"]


def test_what_is_asked_again_is_the_same_vm_in_everything_else() -> None:
    seen: list[tuple[Service, Vm]] = []

    def predicate(service: Service, vm: Vm) -> bool:
        seen.append((service, vm))
        return False

    service = Service(id="9", name="a &amp; b", username="root", extra={"x": 1})
    vm = Vm(id="91", label="&lt;x&gt;", memory=5, ip=("192.0.2.1",), unread=("cpus",), extra={"y": 2})
    Matcher.parse(predicate, "exclude", empty=False).may_match("main", service, vm)
    assert seen == [(service, vm), (attrs.evolve(service, name="a & b"), attrs.evolve(vm, label="<x>"))]


def test_named_vms_and_no_guard_at_all_are_not_asked_twice() -> None:
    assert select([("9", "91")], exclude=[("9", "92")]).wants(
        "main", Service(id="9", name="&amp;"), Vm(id="91", label="&amp;")
    )

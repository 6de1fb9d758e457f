"""Text expressions: what they select, and what a missing value does."""

from __future__ import annotations

import datetime as dt
import sys
import types
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import ConfigurationError
from aioseflow.fleet.select.fields import fields
from aioseflow.fleet.select.syntax import compile_expression
from aioseflow.models import Model, PowerState, Quota, Service, ServiceStatus, Vm, VmUsage
from aioseflow.secret import Secret

SERVICE = Service(
    "9",
    name="web farm",
    status=ServiceStatus.ACTIVE,
    total=Decimal("12.50"),
    next_due=dt.date(2026, 8, 1),
    password=Secret("hunter2"),
)
VM = Vm(
    "4",
    label="db-12",
    power=PowerState.RUNNING,
    locked=False,
    memory=4096,
    cpus=2,
    disk=Decimal("0.1"),
    uptime=7200,
    ip=("10.0.0.3", "2001:db8::3"),
    note='say "hé"',
    usage=VmUsage(memory=Quota(percent=Decimal("81.5"))),
    rootpassword=Secret("hunter2"),
)
BARE = Vm("7")
"""A VM of which the panel says no more than that it is there."""

TRUE = [
    'power == "running" and service.name =~ "web.*" and memory >= 4096',
    'service.id == "9" and power == "running"',
    r'label =~ "db-\d+"',
    r'label =~ "db-\\d+"',
    r'label =~ r"db-\d+"',
    'id in ["4", "5"]',
    'id not in ["5"]',
    "not locked",
    "locked == false",
    "false == locked",
    '"10.0.0.3" in ip',
    'not ("10.0.0.4" in ip)',
    '"10.0.0.4" not in ip',
    'ip == ["10.0.0.3", "2001:db8::3"]',
    'ip[0] =~ r"10\\."',
    'ip[-1] == "2001:db8::3"',
    "ip.length == 2 and not ip.is_empty",
    'account == "main"',
    'account.as_upper == "MAIN"',
    'vm.power == "running"',
    'power != "stopped"',
    'power in ["running", "transitional"]',
    'service.status == "Active"',
    'service.status == "Frozen" or service.status != "Frozen"',
    'service.status.as_lower == "active"',
    "service.total == 12.5",
    "service.total > 12 and 13 > service.total",
    'service.next_due == d"2026-08-01"',
    'service.next_due < d"2026-08-01T00:00:01"',
    "disk == 0.1",
    "disk + 0.2 == 0.3",
    "memory / 1024 == 4 and memory / cpus == 2048 and memory - 1 < 2 * 2048",
    "-memory < 0",
    "memory == 0x1000",
    "uptime > 3600",
    "usage.memory.percent > 80",
    "vm.usage.memory.percent <= 81.5",
    "id.to_int < 5",
    'label.as_upper == "DB-12" and label.as_lower.length == 5',
    '"12" in label',
    'label =~~ "12$" and label !~ "12"',
    'label !~~ "13"',
    'note == "say \\"hé\\""',
    "(cpu_share ?? 100) == 100",
    "(memory ?? 0) == 4096",
    "cpu_share == null and null == template",
    "memory != null",
    'label == "db-12" # the old one',
    'power == "running"\n  and memory > 1',
    "label != note",
]

FALSE = [
    'power == "stopped"',
    'power != "running"',
    "locked",
    "not not locked",
    "memory < 4096",
    'id in ["5"]',
    'label =~ "12"',
    'ip[0] == "10.0.0.4"',
    "ip.is_empty",
    'account == "other"',
    "memory == null",
    'service.name == "db" or memory > 5000',
]

MISSING = [
    "memory >= 4096",
    "4096 > memory",
    "memory < 4096",
    "memory != 4096",
    "not (memory == 4096)",
    "locked",
    "not locked",
    "locked == false",
    'label =~ "db"',
    'label !~ "db"',
    'label != "x"',
    'label in ["x"]',
    'label not in ["x"]',
    '"x" in label',
    "label != note",
    'ip[0] != "x"',
    "usage.memory.percent < 80",
    "-memory < 0",
    "memory + 1 > 0",
    "memory == memory",
    "memory - memory == 0",
    "label.length > 0",
    "label.is_empty",
    'power == "unknown" and memory > 1',
    'power == "running" or memory > 1',
    'service.next_due < d"2026-08-01"',
    "(memory ?? cpus) > 1",
]

DECIDED_ALL_THE_SAME = [
    ('power == "running" and memory > 1', False),
    ('memory > 1 and power == "running"', False),
    ('power == "unknown" or memory > 1', True),
    ('memory > 1 or power == "unknown"', True),
    ('not (memory > 1 and power == "running")', True),
    ("memory == null", True),
    ("memory != null", False),
    ("not (memory != null)", True),
    ("usage.memory.percent == null", True),
    ("(memory ?? 5) == 5", True),
    ("(label ?? note ?? id) == id", True),
    ("ip.is_empty", True),
    ('"10.0.0.3" in ip', False),
    ('power != "running"', True),
]


@pytest.mark.parametrize("text", TRUE)
def test_it_selects(text: str) -> None:
    expression = compile_expression(text)
    assert expression(SERVICE, VM, "main") is True
    assert expression.missing == 0
    assert expression.rules_out(SERVICE, "main") is False


@pytest.mark.parametrize("text", FALSE)
def test_it_does_not_select(text: str) -> None:
    expression = compile_expression(text)
    assert expression(SERVICE, VM, "main") is False
    assert expression.missing == 0


@pytest.mark.parametrize("text", MISSING)
def test_a_condition_on_a_missing_value_selects_nothing_and_is_counted(text: str) -> None:
    expression = compile_expression(text)
    assert expression(Service("1"), BARE) is False
    assert expression.missing == 1


@pytest.mark.parametrize(("text", "selected"), DECIDED_ALL_THE_SAME)
def test_what_the_missing_value_does_not_decide_is_not_counted(text: str, selected: bool) -> None:
    expression = compile_expression(text)
    assert expression(Service("1"), BARE) is selected
    assert expression.missing == 0


@pytest.mark.parametrize(
    ("text", "vm"),
    [
        ("uptime > 0", Vm("1", uptime="3 days")),
        ("uptime != 5", Vm("1", uptime="5")),
        ("id.to_int > 1", Vm("vm-1")),
        ("memory / cpus > 1", Vm("1", memory=1, cpus=0)),
        ("memory > 1", Vm("1", memory="many")),  # type: ignore[arg-type]
        ("disk != 1", Vm("1", disk=Decimal("NaN"))),
        ('ip[5] == "x"', VM),
    ],
)
def test_what_is_not_of_the_fields_type_is_missing(text: str, vm: Vm) -> None:
    expression = compile_expression(text)
    assert expression(SERVICE, vm) is False
    assert expression.missing == 1


UNREAD = Vm(
    "7",
    power=PowerState.RUNNING,
    usage=VmUsage(disk=Quota(total=Decimal(5), unread=("percent",)), unread=("memory",)),
    unread=("memory", "ip", "label"),
)
"""A VM of which the panel said things in a form that cannot be read."""


@pytest.mark.parametrize(
    "text",
    [
        "memory > 1",
        "memory == null",
        "memory != null",
        'label == "a"',
        "label.is_empty",
        "ip.is_empty",
        "ip.length == 0",
        '"10.0.0.1" in ip',
        '"10.0.0.1" not in ip',
        'ip == ["x"]',
        'ip[0] == "x"',
        "usage.disk.percent > 90",
        "usage.disk.percent == null",
        "usage.memory.percent != null",
        "usage.memory.percent == null",
        'power == "running" and ip.is_empty',
    ],
)
def test_a_value_that_cannot_be_read_is_missing_and_may_be_anything(text: str) -> None:
    for condition in (text, f"not ({text})"):
        expression = compile_expression(condition)
        assert expression(SERVICE, UNREAD) is False
        assert expression.missing == 1
        assert expression.decide(SERVICE, UNREAD, "main") is None


def test_what_is_read_beside_it_decides() -> None:
    for text, decision in [
        ("usage.disk.total == 5", True),
        ("usage.disk.used == null", True),
        ("usage.bandwidth.used == null", True),
        ("disk == null", True),
        ("ipv6subnets.is_empty", True),
        ('power == "stopped" and ip.is_empty', False),
        ("(memory ?? 5) == 5", True),
    ]:
        assert compile_expression(text).decide(SERVICE, UNREAD, "main") is decision


def test_a_value_of_a_service_that_cannot_be_read_is_missing() -> None:
    service = Service("9", unread=("total", "name"))
    for text in ("service.total > 5", "service.total == null", 'service.name == "a"'):
        expression = compile_expression(text)
        assert expression.decide(service, BARE, "main") is None
        assert expression.rules_out(service, "main") is False
    assert compile_expression("service.label == null").decide(service, BARE, "main") is True


@attrs.frozen
class Inner(Model):
    names: tuple[str, ...] = ()


@attrs.frozen
class Outer(Model):
    names: tuple[str, ...] = ()
    inner: Inner | None = None


def test_a_list_within_a_part_that_cannot_be_read_is_missing_and_no_other_of_its_name() -> None:
    own, within = fields(Outer)["names"], fields(Outer)["inner.names"]
    odd_within = Outer(inner=Inner(unread=("names",)))
    assert (own.read(odd_within), within.read(odd_within)) == ((), None)
    odd = Outer(inner=Inner(("a",)), unread=("names",))
    assert (own.read(odd), within.read(odd)) == (None, ("a",))
    assert within.read(Outer(unread=("inner",))) is within.read(Outer()) is None
    assert [within.is_unread(one) for one in (odd_within, odd, Outer(unread=("inner",)), Outer())] == [
        *(True, False, True, False),
    ]


def test_about_what_cannot_be_read_nothing_can_be_named() -> None:
    for model in (Vm, Service, Quota):
        assert not {name for name in fields(model) if "unread" in name or "extra" in name}


def test_each_vm_is_counted_once() -> None:
    expression = compile_expression("memory > 1")
    for _ in range(3):
        expression(SERVICE, BARE, "main")
    assert expression.missing == 1
    expression(SERVICE, BARE, "other")
    expression(Service("10"), BARE, "main")
    assert expression.missing == 3


def test_without_rule_engine_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rule_engine", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'aioseflow\[where\]'"):
        compile_expression("locked")


def test_the_repr_shows_the_text_and_nothing_else() -> None:
    expression = compile_expression('power == "running"')
    assert repr(expression) == "Expression(text='power == \"running\"')"


def test_no_secret_is_a_field_and_every_other_field_has_a_type() -> None:
    secrets = {"password", "rootpassword"}
    assert not secrets & {*fields(Vm), *fields(Service)}
    left_out = {"extra", "usage", "ip_texts", "ipv6subnet_texts"} | secrets
    for model in (Vm, Service):
        assert {name for name in model.__annotations__ if name not in left_out} <= set(fields(model))
    assert {"ip", "ipv6subnets", "usage.disk.free"} <= set(fields(Vm))


def test_only_the_fields_it_names_are_read() -> None:
    vm = cast("Vm", types.SimpleNamespace(power=PowerState.RUNNING, unread=()))
    service = cast("Service", types.SimpleNamespace())
    assert compile_expression('power == "running"')(service, vm) is True


def test_a_long_chain_of_conditions_is_not_a_deep_one() -> None:
    text = " or ".join(f'id=="{number}"' for number in range(100, 300))
    expression = compile_expression(text)
    assert [n for n in range(90, 310) if expression(SERVICE, Vm(str(n)))] == list(range(100, 300))


@pytest.mark.parametrize(
    ("text", "ruled_out"),
    [
        ('service.id == "9" and locked', False),
        ('service.id == "8" and locked', True),
        ('locked and service.id == "8"', True),
        ('service.id == "8" or locked', False),
        ('service.id in ["7", "8"]', True),
        ('not (service.id == "9" or locked)', True),
        ('service.id == "8" and memory == null', True),
        ("memory == null", False),
        ("memory != null", False),
        ("(memory ?? 1) == 2", False),
        ("ip.is_empty", False),
        ('account == "other" and locked', True),
        ('service.label == "x"', False),
        ('service.label != null and power == "running"', False),
    ],
)
def test_a_service_is_ruled_out_where_none_of_its_vms_can_be_selected(text: str, ruled_out: bool) -> None:
    assert compile_expression(text).rules_out(SERVICE, "main") is ruled_out


Judge = Callable[[Service, Vm], bool | None]


def judged(value: Any, test: Callable[[Any], bool]) -> bool | None:
    return None if value is None else test(value)


ATOMS: list[tuple[str, Judge]] = [
    ('power == "running"', lambda s, v: v.power is PowerState.RUNNING),
    ('power != "stopped"', lambda s, v: v.power is not PowerState.STOPPED),
    ("memory >= 2", lambda s, v: judged(v.memory, lambda memory: memory >= 2)),
    ("memory != 2", lambda s, v: judged(v.memory, lambda memory: memory != 2)),
    ("2 > memory", lambda s, v: judged(v.memory, lambda memory: memory < 2)),
    ("memory in [1, 3]", lambda s, v: judged(v.memory, lambda memory: memory in (1, 3))),
    ("memory == null", lambda s, v: v.memory is None),
    ("locked", lambda s, v: v.locked),
    ('label =~ "a"', lambda s, v: judged(v.label, lambda label: label.startswith("a"))),
    ('label !~~ "b"', lambda s, v: judged(v.label, lambda label: "b" not in label)),
    ('"a" in label', lambda s, v: judged(v.label, lambda label: "a" in label)),
    ('"x" in ip', lambda s, v: "x" in v.ip_texts),
    ('service.name != "a"', lambda s, v: judged(s.name, lambda name: name != "a")),
    ('service.id == "9"', lambda s, v: s.id == "9"),
    ("(memory ?? 2) < 2", lambda s, v: (2 if v.memory is None else v.memory) < 2),
]

# Łukasiewicz: false, undecided and true are 0, 1/2 and 1; "and" is the least, "or" the most.
GRADE: dict[bool | None, float] = {False: 0.0, None: 0.5, True: 1.0}
VERDICT = {grade: verdict for verdict, grade in GRADE.items()}


def combined(children: st.SearchStrategy[tuple[str, Judge]]) -> st.SearchStrategy[tuple[str, Judge]]:
    def negated(one: tuple[str, Judge]) -> tuple[str, Judge]:
        text, judge = one
        return f"not ({text})", lambda s, v: VERDICT[1 - GRADE[judge(s, v)]]

    def joined(word: str, extreme: Callable[..., float], parts: list[tuple[str, Judge]]) -> tuple[str, Judge]:
        return f" {word} ".join(f"({text})" for text, _ in parts), lambda s, v: VERDICT[
            extreme(GRADE[judge(s, v)] for _, judge in parts)
        ]

    several = st.lists(children, min_size=2, max_size=3)
    return st.one_of(
        children.map(negated),
        several.map(lambda parts: joined("and", min, parts)),
        several.map(lambda parts: joined("or", max, parts)),
    )


EXPRESSIONS = st.recursive(st.sampled_from(ATOMS), combined, max_leaves=6)
VMS = st.builds(
    Vm,
    id=st.sampled_from("12"),
    label=st.sampled_from([None, "", "a", "ab", "b"]),
    power=st.sampled_from(PowerState),
    locked=st.sampled_from([None, True, False]),
    memory=st.sampled_from([None, 1, 2, 3]),
    ip=st.sampled_from([(), ("x",), ("y", "x")]),
)
SERVICES = st.builds(Service, id=st.sampled_from("89"), name=st.sampled_from([None, "a", "b"]))


@given(expression=EXPRESSIONS, service=SERVICES, vm=VMS)
def test_it_agrees_with_a_predicate_written_by_hand(
    expression: tuple[str, Judge], service: Service, vm: Vm
) -> None:
    text, judge = expression
    compiled = compile_expression(text)
    verdict = judge(service, vm)
    assert compiled.decide(service, vm) is verdict
    assert compiled(service, vm) is (verdict is True)
    assert compiled.missing == (verdict is None)
    if compiled.rules_out(service):
        assert verdict is False

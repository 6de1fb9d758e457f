"""Expressions as people write them from habit: the refusal says the whole of what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import InvalidArgument
from aioseflow.fleet.select.syntax import compile_expression
from aioseflow.models import PowerState, Service, Vm

PHRASINGS = [
    # a text without quotes
    ("power == running", 'power == "running"'),
    ("power==Running", 'power == "running"'),
    ("power = on", 'power == "running"'),
    ("template =~ debian", 'template =~ "debian"'),
    ("template == debian 12", 'template == "debian 12"'),
    ("label == web-1", 'label == "web-1"'),
    ("label == web-1 and memory > 4", 'label == "web-1" and memory > 4'),
    ("service.name == Cloud 1", 'service.name == "Cloud 1"'),
    ("ip == 10.0.0.3", '"10.0.0.3" in ip'),
    ("account != prod", 'account != "prod"'),
    ("running == power", 'power == "running"'),
    ("web in label", '"web" in label'),
    ("power in [running, stopped]", 'power in ["running", "stopped"]'),
    ("power == \u201crunning\u201d", 'power == "running"'),
    ("power == `running`", 'power == "running"'),
    ("service.next_due < 2026-08-01", 'service.next_due < d"2026-08-01"'),
    ('service.next_due < "2026-8-1"', 'service.next_due < d"2026-08-01"'),
    ("locked == yes", "locked"),
    ("locked = no", "not locked"),
    # other names of fields
    ('name == "web-1"', 'label == "web-1"'),
    ('hostname == "web-1"', 'label == "web-1"'),
    ('"web-1" == vm.name', 'label == "web-1"'),
    ('state == "running"', 'power == "running"'),
    ('state == "on"', 'power == "running"'),
    ("status == running", 'power == "running"'),
    ("status == suspended", 'service.status == "Suspended"'),
    ('status == "Active"', 'service.status == "Active"'),
    ("ram >= 2048", "memory >= 2048"),
    ("mem < 512", "memory < 512"),
    ("cores > 2", "cpus > 2"),
    ("vcpus == 4", "cpus == 4"),
    ('vm == "4001"', 'id == "4001"'),
    ("vm == 4001", 'id == "4001"'),
    ("service == 9", 'service.id == "9"'),
    ("service_name == shop", 'service.name == "shop"'),
    ("os =~ windows", 'template =~ "windows"'),
    ("LABEL == web", 'label == "web"'),
    ("created > 2026-01-01", 'service.date_created > d"2026-01-01"'),
    # a word alone
    ("running", 'power == "running"'),
    ("not running", 'not power == "running"'),
    ("!running", 'not power == "running"'),
    ("is running", 'power == "running"'),
    ("stopped or memory < 512", 'power == "stopped" or memory < 512'),
    ("offline", 'power == "stopped"'),
    ("suspended", 'service.status == "Suspended"'),
    ("unlocked", "not locked"),
    ("web-1", 'label == "web-1"'),
    ("4001", 'id == "4001"'),
    ("10.0.0.3", '"10.0.0.3" in ip'),
    # units
    ("memory >= 4G", "memory >= 4096"),
    ("memory >= 4GB", "memory >= 4096"),
    ("memory >= 4 GiB", "memory >= 4096"),
    ("memory > 1.5g", "memory > 1536"),
    ("memory <= 512MB", "memory <= 512"),
    ('memory >= "4GB"', "memory >= 4096"),
    ("ram>2gb", "memory > 2048"),
    ("4G <= memory", "memory >= 4096"),
    ("memory >= 4,096", "memory >= 4096"),
    ("disk >= 1TB", "disk >= 1024"),
    ("disk < 500 GB", "disk < 500"),
    ("uptime > 30d", "uptime > 2592000"),
    ('uptime > "30 days"', "uptime > 2592000"),
    ("uptime < 2 weeks", "uptime < 1209600"),
    ("uptime >= 1.5h", "uptime >= 5400"),
    ("uptime < 90m", "uptime < 5400"),
    ("usage.memory.percent > 80%", "usage.memory.percent > 80"),
    ("cpus >= 4 cores", "cpus >= 4"),
    ("memory between 2G and 4G", "memory >= 2048 and memory <= 4096"),
    # words and signs of other languages
    ('label contains "x"', '"x" in label'),
    ('label not contains "x"', '"x" not in label'),
    ("name contains web", '"web" in label'),
    ("ip contains 10.0.0.3", '"10.0.0.3" in ip'),
    ('label like "x%"', 'label =~ "x.*"'),
    ('label like "%x"', 'label =~ ".*x$"'),
    ("label like '%x%'", '"x" in label'),
    ('label not like "x%"', 'label !~ "x.*"'),
    ('label ilike "X%"', 'label.as_lower =~ "x.*"'),
    ('label startswith "web"', 'label =~ "web.*"'),
    ('label starts with "web.1"', r'label =~ r"web\.1.*"'),
    ('label endswith "db"', 'label =~~ "db$"'),
    ('label.startswith("x")', 'label =~ "x.*"'),
    ('label.contains("x")', '"x" in label'),
    ('contains(label, "x")', '"x" in label'),
    ('label.lower() == "x"', 'label.as_lower == "x"'),
    ("len(label) > 3", "label.length > 3"),
    ('power is not "running"', 'power != "running"'),
    ("power is running", 'power == "running"'),
    ("power: running", 'power == "running"'),
    ('label <> "x"', 'label != "x"'),
    ('label === "x"', 'label == "x"'),
    ("memory ge 4096", "memory >= 4096"),
    ("memory => 4096", "memory >= 4096"),
    ("memory is null", "memory == null"),
    ("memory is not null", "memory != null"),
    ("state == running && ram >= 4G", 'power == "running" and memory >= 4096'),
    ("!(state = running || cores < 2)", 'not (power == "running" or cpus < 2)'),
    # patterns
    ("label =~ /x.*/", 'label =~ "x.*"'),
    (r"label =~ /^web-\d+$/i", r'label =~ r"^web-\d+$"'),
    ("label ~ web.*", 'label =~ "web.*"'),
    ('label matches "web.*"', 'label =~ "web.*"'),
    ('label == "web-*"', 'label =~ "web-.*"'),
    ('label != "web-*"', 'label !~ "web-.*"'),
    ('label == "*-db"', 'label =~ ".*-db$"'),
    ('label == "web-%"', 'label =~ "web-.*"'),
    ('label == "web-?"', 'label =~ "web-.$"'),
    ('service.name == "shop*"', 'service.name =~ "shop.*"'),
    ('id == "40*"', 'id =~ "40.*"'),
    ('label in ["web-*", "db-1"]', 'label =~ "web-.*"'),
    ('"web*" in label', '"web" in label'),
    ("label == web*", 'label =~ "web.*"'),
    ('label =~ "web-*"', 'label =~ "web-.*"'),
    ('label =~ "*-db"', 'label =~ ".*-db"'),
    ('locked and label == "web-*"', 'locked and label =~ "web-.*"'),
    # lists
    ("id in (1, 2)", 'id in ["1", "2"]'),
    ("id in (1)", 'id in ["1"]'),
    ("id in 4001,4002", 'id in ["4001", "4002"]'),
    ("id in {4001}", 'id in ["4001"]'),
    ("id == 4001,4002", 'id in ["4001", "4002"]'),
    ("vm not in (4001, 4002)", 'id not in ["4001", "4002"]'),
    ("cpus in (1, 2)", "cpus in [1, 2]"),
    ("label in (web-1, 'web-2')", "label in [\"web-1\", 'web-2']"),
    ("id between 4001 and 4010", "id.to_int >= 4001 and id.to_int <= 4010"),
    ("id == 1 or id == 2", 'id == "1" or id == "2"'),
]


@pytest.mark.parametrize(("typed", "meant"), PHRASINGS, ids=[typed for typed, _ in PHRASINGS])
def test_a_refusal_says_what_to_write_in_full(typed: str, meant: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        compile_expression(typed)
    message = str(refused.value)
    assert message.startswith("where: ")
    assert f"{meant}" in message.partition("write ")[2]
    assert "; for example" not in message
    assert len(message) < 300
    # Nobody is told to write what is refused as well.
    compile_expression(meant)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("memory > 30d", "memory is in MB, without a unit"),
        ("uptime > 4GB", "uptime is in seconds, without a unit"),
        ("all", "on the command line --all"),
        ("*", "on the command line --all"),
        ("powr == running", "there is no field powr; did you mean power?"),
    ],
)
def test_a_refusal_says_what_is_certain_where_the_rest_is_not_clear(typed: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        compile_expression(typed)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        'label == "100%"',
        'note == "Is it on?"',
        'label == "50% off"',
        r'label =~ "web-\\*$"',
        'label =~ "(web|db)-.*"',
        'label =~ "we+b*.*"',
        '"*" in label',
    ],
)
def test_a_text_that_is_meant_as_it_is_is_no_pattern(text: str) -> None:
    compile_expression(text)


def test_the_letters_of_a_pattern_can_still_be_asked_for() -> None:
    with pytest.raises(InvalidArgument) as refused:
        compile_expression('label == "web-*"')
    expression = compile_expression(str(refused.value).rpartition("themselves, ")[2])
    assert expression(Service("9"), Vm("4", label="web-*"))
    assert not expression(Service("9"), Vm("4", label="web-1"))


def test_a_blank_exclusion_is_not_told_to_be_everything() -> None:
    with pytest.raises(InvalidArgument, match=r"^exclude is blank, .*; leave it out$"):
        compile_expression(" ", "exclude")


FIELDS = st.sampled_from(["power", "state", "name", "ram", "memory", "uptime", "ip", "vm", "powr", "service"])
SIGNS = st.sampled_from(["==", "=", "is", "contains", "like", "in", "~", ">=", "between", "startswith", ":"])
VALUES = st.sampled_from(
    ["running", '"web-*"', "4G", "(1, 2)", "/x/", "web 1", "30d", "[", '"', "1 and 2", "x*"]
)
JOINTS = st.sampled_from(["and", "or", "&&", "and not", "(", ")", "", ","])


@given(st.lists(st.tuples(FIELDS, SIGNS, VALUES, JOINTS), min_size=1, max_size=3))
def test_what_a_refusal_says_in_full_is_an_expression(clauses: list[tuple[str, str, str, str]]) -> None:
    typed = " ".join(word for clause in clauses for word in clause)
    try:
        compile_expression(typed)
    except InvalidArgument as error:
        reason, there, full = str(error).partition("; in full: ")
        if there:
            compile_expression(full)
        assert reason.startswith("where: ")


def test_a_vm_is_selected_by_what_is_said_in_full() -> None:
    vm = Vm("4001", label="web-1", power=PowerState.RUNNING, memory=4096, cpus=4, uptime=2_600_000)
    for typed in ("state = running", "ram >= 4G", "uptime > 30d", "name == web-1", "id in (4001, 2)"):
        with pytest.raises(InvalidArgument) as refused:
            compile_expression(typed)
        full = str(refused.value).rpartition("write ==; in full: ")[2].rpartition("; write ")[2]
        assert compile_expression(full)(Service("9"), vm), typed

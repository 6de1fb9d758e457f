"""`aioseflow inventory`: names that Ansible takes, the variables of each host, and all or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.terminals import Result
from hypothesis import given
from hypothesis import strategies as st

from aioseflow.cli.accounts import Accounts, Identity
from aioseflow.cli.inventory.ansible_document import Inventory, Member, variables
from aioseflow.cli.inventory.ansible_names import distinct, group_part, host_part, is_host_name
from aioseflow.config import Credentials
from aioseflow.models import PowerState, Service, Vm
from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]

GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
JINJA = "{{ lookup('pipe', 'id') }}{% if 1 %}x{% endif %}"


@pytest.fixture(autouse=True)
def _no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))


def member(
    label: str | None, vm: str = "4", service: str = "9", *, account: str = "main", **more: Any
) -> Member:
    name = more.pop("service_name", "Cloud VPS")
    return Member(account, Service(id=service, name=name), Vm(id=vm, label=label, **more))


def hosts(*members: Member) -> list[str]:
    return list(Inventory.of(members).hosts)


# -- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["web-1", "db.example.com", "W", "x" * 200, "4you"])
def test_a_label_that_can_be_a_host_is_one(label: str) -> None:
    assert hosts(member(label)) == [label]


@pytest.mark.parametrize(
    "label",
    [
        *(None, "", " web", "web 1", "web,db", "web:80", "[1:9]", "!web", "&web", "~web", "*", "wéb", "a/b"),
        *("-web", "web-", "x" * 300, "web\n", "\x1b[31m", "web\u202e", JINJA),
        *("all", "ungrouped", "localhost", "LocalHost", "_meta", "127.0.0.1", "10.7", "1", "0x7f000001"),
        *("::1", "power_running", "service_cloud_vps", "template_none"),
    ],
)
def test_a_label_that_ansible_would_take_for_something_else_is_none(label: str | None) -> None:
    [host] = hosts(member(label, power=PowerState.RUNNING))
    assert host in ("vm-9-4", f"{label}-9-4")
    assert is_host_name(host)


def test_a_label_that_two_have_gets_their_ids_for_both() -> None:
    assert hosts(member("web"), member("web", "5"), member("db", "6")) == ["web-9-4", "web-9-5", "db"]


def test_the_same_ids_of_two_accounts_are_two_hosts() -> None:
    made = Inventory.of([member("web", account="a@x"), member("web", account="b@x")])
    assert list(made.hosts) == ["web-9-4-a_x", "web-9-4-b_x"]
    assert made.groups["service_cloud_vps_9_a_x"] == ["web-9-4-a_x"]


def test_a_label_like_another_ones_made_up_name_takes_nothing_from_it() -> None:
    found = hosts(member("web"), member("web", "5"), member("web-9-4", "6"))
    assert len(set(found)) == 3
    assert found[1] == "web-9-5"


def test_groups_are_by_service_power_and_template() -> None:
    made = Inventory.of(
        [
            member("web", power=PowerState.RUNNING, template="debian-12", template_label="Debian 12"),
            member("db", "5", power=PowerState.STOPPED, template="debian-12"),
            member("mail", "6", "10", service_name="9 lives: Größe"),
        ]
    )
    assert made.groups == {
        "power_running": ["web"],
        "power_stopped": ["db"],
        "power_unknown": ["mail"],
        "service_9_lives_gr_e": ["mail"],
        "service_cloud_vps": ["web", "db"],
        "template_debian_12": ["web"],
        "template_debian_12_2": ["db"],
        "template_none": ["mail"],
    }


def test_services_of_one_name_are_groups_of_their_own() -> None:
    made = Inventory.of([member("a", "1", "9"), member("b", "2", "10")])
    assert made.groups["service_cloud_vps_9"] == ["a"]
    assert made.groups["service_cloud_vps_10"] == ["b"]
    assert "service_cloud_vps" not in made.groups


def test_the_order_of_the_lists_changes_nothing() -> None:
    members = [
        member("web", str(vm), str(service), template=template)
        for service in range(3)
        for vm, template in enumerate(["Debian 12", "debian-12", "debian_12"])
    ]
    assert Inventory.of(members).document() == Inventory.of(members[::-1]).document()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a@x", "a x", "b"]),
            st.sampled_from(["9", "a-b", "a_b", "a b"]),
            st.sampled_from(["4", "4-4", "4_4", "é"]),
            st.sampled_from(["web", "web-9-4", "vm-9-4", "power_running", "", "Web", "web 1", "\u202e"])
            | st.text(max_size=8),
        ),
        unique_by=lambda row: row[:3],
        max_size=12,
    )
)
def test_whatever_they_are_called_each_has_one_name_of_its_own(rows: list[tuple[str, ...]]) -> None:
    members = [
        member(label, vm, service, account=account, service_name=label, template=label)
        for account, service, vm, label in rows
    ]
    made = Inventory.of(members)
    assert len(made.hosts) == len(members)
    assert all(is_host_name(host) for host in made.hosts)
    assert all(GROUP.fullmatch(group) for group in made.groups)
    assert not set(made.hosts) & set(made.groups)
    assert sorted(
        host for group, inside in made.groups.items() if group.startswith("power") for host in inside
    ) == (sorted(made.hosts))
    assert json.loads(json.dumps(made.document()))["all"]["children"] == sorted(made.groups)


def test_names_are_numbered_where_even_the_last_is_shared() -> None:
    candidates = {("b",): ["x"], ("a",): ["x"], ("c",): ["x_2"], ("d",): ["taken"]}
    assert distinct(candidates, "_", taken=["taken"]) == {
        ("a",): "x",
        ("b",): "x_3",
        ("c",): "x_2",
        ("d",): "taken_2",
    }


def test_parts_of_names_are_never_empty() -> None:
    assert (group_part("é ü"), host_part("--"), group_part("Größe 1")) == ("unnamed", "unnamed", "gr_e_1")


# -- variables -----------------------------------------------------------------------------------------------


def test_a_host_has_the_facts_of_its_vm() -> None:
    made = Inventory.of(
        [
            member(
                "web",
                power=PowerState.RUNNING,
                memory=2048,
                template="debian-12",
                ip=("2001:db8::1", "192.0.2.7", "hiddenip", "192.0.2.8"),
            )
        ]
    )
    assert variables(made.hosts["web"]) == {
        "ansible_host": "192.0.2.7",
        "seflow_account": "main",
        "seflow_service_id": "9",
        "seflow_service_name": "Cloud VPS",
        "seflow_vm_id": "4",
        "seflow_label": "web",
        "seflow_power": "running",
        "seflow_memory": 2048,
        "seflow_template": "debian-12",
        "seflow_ips": ["2001:db8::1", "192.0.2.7", "192.0.2.8"],
    }


@pytest.mark.parametrize(
    ("ips", "host"),
    [
        (("2001:db8::1", "192.0.2.7"), "192.0.2.7"),
        (("2001:db8::1",), "2001:db8::1"),
        (("hiddenip", "fe80::1%{{ 1 }}"), None),
        ((), None),
    ],
)
def test_a_host_is_reached_at_its_first_ipv4_else_ipv6(ips: tuple[str, ...], host: str | None) -> None:
    assert variables(member("web", ip=ips)).get("ansible_host") == host


def test_what_could_be_a_template_is_marked_as_none_wherever_it_stands() -> None:
    made = Inventory.of(
        [member(JINJA, JINJA, JINJA, account=JINJA, service_name=JINJA, template=JINJA, ip=(JINJA,))]
    )
    marked = {"__ansible_unsafe": JINJA}
    [host] = made.hosts
    facts = variables(made.hosts[host])
    names = ("account", "service_id", "service_name", "vm_id", "label", "template")
    assert all(facts[f"seflow_{name}"] == marked for name in names)
    rest = json.dumps(made.document()).replace(json.dumps(marked), "")
    assert "{{" not in rest
    assert "{%" not in rest


# -- the command ---------------------------------------------------------------------------------------------


def test_list_has_all_groups_and_hosts(run: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4001"].power = "stopped"
    ended = run("inventory", "--list")
    assert (ended.exit_code, ended.stderr) == (0, "")
    made = json.loads(ended.stdout)
    assert made["power_stopped"] == {"hosts": ["vm-4001"]}
    assert len(made["_meta"]["hostvars"]) == 6
    assert made["all"]["children"] == sorted(set(made) - {"_meta", "all"})
    assert panel.password not in ended.stdout


def test_where_selects(run: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4001"].power = "stopped"
    made = json.loads(run("inventory", "--list", "--where", 'power == "stopped"').stdout)
    assert list(made["_meta"]["hostvars"]) == ["vm-4001"]
    none = run("inventory", "--list", "--where", 'vm.id == "0"')
    assert (none.exit_code, json.loads(none.stdout)) == (
        0,
        {"_meta": {"hostvars": {}}, "all": {"children": []}},
    )


def test_host_has_the_variables_of_the_list(run: Run, panel: Sandbox) -> None:
    everyone = json.loads(run("inventory", "--list").stdout)["_meta"]["hostvars"]
    ended = run("inventory", "--host", "vm-4005")
    assert (ended.exit_code, json.loads(ended.stdout)) == (0, everyone["vm-4005"])


def test_a_host_that_is_not_there_is_8(run: Run, panel: Sandbox) -> None:
    ended = run("inventory", "--host", "\x1b[31mno")
    assert (ended.exit_code, ended.stdout) == (8, "")
    assert "no host \\x1b[31mno" in ended.stderr


@pytest.mark.parametrize("words", [[], ["--list", "--host", "vm-4001"]])
def test_either_list_or_host_is_asked_for(run: Run, panel: Sandbox, words: list[str]) -> None:
    ended = run("inventory", *words)
    assert (ended.exit_code, ended.stdout, len(panel.requests)) == (2, "", 0)


def test_a_condition_that_is_none_is_refused_before_anything_is_sent(run: Run, panel: Sandbox) -> None:
    ended = run("inventory", "--list", "--where", "power ==")
    assert (ended.exit_code, ended.stdout, len(panel.requests)) == (2, "", 0)


def test_a_service_that_cannot_be_listed_is_4_and_no_inventory(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("error", path="/service/33302/vms")])
    ended = run("inventory", "--list")
    assert (ended.exit_code, ended.stdout) == (4, "")
    assert "--partial" in ended.stderr


def test_partial_is_what_there_is_and_says_what_is_not(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("error", path="/service/33302/vms")])
    ended = run("inventory", "--list", "--partial")
    assert (ended.exit_code, len(json.loads(ended.stdout)["_meta"]["hostvars"])) == (0, 3)
    assert ended.stderr.startswith("Left out: The panel refused: ")


def test_nothing_at_all_is_no_part(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("error", path="/service")])
    ended = run("inventory", "--list", "--partial")
    assert (ended.exit_code, ended.stdout) == (4, "")


def test_several_that_cannot_be_listed_are_counted(run: Run, panels: Panels) -> None:
    panels(services=3, faults=[Fault("error", path="/service/@id/vms", after=1)])
    ended = run("inventory", "--list")
    assert (ended.exit_code, "(and 1 more)" in ended.stderr) == (4, True)


def test_a_refused_login_is_6(run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong-one")
    ended = run("inventory", "--list", "--partial")
    assert (ended.exit_code, ended.stdout, panel.bad_logins) == (6, "", 1)


def test_the_accounts_are_one_inventory(run: Run, panels: Panels, monkeypatch: pytest.MonkeyPatch) -> None:
    both = tuple(
        Identity(Credentials.check(panel.username, panel.password), panel.url)
        for panel in (panels(), panels())
    )
    monkeypatch.setattr(Accounts, "identities", lambda self: both)
    hostvars = json.loads(run("inventory", "--list").stdout)["_meta"]["hostvars"]
    assert len(hostvars) == 12
    assert {variables["seflow_account"] for variables in hostvars.values()} == {each.label for each in both}

"""The options that select VMs: each mistake is one sentence that says what to type, and sends nothing."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from cli.terminals import Result

from aioseflow.sandbox import Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["--vm", "4001,4002"], "--vm 4001 --vm 4002"),
        (["--vm", "4001 4002"], "--vm 4001 --vm 4002"),
        (["--vm", "33301/4001,4002"], "--vm 33301/4001 --vm 33301/4002"),
        (["--vm", "33301/4001,33302/4004"], "--vm 33301/4001 --vm 33302/4004"),
        (["--service", "33301, 33302"], "--service 33301 --service 33302"),
        (["--vm", "4001-4003"], "--where 'id.to_int >= 4001 and id.to_int <= 4003'"),
        (
            ["--service", "33301..33302"],
            "--where 'service.id.to_int >= 33301 and service.id.to_int <= 33302'",
        ),
        (["--vm", "*"], "--all"),
        (["--service", "all"], "--all"),
        (["--vm", "web-*"], "--where 'label =~ \"web-.*\"'"),
        (["--vm", "vm-4001,vm-4002"], '--where \'label in ["vm-4001", "vm-4002"]\''),
        (["--service", "Cloud 1"], "--where 'service.name == \"Cloud 1\"'"),
        (["--service", "Cloud*"], "--where 'service.name =~ \"Cloud.*\"'"),
        (["--vm", "my vm"], "--where 'label == \"my vm\"'"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--ignore-missing"]], ids=["", "ignore"])
def test_what_is_no_id_is_refused_before_any_request_and_what_to_type_is_understood(
    run: Run, panel: Sandbox, words: list[str], typed: str, more: list[str]
) -> None:
    refused = run("fleet", "stop", "--yes", *words, *more)
    assert refused.exit_code == 2
    assert f"write {typed}" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert panel.requests == []
    assert run("fleet", "stop", "--dry-run", *shlex.split(typed)).exit_code in (0, 8)


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["--vm", "web-1"], "--where 'label == \"web-1\"'"),
        (["--vm", "vm-4001", "--vm", "4002"], "--where 'label == \"vm-4001\"'"),
        (["--vm", "33301/vm-4001"], "--where 'label == \"vm-4001\"'"),
        (["--service", "shop"], "--where 'service.name == \"shop\"'"),
        (["--vm", "shop/4001"], "--where 'service.name == \"shop\"'"),
        (["--service", "33301", "--service", "shop"], "--where 'service.name == \"shop\"'"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--ignore-missing"]], ids=["", "ignore"])
def test_a_name_in_the_place_of_an_id_is_refused_also_where_missing_ids_are_ignored(
    run: Run, panel: Sandbox, words: list[str], typed: str, more: list[str]
) -> None:
    refused = run("fleet", "stop", "--yes", *words, *more)
    assert refused.exit_code == 2
    assert f"write {typed}" in refused.stderr
    assert panel.effects == {}


def test_an_id_of_digits_that_does_not_exist_can_still_be_ignored(run: Run, panel: Sandbox) -> None:
    assert run("fleet", "stop", "--yes", "--vm", "77", "--vm", "4001", "--ignore-missing").exit_code == 0
    assert [vm.id for vm in panel.services["33301"].vms.values() if vm.power != "running"] == ["4001"]


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_exclusion_is_left_out_or_given(run: Run, panel: Sandbox, blank: str) -> None:
    refused = run("fleet", "stop", "--all", "--yes", "--exclude", blank)
    assert refused.exit_code == 2
    assert "--exclude is empty, which leaves no VM alone; leave it out, or" in refused.stderr
    assert "ALL" not in refused.stderr
    assert panel.requests == []


@pytest.mark.parametrize("option", ["--where", "--exclude"])
def test_a_condition_of_other_habits_is_refused_with_the_whole_of_what_to_write(
    run: Run, panel: Sandbox, option: str
) -> None:
    scope = [] if option == "--where" else ["--all"]
    for typed, meant in {
        "state=running": 'power == "running"',
        "ram >= 4G": "memory >= 4096",
        'label == "vm-40*"': 'label =~ "vm-40.*"',
    }.items():
        refused = run("fleet", "stop", "--yes", *scope, option, typed)
        assert refused.exit_code == 2
        assert refused.stderr.startswith(f"aioseflow: {option}: ")
        assert meant in refused.stderr
        assert run("fleet", "plan", "stop", *scope, option, meant).exit_code in (0, 8)
    assert panel.effects == {}


def test_labels_are_ids_where_a_panel_calls_them_so(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=1)
    [vm] = panel.services["33301"].vms.values()
    panel.services["33301"].vms = {"kvm-a": vm}
    vm.id = "kvm-a"
    assert run("fleet", "stop", "--yes", "--vm", "kvm-a").exit_code == 0
    assert "not found" in run("fleet", "stop", "--yes", "--vm", "kvm-b").stderr

"""What is shown before a change is confirmed, and that it is this that is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.terminals import Result, Terminal, visible

from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody is at a terminal, and says yes; these are the plans that were shown."""
    asked: list[str] = []
    monkeypatch.setattr("aioseflow.cli.terminal.can_ask", lambda: True)
    monkeypatch.setattr("aioseflow.cli.fleet.execute.confirm", lambda plan, _: asked.append(plan))
    return asked


def test_a_terminal_is_shown_the_plan_and_then_it_is_run(spawn: Spawn, panel: Sandbox) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    terminal = spawn("fleet", "stop", "--all", "--no-wait")
    asked = visible(terminal.expect("Proceed? [y/N] "))
    assert "Stop 5 of 6 VMs in 2 services of " in asked
    assert "  1 already stopped: vm-4002" in asked
    assert max(map(len, asked.splitlines())) <= 80
    assert panel.effects == {}
    terminal.type("y\n")
    code, written = terminal.finish()
    assert code == 0
    assert "unchanged" in visible(written)
    assert panel.effect_count("stop") == 5


def test_a_plan_of_many_reasons_and_names_fits_the_terminal(spawn: Spawn, panels: Panels) -> None:
    panel = panels(services=4, vms_per_service=30)
    for service in panel.services.values():
        service.name = "a service with a name that is far longer than any label of it would ever need"
        for vm in list(service.vms.values())[::3]:
            vm.power = "stopped"
    terminal = spawn("fleet", "reboot", "--all", columns=60)
    asked = visible(terminal.expect("Proceed? [y/N] "))
    assert "  40 not running:" in asked
    assert max(map(len, asked.splitlines())) <= 60


def test_a_no_sends_nothing(spawn: Spawn, panel: Sandbox) -> None:
    terminal = spawn("fleet", "reboot", "--vm", "33301/4001")
    terminal.expect("Reboot 1 of 1 VM in 1 service of ")
    terminal.expect("Proceed? [y/N] ")
    terminal.type("n\n")
    code, written = terminal.finish()
    assert code == 1
    assert "not confirmed; nothing was sent" in written
    assert panel.effects == {}


@pytest.mark.usefixtures("quick_settling")
def test_a_confirmed_plan_keeps_its_options_and_its_note(
    run: Run, panel: Sandbox, answered: list[str]
) -> None:
    done = run(
        "fleet", "stop", "--where", 'service.id == "33301"', "--exclude", 'id == "4002"', "--note", "x"
    )
    assert done.exit_code == 0
    assert "1 excluded: vm-4002" in answered[0]
    assert {key for key, counter in panel.effects.items() if counter["stop"]} == {
        ("33301", "4001"),
        ("33301", "4003"),
    }
    # A stop that is not waited for would have said so.
    assert "not verified" not in done.stdout
    assert '"note": "x"' in run("fleet", "runs", "--output", "json").stdout


def test_what_moved_since_the_plan_is_named_and_nothing_is_sent(
    run: Run, panel: Sandbox, answered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vms = panel.services["33301"].vms

    def meanwhile(plan: str, _: str) -> None:
        vms["4001"].power = "stopped"
        del vms["4003"]

    monkeypatch.setattr("aioseflow.cli.fleet.execute.confirm", meanwhile)
    refused = run("fleet", "stop", "--all")
    assert (refused.exit_code, refused.stdout) == (7, "")
    *_, said = refused.stderr.splitlines()
    assert said.startswith("aioseflow: VMs changed since the plan, so nothing was sent: ")
    assert "VM 4001 of service 33301: was running, is stopped" in said
    assert "VM 4003 of service 33301: is gone" in said
    assert panel.effects == {}


def test_vms_that_appear_after_the_question_are_left_alone(
    run: Run, panel: Sandbox, answered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = panel.services["33301"].vms.pop("4001")

    def meanwhile(plan: str, _: str) -> None:
        panel.services["33301"].vms["4001"] = kept

    monkeypatch.setattr("aioseflow.cli.fleet.execute.confirm", meanwhile)
    assert run("fleet", "reboot", "--all").exit_code == 0
    assert panel.effect_count("reboot") == 5


def test_what_the_plan_could_not_list_is_told_and_never_ok(
    run: Run, panels: Panels, answered: list[str]
) -> None:
    panel = panels(faults=[Fault("error", path="/service/33302/vms", codes=("broken",))])
    done = run("fleet", "reboot", "--all")
    assert done.exit_code == 4
    assert "Not included (could not be listed):" in answered[0]
    said = " ".join(answered[0].split())
    assert re.search(r"service 33302 \(demo@example.com at [^)]*\): broken: The panel refused", said)
    assert "33302" in done.stdout
    assert "To continue" not in done.stderr
    assert panel.effect_count("reboot") == 3


@pytest.mark.parametrize(
    "words", [("fleet", "reboot", "--all", "--dry-run"), ("fleet", "plan", "reboot", "--all")]
)
def test_a_dry_run_says_why_a_service_could_not_be_listed_and_which_have_no_vms(
    run: Run, panels: Panels, words: tuple[str, ...]
) -> None:
    panels(services_without_vms=2, faults=[Fault("html", path="/service/33302/vms", status=404)])
    done = run(*words)
    assert done.exit_code == 4
    said = " ".join(done.stdout.split())
    assert re.search(r"service 33302 \(demo@example.com at [^)]*\): gateway_error: A machine in", said)
    assert "No VMs in 2 services: " in said
    document = json.loads(run(*words, "--output", "json").stdout)
    (lost,) = document["lost"]
    assert (lost["service_id"], lost["cause"]) == ("33302", "gateway_error")
    assert lost["message"].startswith("A machine in front")
    assert [found["why"] for found in document["without_vms"]] == ["no_such_route"] * 2


def test_a_plan_of_a_later_version_is_refused_in_one_sentence(
    run: Run, panel: Sandbox, tmp_path: Path
) -> None:
    document = json.loads(run("fleet", "plan", "reboot", "--all", "--output", "json").stdout)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(document | {"version": 3}), encoding="utf-8")
    refused = run("fleet", "apply", str(file), "--yes")
    assert refused.exit_code == 2
    assert "it is of version 3, and only versions 1 and 2 can be read; make it anew" in " ".join(
        refused.stderr.split()
    )
    assert panel.effects == {}


def test_a_service_without_vms_is_what_was_selected(run: Run, panels: Panels, answered: list[str]) -> None:
    panel = panels(services_without_vms=1)
    hosting = list(panel.services)[-1]
    refused = run("fleet", "reboot", "--service", hosting)
    assert (refused.exit_code, refused.stdout, answered) == (8, "", [])
    assert "no VMs selected: no VMs in 1 service: " in refused.stderr


def test_where_nothing_could_be_listed_nothing_is_asked(
    run: Run, panels: Panels, answered: list[str]
) -> None:
    panels(services=1, faults=[Fault("error", path="/service/33301/vms", codes=("broken",))])
    refused = run("fleet", "reboot", "--all")
    assert (refused.exit_code, refused.stdout, answered) == (4, "", [])
    assert "nothing was sent; not listed: service 33301" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--vm", "77"], 2, "not found, so nothing was sent: VM 77; ignore them with --ignore-missing"),
        (["--where", 'id == "77"'], 8, "no VMs selected: no such VM was found"),
        (["--all", "--exclude", 'id != "77"'], 8, "no VMs selected: all 6 are excluded or protected"),
        (["--all", "--max-targets", "5"], 5, "--max-targets allows 5, and 6 VMs are selected"),
        (["--all", "--max-targets", "50%"], 5, "--max-targets allows 50%"),
    ],
)
def test_what_could_not_be_run_is_not_asked(
    run: Run, panel: Sandbox, answered: list[str], words: list[str], code: int, sentence: str
) -> None:
    refused = run("fleet", "reboot", *words)
    assert (refused.exit_code, refused.stdout, answered) == (code, "", [])
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert panel.effects == {}


def test_a_question_that_needs_a_login_fails_with_it(
    run: Run, panel: Sandbox, answered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    assert run("fleet", "reboot", "--all").exit_code == 6
    assert answered == []

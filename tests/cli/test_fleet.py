"""`aioseflow fleet`: many VMs at once."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import orjson
import pytest
from cli.terminals import Result, Terminal, process, visible

from aioseflow.fleet.select.syntax import compile_expression
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.sandbox.machines import Vm

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

_HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]\u202eevil<script>"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "no VMs selected; use --service, --vm or --where, or --all for the whole fleet"),
        (["--all", "--service", "33301"], "--all selects every VM; leave out --service"),
        (["--all", "--vm", "4001"], "--all selects every VM"),
        (["--vm", "4001", "--vm", "33301/4002"], "either every --vm as SERVICE/VM"),
        (["--service", "33301", "--vm", "33302/4004"], "names the service already"),
        (["--all", "--where", 'power == "running"'], "--all selects every VM"),
        (["--where", "locked", "--vm", "33302/4004"], "with --where, write every --vm as an id alone"),
        (["--exclude", "locked"], "no VMs selected"),
        (["--where", ""], "--where is empty, which never selects every VM; use --all"),
        (["--where", 'pwer == "running"'], "--where: there is no field pwer; did you mean power?"),
        (["--all", "--exclude", "memory >= "], "--exclude: "),
        (
            ["--all", "--max-targets", "x"],
            "--max-targets takes a number of VMs (3) or a percentage (12.5%), not 'x'",
        ),
        (["--all", "--max-targets", "0"], "--max-targets takes at least 1, not 0"),
        (["--all", "--max-targets", "101%"], "--max-targets takes at most 100%"),
    ],
)
@pytest.mark.parametrize("action", ["stop", "start", "reboot", "usage"])
def test_a_selection_must_be_said_and_make_sense(
    run: Run, panel: Sandbox, action: str, words: list[str], sentence: str
) -> None:
    refused = run("fleet", action, "--yes", *words)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert sentence in refused.stderr
    assert panel.requests == []


@pytest.mark.parametrize("action", ["stop", "start", "reboot"])
def test_without_a_terminal_a_change_needs_yes(run: Run, panel: Sandbox, action: str) -> None:
    refused = run("fleet", action, "--all")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert panel.requests == []


@pytest.mark.parametrize(
    ("words", "hit"),
    [
        (["--all"], {"4001", "4002", "4003", "4004", "4005", "4006"}),
        (["--service", "33302"], {"4004", "4005", "4006"}),
        (["--vm", "4002", "--vm", "4006"], {"4002", "4006"}),
        (["--service", "33301", "--vm", "4002"], {"4002"}),
        (["--vm", "33301/4001", "--vm", "33302/4005"], {"4001", "4005"}),
        (["--where", 'service.id == "33302" and id != "4005"'], {"4004", "4006"}),
        (["--where", "id.to_int >= 4002", "--service", "33301", "--vm", "4001", "--vm", "4003"], {"4003"}),
        (["--all", "--exclude", 'service.name == "Cloud 1"'], {"4004", "4005", "4006"}),
        (["--all", "--max-targets", "6"], {"4001", "4002", "4003", "4004", "4005", "4006"}),
        (["--service", "33301", "--max-targets", "50%"], {"4001", "4002", "4003"}),
    ],
)
def test_what_is_selected_is_what_is_rebooted(
    run: Run, panel: Sandbox, words: list[str], hit: set[str]
) -> None:
    done = run("fleet", "reboot", "--yes", *words)
    assert done.exit_code == 0
    assert {vm for (_, vm), counter in panel.effects.items() if counter["reboot"] == 1} == hit
    assert panel.effect_count("reboot") == len(hit)


@pytest.mark.usefixtures("quick_settling")
def test_a_stop_is_waited_for_and_told_on_a_page(run: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    done = run("fleet", "stop", "--all", "--yes")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Stopped 5 VMs; 1 was off already."
    assert "5 changed, 1 unchanged, 0 failed, 0 unknown, 0 not attempted" in lines
    assert any(line.startswith("undo: aioseflow fleet restore 2") for line in lines)
    assert "stop: 6 of 6 done" in done.stderr
    assert all(vm.power == "stopped" for service in panel.services.values() for vm in service.vms.values())


def test_a_start_need_not_be_waited_for(run: Run, panels: Panels) -> None:
    panel = panels(stopped_share=1.0)
    done = run("fleet", "start", "--all", "--yes", "--no-wait")
    assert done.exit_code == 0
    assert "6 accepted by the panel, not verified" in done.stdout
    assert panel.effect_count("start") == 6


def test_failures_are_grouped_by_cause_and_name_vms(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=9)
    vms = panel.services["33301"].vms
    for vm_id in ("4001", "4002", "4003", "4004", "4005", "4006"):
        vms[vm_id].power = "transitional"
    vms["4007"].power = "stopped"
    done = run("fleet", "reboot", "--all", "--yes")
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    assert lines[0] == "Rebooted 2 of 9 VMs; skipped 1 that is off. 6 failed."
    at = lines.index("failed, vm_locked: 6 VMs")
    assert lines[at + 1 : at + 3] == [
        "    vm-[4001-4006]",
        "    e.g. The panel refused: vm_locked",
    ]
    assert "skipped, not_running: 1 VM" in lines
    assert any(line.startswith("  - aioseflow fleet retry 2") for line in lines)


def test_unknown_outranks_failed(run: Run, panels: Panels) -> None:
    panel = panels(faults=[Fault("reset", method="POST", vm="4003", when="after")])
    panel.services["33301"].vms["4001"].power = "transitional"
    done = run("fleet", "reboot", "--all", "--yes")
    assert done.exit_code == 4
    assert "unknown, lost_answer: 1 VM" in done.stdout


def test_a_service_that_could_not_be_listed_is_named_and_is_unknown(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("error", path="/service/33302/vms", codes=("broken",))])
    done = run("fleet", "usage", "--all")
    assert done.exit_code == 4
    assert "not included in these numbers:" in done.stdout
    assert "    service 33302 (Cloud 2) of demo@example.com" in done.stdout


def test_usage_tells_sizes_and_never_the_html(run: Run, panel: Sandbox) -> None:
    done = run("fleet", "usage", "--vm", "4001")
    assert done.exit_code == 0
    head, row, *_ = done.stdout.splitlines()
    assert re.split(" {2,}", head) == ["service", "VM", "label", "cpu graph", "net graph", "disk graph"]
    assert row.split()[:3] == ["33301", "4001", "vm-4001"]
    assert all(int(size) > 100 for size in row.split()[3:])
    assert "<" not in done.stdout


def test_the_report_is_available_as_json(run: Run, panel: Sandbox) -> None:
    done = run("fleet", "usage", "--all", "--output", "json")
    report = orjson.loads(done.stdout)
    assert report["ok"] is True
    assert report["counts"]["unchanged"] == report["targets"] == len(report["outcomes"]) == 6
    assert {outcome["value"]["cpu"]["kind"] for outcome in report["outcomes"]} == {"cpu"}


def test_an_empty_fleet_is_nothing_selected(run: Run, panels: Panels) -> None:
    panels(services=1, vms_per_service=0)
    assert run("fleet", "stop", "--all", "--yes").exit_code == 8


def test_an_id_that_does_not_exist_stops_everything(run: Run, panel: Sandbox) -> None:
    refused = run("fleet", "stop", "--vm", "4001", "--vm", "77", "--yes")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "not found, so nothing was sent: VM 77" in refused.stderr
    assert panel.effects == {}


def test_a_refused_login_has_its_own_code(run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    refused = run("fleet", "usage", "--all")
    assert (refused.exit_code, refused.stdout) == (6, "")


def test_what_was_done_before_a_run_broke_is_told(
    run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, target: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr("aioseflow.fleet.run.state.RunState.begin", broken)
    ended = run("fleet", "usage", "--all")
    assert ended.exit_code == 1
    assert "not attempted" in ended.stdout
    assert "this is a bug in aioseflow: ZeroDivisionError: a mistake" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_label_or_name_reaches_the_terminal_raw(
    run: Run, panels: Panels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vm, "label", property(lambda _: _HOSTILE + "x" * 10_000))
    panel = panels(services=2, faults=[Fault("error", path="/service/33302/vms", codes=("b\x1b[2Jad",))])
    panel.services["33302"].name = _HOSTILE
    panel.services["33301"].vms["4001"].power = "transitional"
    for words in (["reboot", "--yes"], ["usage"], ["usage", "--output", "json"]):
        done = run("fleet", *words, "--all")
        for written in (done.stdout, done.stderr):
            assert all(character.isprintable() or character == "\n" for character in written)
        if "json" not in words:
            assert max(map(len, done.stdout.splitlines())) <= 100
            assert "]0;owned" in done.stdout


def joined(written: str) -> str:
    """What was written, in one line."""
    return " ".join(visible(written).split())


def _run_id(written: str) -> str:
    [run_id] = re.findall(r"^run (\S+),", visible(written), re.MULTILINE)
    return str(run_id)


def test_the_first_ctrl_c_drains_and_the_page_is_printed(spawn: Spawn, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=120, faults=[Fault("latency", method="POST", seconds=0.4)])
    terminal = spawn("fleet", "reboot", "--all", "--yes")
    terminal.expect("in flight")
    terminal.until(lambda: panel.count(method="POST") > 0)  # an intent may be under way before
    terminal.type("\x03")
    terminal.expect("Interrupted: finishing what was sent")
    code, written = terminal.finish()
    assert code == 130
    assert "not attempted, drained: " in visible(written)
    done = panel.effect_count("reboot")
    assert 0 < done < 120
    assert f"{done} changed, " in visible(written)
    assert f"- aioseflow fleet resume {_run_id(written)} continues with the " in joined(written)


def test_the_second_ctrl_c_cancels_and_what_was_sent_is_unknown(spawn: Spawn, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=120, faults=[Fault("hang", method="POST", when="after")])
    terminal = spawn("fleet", "reboot", "--all", "--yes")
    terminal.expect("in flight, 72")
    terminal.until(lambda: panel.count(method="POST") > 0)  # an intent may be under way before
    terminal.type("\x03")
    terminal.expect("Interrupted: finishing what was sent")
    terminal.type("\x03")
    terminal.expect("Stopping now")
    code, written = terminal.finish()
    assert code == 130
    sent = panel.count(method="POST")
    assert 0 < sent <= 32
    told = visible(written)
    assert told.count("aioseflow fleet resume") == 1
    assert f"{sent} unknown, {120 - sent} not attempted" in told
    assert f"unknown, cancelled: {sent} VM" in told


def test_a_terminated_run_drains_and_tells_what_it_did(panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=120, faults=[Fault("latency", method="POST", seconds=0.5)])
    running = process("fleet", "reboot", "--all", "--yes")
    while not panel.count(method="POST"):
        assert running.poll() is None
        time.sleep(0.01)  # the panel is in a thread of this process, which needs the interpreter
    os.kill(running.pid, signal.SIGTERM)
    out, words = running.communicate(timeout=30)
    assert running.returncode == 130
    assert b"Interrupted" in words
    assert b"drained" in out


def test_a_run_goes_on_when_nobody_reads_any_more(panel: Sandbox) -> None:
    running = process("fleet", "reboot", "--all", "--yes")
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    running.stderr.close()
    assert running.wait(30) == 0
    assert panel.effect_count("reboot") == 6


def test_the_fields_that_the_help_names_are_fields(run: Run) -> None:
    told = " ".join(run("fleet", "--help").stdout.split())
    [names] = re.findall(r"compares fields: (.*?) and the rest", told)
    for name in names.split(", "):
        compile_expression(f"{name} == {name}", "where")

"""Runs that were: told, compared, tried again, undone and reconciled."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own
from cli.terminals import Result, Terminal, visible

from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

pytestmark = pytest.mark.usefixtures("quick_settling")


@pytest.fixture
def troubled(run: Run, panels: Panels) -> Sandbox:
    """A reboot that left four VMs locked, one off and one unknown."""
    panel = panels(
        services=2, vms_per_service=5, faults=[Fault("reset", method="POST", vm="4008", when="after")]
    )
    for service, vm in (("33301", "4001"), ("33301", "4002"), ("33302", "4006"), ("33302", "4007")):
        panel.services[service].vms[vm].power = "transitional"
    panel.services["33301"].vms["4003"].power = "stopped"
    assert run("fleet", "reboot", "--all", "--yes").exit_code == 4
    panel.faults.clear()
    return panel


def _newest(run: Run) -> dict[str, Any]:
    newest: dict[str, Any] = orjson.loads(run("fleet", "runs", "--output", "json").stdout)[0]
    return newest


def test_status_tells_a_run_and_ends_as_it_did_without_asking_anybody(run: Run, troubled: Sandbox) -> None:
    asked = len(troubled.requests)
    run_id = _newest(run)["run_id"]
    told = run("fleet", "status", run_id)
    assert (told.exit_code, told.stderr) == (4, "")
    assert told.stdout.startswith("Rebooted 4 of 10 VMs; skipped 1 that is off. 4 failed, 1 unknown.\n")
    assert f"  - aioseflow fleet reconcile {run_id} checks" in told.stdout
    assert len(troubled.requests) == asked


def test_status_needs_no_account(run: Run, troubled: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEFLOW_PASSWORD")
    monkeypatch.delenv("SEFLOW_USERNAME")
    assert run("fleet", "status", "last").exit_code == 4
    assert run("fleet", "failures", "last").exit_code == 4
    assert run("fleet", "diff", "last", "last").exit_code == 0


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_report_as_data_is_whole(run: Run, troubled: Sandbox, form: str) -> None:
    read = {"json": orjson.loads, "yaml": yaml.safe_load}[form]
    report = read(run("fleet", "status", "last", "--output", form).stdout)
    assert report["counts"] == {"changed": 4, "unchanged": 0, "failed": 4, "unknown": 1, "not_attempted": 1}
    assert len(report["outcomes"]) == report["targets"] == 10


def test_outcomes_are_lines_of_json_or_rows(run: Run, troubled: Sandbox) -> None:
    lines = run("fleet", "status", "last", "-o", "jsonl").stdout.splitlines()
    assert {orjson.loads(line)["status"] for line in lines} == {
        "changed",
        "failed",
        "unknown",
        "not_attempted",
    }
    text = run("fleet", "status", "last", "-o", "csv", "--columns", "vm_id,status", "--sort", "vm_id").stdout
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["vm_id", "status"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(4001, 4011)]
    refused = run("fleet", "status", "last", "--columns", "vm_di")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "did you mean vm_id?" in refused.stderr


def test_failures_say_one_cause_and_then_who(run: Run, troubled: Sandbox) -> None:
    told = run("fleet", "failures", "last")
    assert told.exit_code == 4
    lines = told.stdout.splitlines()
    assert lines[:2] == ["unknown, lost_answer: 1 VM", "    33302 Cloud 2: vm-4008"]
    assert lines[lines.index("") :] == [
        "",
        "failed, vm_locked: 4 VMs",
        "    33301 Cloud 1: vm-[4001-4002]",
        "    33302 Cloud 2: vm-[4006-4007]",
        "    The panel refused: vm_locked",
        "",
        "skipped, not_running: 1 VM",
        "    33301 Cloud 1: vm-4003",
    ]
    rows = orjson.loads(run("fleet", "failures", "last", "-o", "json", "--columns", "vm_id,cause").stdout)
    assert len(rows) == 6
    assert {"vm_id": "4003", "cause": "not_running"} in rows


def test_where_nothing_failed_that_is_said(run: Run, panel: Sandbox) -> None:
    run("fleet", "usage", "--all")
    told = run("fleet", "failures", "last")
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr.endswith("No failures.\n")


def test_a_retry_shows_its_plan_and_is_a_child(spawn: Spawn, run: Run, troubled: Sandbox) -> None:
    parent = _newest(run)["run_id"]
    for service, vm in (("33301", "4001"), ("33301", "4002"), ("33302", "4006")):
        troubled.services[service].vms[vm].power = "running"
    terminal = spawn("fleet", "retry", "last", "--no-not-attempted")
    asked = visible(terminal.expect("Proceed? [y/N] "))
    assert "Reboot 3 of 4 VMs in 2 services" in asked
    terminal.type("y\n")
    terminal.finish()
    newest = _newest(run)
    assert (newest["parent"], newest["targets"], newest["counts"]["changed"]) == (parent, 4, 3)
    assert troubled.repeated("reboot") == {}
    difference = run("fleet", "diff", parent, "last")
    assert difference.exit_code == 0
    assert "3 fixed, 0 broken, 1 still bad" in difference.stdout
    rows = orjson.loads(run("fleet", "diff", parent, "last", "-o", "json").stdout)
    assert [row["what"] for row in rows] == ["fixed"] * 3 + ["still_bad"] + ["only_before"] * 6
    assert rows[0] | {"vm_id": "", "vm_label": ""} == {
        "account": rows[0]["account"],
        "service_id": "33301",
        "vm_id": "",
        "vm_label": "",
        "what": "fixed",
        "before": "failed",
        "after": "changed",
        "cause": None,
    }


def test_without_a_terminal_a_retry_needs_yes(run: Run, troubled: Sandbox) -> None:
    asked = len(troubled.requests)
    refused = run("fleet", "retry", "last")
    assert refused.exit_code == 2
    assert "fleet retry" in refused.stderr
    assert len(troubled.requests) == asked


def test_a_restore_starts_exactly_what_was_stopped(run: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    assert run("fleet", "stop", "--service", "33301", "--yes").exit_code == 0
    planned = run("fleet", "restore", "last", "--dry-run")
    assert planned.exit_code == 0
    assert "Start 2 of 2 VMs in 1 service" in planned.stdout
    assert panel.effect_count("start") == 0
    assert run("fleet", "restore", "last", "--yes", "--batch", "1").exit_code == 0
    assert {key for key, effects in panel.effects.items() if effects["start"]} == {
        ("33301", "4001"),
        ("33301", "4003"),
    }


def test_a_reconcile_tells_each_unknown_with_its_evidence(run: Run, panels: Panels) -> None:
    panel = panels(
        services=1, vms_per_service=3, faults=[Fault("reset", method="POST", vm="4001", when="after")]
    )
    assert run("fleet", "reboot", "--all", "--yes").exit_code == 4
    panel.faults.clear()
    sent = panel.count(method="POST")
    told = run("fleet", "reconcile", "last")
    assert told.exit_code in (0, 4)
    assert told.stdout.startswith("vm-4001 (33301/4001): ")
    rows = orjson.loads(run("fleet", "reconcile", "last", "-o", "json").stdout)
    assert all(row["verdict"] in ("done", "not_done", "cannot_tell") for row in rows)
    assert panel.count(method="POST") == sent
    refused = run("fleet", "reconcile", "last", "--grace", "soon")
    assert (refused.exit_code, "--grace takes a time such as" in refused.stderr) == (2, True)


def test_last_is_the_newest_run_and_says_which(run: Run, panel: Sandbox) -> None:
    nothing = run("fleet", "status", "last")
    assert (nothing.exit_code, nothing.stdout) == (8, "")
    assert "there are no runs in " in nothing.stderr
    run("fleet", "usage", "--all")
    told = run("fleet", "status", "last")
    assert told.stderr.startswith(f"last is {_newest(run)['run_id']}: usage, ")

"""Plans on paper, plans from files, sizes, the end of VMs, and outcomes as they come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cli.terminals import Result, Terminal, process, visible
from typer.testing import CliRunner

from aioseflow.cli.app import app
from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

pytestmark = pytest.mark.usefixtures("quick_settling")


@pytest.mark.parametrize("words", [["plan", "stop", "--all"], ["stop", "--all", "--dry-run"]])
def test_a_dry_run_is_a_plan_on_stdout_that_nobody_has_to_confirm(
    run: Run, panel: Sandbox, words: list[str]
) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    told = run("fleet", *words)
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.startswith("Stop 5 of 6 VMs in 2 services of ")
    assert "  1 already stopped: vm-4002" in told.stdout
    assert panel.effects == {}
    assert panel.count(method="POST") == 0


def test_a_plan_is_rows_of_vms_where_these_are_asked_for(run: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    lines = run(
        "fleet", "plan", "stop", "--service", "33301", "-o", "jsonl", "--columns", "vm_id,do,why_not"
    ).stdout.splitlines()
    rows = sorted((orjson.loads(line) for line in lines), key=lambda row: str(row["vm_id"]))
    assert rows == [
        {"vm_id": "4001", "do": "stop", "why_not": None},
        {"vm_id": "4002", "do": None, "why_not": "already_stopped"},
        {"vm_id": "4003", "do": "stop", "why_not": None},
    ]


def test_a_plan_that_finds_nothing_says_so_by_its_code(run: Run, panel: Sandbox) -> None:
    assert run("fleet", "plan", "stop", "--where", 'id == "77"').exit_code == 8


def test_a_plan_from_a_file_is_done_exactly(run: Run, panel: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(run("fleet", "plan", "reboot", "--service", "33301", "--output", "json").stdout)
    assert run("fleet", "apply", str(file)).exit_code == 2
    shown = run("fleet", "apply", str(file), "--dry-run")
    assert shown.stdout.startswith("Reboot 3 of 3 VMs")
    assert panel.effects == {}
    done = run("fleet", "apply", str(file), "--yes", "--note", "from a file")
    assert done.exit_code == 0
    assert panel.effect_count("reboot") == 3
    assert orjson.loads(run("fleet", "runs", "-o", "json").stdout)[0]["note"] == "from a file"


def test_a_plan_that_is_stale_has_a_code_of_its_own(run: Run, panel: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(run("fleet", "plan", "stop", "--all", "-o", "json").stdout)
    panel.services["33301"].vms["4001"].power = "stopped"
    refused = run("fleet", "apply", str(file), "--yes")
    assert (refused.exit_code, panel.effects) == (7, {})
    assert "VM 4001 of service 33301: was running, is stopped" in refused.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{}", 'its "format" is not "aioseflow plan"'),
        ("x\x1b[2J", "it is not JSON"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence(
    run: Run, panel: Sandbox, tmp_path: Path, content: str | None, sentence: str
) -> None:
    file = tmp_path / "plan.json"
    if content is not None:
        file.write_text(content)
    refused = run("fleet", "apply", str(file), "--yes")
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert sentence in refused.stderr
    assert panel.requests == []


def test_a_plan_of_another_account_is_not_run(run: Run, panels: Panels, tmp_path: Path) -> None:
    panels()
    file = tmp_path / "plan.json"
    file.write_text(run("fleet", "plan", "stop", "--all", "-o", "json").stdout)
    other = panels()
    refused = run("fleet", "apply", str(file), "--yes")
    assert (refused.exit_code, other.requests) == (2, [])
    assert "name its account with --profile" in refused.stderr


def test_a_resize_gives_what_was_asked(run: Run, panel: Sandbox) -> None:
    vms = panel.services["33301"].vms
    vms["4002"].memory = 4096
    done = run("fleet", "resize", "--memory", "4096", "--service", "33301", "--yes")
    assert done.exit_code == 0
    assert {vm.memory for vm in vms.values()} == {4096}
    assert "2 changed, 1 unchanged" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["resize", "--all"], "nothing to resize to; give --memory, --cpu, --cpu-share"),
        (["resize", "--all", "--memory", "0"], "--memory takes a whole number of at least 1, not 0"),
        (["plan", "stop", "--all", "--memory", "1"], "are for resize, not for stop"),
        (["stop", "--all", "--canary", "0"], "--canary takes at least 1, not 0"),
        (
            ["stop", "--all", "--batch", "10%", "--batch", "x"],
            "--batch takes a number of VMs (3) or a percentage (12.5%), not 'x'",
        ),
        (["stop", "--all", "--max-failures", "-1"], "--max-failures takes a number of VMs (3)"),
        (["stop", "--all", "--max-unavailable", "101%"], "--max-unavailable takes at most 100%"),
        (["stop", "--all", "--deadline", "soon"], "--deadline takes a time such as"),
        (["stop", "--all", "--deadline", "0"], "--deadline takes more than 0 seconds"),
        (["stop", "--all", "--pause", "5 minutes"], "--pause takes a time such as"),
        (["stop", "--all", "-o", "csv", "--columns", "nmae"], "no column nmae"),
        (
            ["stop", "--all", "-o", "jsonl", "--sort", "vm_id"],
            "jsonl writes each line at once and cannot be sorted",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    run: Run, panel: Sandbox, words: list[str], sentence: str
) -> None:
    refused = run("fleet", *words, *([] if words[0] == "plan" else ["--yes"]))
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert sentence in refused.stderr
    assert panel.requests == []


def test_a_destroy_asks_for_the_number(spawn: Spawn, panel: Sandbox) -> None:
    for typed, code in (("y", 1), ("6", 1), ("2", 0)):
        terminal = spawn("fleet", "destroy", "--vm", "33301/4001", "--vm", "33302/4004")
        asked = visible(terminal.expect("to confirm: "))
        assert "Destroy 2 of 2 VMs in 2 services" in asked
        assert "Type 2, their number," in asked
        terminal.type(f"{typed}\n")
        ended, written = terminal.finish()
        assert ended == code, written
        assert panel.effect_count("destroy") == (2 if code == 0 else 0)


def test_a_destroy_without_a_terminal_needs_yes(run: Run, panel: Sandbox) -> None:
    assert run("fleet", "destroy", "--vm", "33301/4001").exit_code == 2
    assert panel.requests == []
    assert run("fleet", "destroy", "--vm", "33301/4001", "--yes").exit_code == 0
    assert list(panel.services["33301"].vms) == ["4002", "4003"]


def test_where_all_is_so_already_nothing_is_asked(spawn: Spawn, panels: Panels) -> None:
    panel = panels(stopped_share=1.0)
    terminal = spawn("fleet", "stop", "--all")
    code, written = terminal.finish()
    assert (code, panel.effects) == (0, {})
    assert "0 changed, 6 unchanged" in visible(written)


def test_a_threshold_stops_the_run_with_a_code_of_its_own(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=20, faults=[Fault("error", method="POST", codes=("broken",))])
    stopped = run("fleet", "reboot", "--all", "--yes", "--max-failures", "2", "--per-service", "1")
    assert stopped.exit_code == 5
    assert "not attempted, max_failures: " in stopped.stdout
    assert panel.count(method="POST") < 20
    assert " continues with the " in stopped.stdout
    assert "resume" not in stopped.stderr


def test_outcomes_are_written_while_the_run_lasts(panels: Panels) -> None:
    panels(services=1, vms_per_service=3, faults=[Fault("hang", method="POST", vm="4002")])
    running = process("fleet", "reboot", "--all", "--yes", "--output", "jsonl")
    assert running.stdout is not None
    lines = [orjson.loads(running.stdout.readline()) for _ in range(2)]
    assert running.poll() is None
    assert {line["vm_id"] for line in lines} == {"4001", "4003"}
    assert {line["status"] for line in lines} == {"changed"}
    running.kill()
    running.communicate()


def test_a_reader_that_reads_nothing_does_not_stop_the_run(panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=400)
    running = process("fleet", "reboot", "--all", "--yes", "--output", "jsonl")
    assert running.stderr is not None
    line = b""
    while b"400 of 400 done" not in line:
        line = running.stderr.readline()
        assert line
    assert panel.effect_count("reboot") == 400
    assert running.poll() is None
    out, _ = running.communicate()
    assert (running.returncode, out.count(b"\n")) == (0, 400)


def test_a_reader_that_went_away_does_not_stop_it_either(panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=50)
    running = process("fleet", "reboot", "--all", "--yes", "--output", "jsonl")
    head = subprocess.run(
        [sys.executable, "-c", "input()"], stdin=running.stdout, capture_output=True, check=True
    )
    assert head.returncode == 0
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None
    running.communicate()
    assert (running.returncode, panel.effect_count("reboot")) == (0, 50)


def test_a_plan_on_standard_input_that_is_not_text_is_refused(panel: Sandbox) -> None:
    refused = CliRunner().invoke(app, ["fleet", "apply", "-", "--yes"], input=b"\xff\xfe")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "aioseflow: - is no plan: it is not text\n"

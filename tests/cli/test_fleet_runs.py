"""Every run is kept in a journal, and one that was interrupted goes on."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.terminals import Result, Terminal, process, visible

from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

_GO_ON = re.compile(r"^(?:To continue:|  -) aioseflow fleet resume (\S+)", re.MULTILINE)


def _runs(run: Run) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = orjson.loads(run("fleet", "runs", "--output", "json").stdout)
    return listed


def test_runs_are_kept_and_listed_the_newest_first(run: Run, panel: Sandbox) -> None:
    assert run("fleet", "runs").stderr.startswith("There are no runs in ")
    assert run("fleet", "usage", "--all", "--note", "figures").exit_code == 0
    panel.services["33301"].vms["4002"].power = "stopped"
    rebooted = run("fleet", "reboot", "--service", "33301", "--yes")
    assert "To continue" not in rebooted.stderr
    newest, oldest = _runs(run)
    assert (newest["action"], newest["state"], newest["targets"], newest["note"]) == (
        "reboot",
        "ended",
        3,
        "",
    )
    assert newest["counts"] == {
        "changed": 2,
        "unchanged": 0,
        "failed": 0,
        "unknown": 0,
        "not_attempted": 1,
    }
    assert (oldest["action"], oldest["note"], oldest["counts"]["unchanged"]) == ("usage", "figures", 6)
    head, first, _ = run("fleet", "runs").stdout.splitlines()
    assert head.split() == ["run", "when", "action", "state", "VMs"]
    assert first.startswith(newest["run_id"])
    assert first.endswith("  reboot  finished    3  2 changed, 1 not attempted")


def test_the_list_fits_a_terminal_and_keeps_ids_whole(run: Run, spawn: Spawn, panel: Sandbox) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    run("fleet", "reboot", "--all", "--yes")
    terminal = spawn("fleet", "runs")
    code, written = terminal.finish()
    _, first, counts = visible(written).splitlines()
    assert (code, counts) == (0, "    5 changed, 1 not attempted")
    assert _runs(run)[0]["run_id"] in first
    assert len(first) <= 80


def test_a_drained_run_says_how_to_go_on_and_does(run: Run, spawn: Spawn, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=60, faults=[Fault("latency", method="POST", seconds=0.4)])
    terminal = spawn("fleet", "reboot", "--all", "--yes")
    terminal.expect("in flight")
    terminal.until(lambda: panel.count(method="POST") > 0)  # an intent may be under way before
    terminal.type("\x03")
    code, written = terminal.finish()
    assert code == 130
    assert 0 < panel.effect_count("reboot") < 60
    [run_id] = _GO_ON.findall(visible(written))
    gone_on = run("fleet", "resume", run_id)
    assert gone_on.exit_code == 0
    assert panel.effect_count("reboot") == 60
    assert panel.repeated("reboot") == {}
    # A second time there is nothing left, and the same is told.
    asked = len(panel.requests)
    again = run("fleet", "resume", run_id)
    assert (again.exit_code, len(panel.requests)) == (0, asked)
    first, *_ = again.stdout.splitlines()
    assert first == f"Run {run_id} is complete; nothing to resume. Rebooted 60 VMs."


def test_a_killed_run_is_interrupted_and_goes_on_without_repeating(run: Run, panels: Panels) -> None:
    panel = panels(
        services=1, vms_per_service=40, faults=[Fault("hang", method="POST", vm="4003", when="after")]
    )
    running = process("fleet", "reboot", "--all", "--yes")
    assert running.stderr is not None
    line = b""
    while b"39 of 40 done" not in line:
        line = running.stderr.readline()
        assert line
    assert [each["state"] for each in _runs(run)] == ["running"]
    refused = run("fleet", "resume", _runs(run)[0]["run_id"])
    assert refused.exit_code == 7
    assert f"is being run by process {running.pid} on " in refused.stderr
    running.kill()
    running.communicate()
    [interrupted] = _runs(run)
    assert (interrupted["state"], interrupted["targets"]) == ("interrupted", 40)
    assert "interrupted" in run("fleet", "runs").stdout

    gone_on = run("fleet", "resume", interrupted["run_id"])
    assert gone_on.exit_code == 4
    assert panel.effect_count("reboot") == 40
    assert panel.repeated("reboot") == {}
    assert " 1 unknown, 0 not attempted" in gone_on.stdout
    assert _GO_ON.findall(gone_on.stderr) == [interrupted["run_id"]]
    assert "unless --repeat-unknown is given" in gone_on.stderr

    panel.faults.clear()
    repeated = run("fleet", "resume", interrupted["run_id"], "--repeat-unknown")
    assert repeated.exit_code == 0
    assert panel.effects["33301", "4003"]["reboot"] == 2


def test_a_run_that_does_not_exist_is_named_with_what_does(run: Run, panel: Sandbox) -> None:
    run("fleet", "usage", "--all")
    [known] = _runs(run)
    refused = run("fleet", "resume", known["run_id"][:15])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"did you mean {known['run_id']}?" in refused.stderr


def test_a_run_of_another_account_is_not_gone_on_with(run: Run, panels: Panels) -> None:
    panels()
    run("fleet", "reboot", "--all", "--yes")
    [known] = _runs(run)
    other = panels()
    refused = run("fleet", "resume", known["run_id"])
    assert (refused.exit_code, refused.stdout, other.requests) == (2, "", [])
    assert "set SEFLOW_USERNAME and SEFLOW_BASE_URL to what they were" in refused.stderr


def test_by_default_the_journal_is_in_a_folder_for_its_owner_only(
    run: Run, panel: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIOSEFLOW_JOURNAL")
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: tmp_path / "state" / name)
    assert run("fleet", "usage", "--all").exit_code == 0
    journal = tmp_path / "state" / "aioseflow" / "runs.sqlite"
    assert stat.S_IMODE(journal.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def _as_directory(path: Path) -> Path:
    path.mkdir()
    return path


def _damaged(path: Path) -> Path:
    path.write_bytes(b"this is no database" * 100)
    return path


def _behind_a_file(path: Path) -> Path:
    path.write_text("")
    return path / "runs.sqlite"


@pytest.mark.parametrize("make", [_as_directory, _damaged, _behind_a_file, lambda path: f"{path}{os.sep}"])
@pytest.mark.parametrize(
    "words", [["stop", "--all"], ["reboot", "--all", "--yes"], ["usage", "--all"], ["resume", "x"]]
)
def test_a_journal_that_cannot_be_used_is_one_error_and_nothing_is_sent(
    run: Run,
    panel: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    words: list[str],
) -> None:
    monkeypatch.setattr("aioseflow.cli.terminal.can_ask", lambda: True)
    monkeypatch.setenv("AIOSEFLOW_JOURNAL", str(make(tmp_path / "x")))
    refused = run("fleet", *words)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "journal" in refused.stderr
    assert "this is a bug" not in refused.stderr
    assert panel.requests == []


def test_nothing_secret_is_kept(run: Run, panel: Sandbox, tmp_path: Path) -> None:
    run("fleet", "reboot", "--all", "--yes")
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("runs*") if path.is_file())
    assert b"33301" in kept
    assert panel.password.encode() not in kept


def test_reading_commands_need_no_lock_and_write_nothing(
    run: Run, panel: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("fleet", "stop", "--all", "--yes")
    monkeypatch.setattr("aioseflow.fleet.journal.sqlite.opening.BUSY_SECONDS", 0.0)
    journal = tmp_path / "kept" / "runs.sqlite"
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert run("fleet", "start", "--all", "--yes").exit_code == 1
        for words in (["runs"], ["status", "last"], ["failures", "last"], ["diff", "last", "last"]):
            assert run("fleet", *words).exit_code == 0, words
        assert run("fleet", "report", "last", str(tmp_path / "page.html")).exit_code == 0
        assert run("fleet", "plan", "start", "--all").exit_code == 0


def test_a_damaged_run_is_listed_as_such_and_the_others_are_read(
    run: Run, panel: Sandbox, tmp_path: Path
) -> None:
    for verb in ("stop", "start"):
        run("fleet", verb, "--all", "--yes")
    good, bad = _runs(run)
    with closing(sqlite3.connect(tmp_path / "kept" / "runs.sqlite")) as connection:
        connection.execute("UPDATE runs SET document = '{' WHERE id = 1")
        connection.commit()
    assert [each["state"] for each in _runs(run)] == ["ended", "damaged"]
    assert f"run {bad['run_id']} is damaged in the journal" in run("fleet", "runs").stdout.replace(
        "\n    ", " "
    )
    assert run("fleet", "status", good["run_id"]).exit_code == 0
    for verb in ("status", "failures", "resume", "retry", "restore", "reconcile", "report"):
        refused = run("fleet", verb, bad["run_id"])
        assert (refused.exit_code, refused.stdout) == (1, ""), verb
        assert f"run {bad['run_id']} is damaged in the journal (its row of runs" in refused.stderr, verb

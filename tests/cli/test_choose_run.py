"""`resume`, `retry` and `restore` without RUN: the newest run that the verb fits, after a question."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.conftest import Panels, Run
from cli.terminals import Terminal, visible

from aioseflow.sandbox import Fault, Sandbox

LOCKED = Fault("error", method="POST", path="/service/33301/vms/*/stop", codes=("vm_locked",))


def ids(run: Run) -> list[str]:
    listed: list[dict[str, Any]] = orjson.loads(run("fleet", "runs", "-o", "json").stdout)
    return [each["run_id"] for each in listed]


def stop(run: Run, *words: str) -> str:
    run("fleet", "stop", *words, "--yes", "--no-wait")
    return ids(run)[0]


def kill(tmp_path: Path, run_id: str, refused: str = "") -> None:
    """Make a run look as if its process had been killed before it sent anything, and one that was refused."""
    with closing(sqlite3.connect(tmp_path / "kept" / "runs.sqlite")) as journal:
        journal.execute("UPDATE runs SET state = 'running', targets = NULL WHERE run_id = ?", (run_id,))
        journal.execute(
            "UPDATE targets SET stage = 0, status = NULL, attempts = 0, left_at = NULL "
            "WHERE run = (SELECT id FROM runs WHERE run_id = ?)",
            (run_id,),
        )
        journal.execute("UPDATE runs SET ended_by = 'refused' WHERE run_id = ?", (refused,))
        journal.commit()


def test_resume_takes_the_newest_that_was_interrupted_and_not_one_that_was_refused(
    run: Run, panel: Sandbox, tmp_path: Path
) -> None:
    killed, refused = stop(run, "--service", "33301"), stop(run, "--service", "33302")
    kill(tmp_path, killed, refused)
    sent = panel.count(method="POST")
    asked = run("fleet", "resume")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert "fleet resume needs a confirmation, and there is no terminal" in asked.stderr
    assert panel.count(method="POST") == sent
    done = run("fleet", "resume", "--yes", "-o", "json")
    assert orjson.loads(done.stdout)["run_id"] == killed
    assert f"resume of run {killed}: stop of 3 VMs of " in done.stderr
    again = run("fleet", "resume", "--yes")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "can be resumed" in again.stderr


def test_resume_asks_and_takes_no_for_an_answer(
    run: Run, panel: Sandbox, tmp_path: Path, spawn: Callable[..., Terminal]
) -> None:
    kill(tmp_path, stop(run, "--service", "33301"))
    sent = panel.count(method="POST")
    terminal = spawn("fleet", "resume")
    shown = visible(terminal.expect("Proceed? [y/N] "))
    assert "stop of 3 VMs" in shown
    assert "interrupted" in shown
    terminal.type("n\r")
    code, said = terminal.finish()
    assert (code, "nothing was sent" in said) == (1, True)
    assert panel.count(method="POST") == sent


def test_retry_takes_the_newest_in_which_something_failed_and_not_one_that_was_retried(
    run: Run, panels: Panels
) -> None:
    panel = panels(faults=[LOCKED])
    failed = stop(run, "--service", "33301")
    stop(run, "--service", "33302")
    retried = run("fleet", "retry", "--yes", "-o", "json")
    assert orjson.loads(retried.stdout)["parent"] == failed
    panel.faults.clear()
    # Of the two that failed only the retry itself was not retried yet.
    newest = ids(run)[0]
    assert orjson.loads(run("fleet", "retry", "--yes", "-o", "json").stdout)["parent"] == newest
    nothing = run("fleet", "retry", "--yes")
    assert (nothing.exit_code, "can be retried" in nothing.stderr) == (0, True)


def test_restore_takes_the_newest_that_stopped_something(run: Run, panel: Sandbox) -> None:
    stopped = stop(run, "--service", "33301")
    run("fleet", "usage", "--all")
    shown = run("fleet", "restore", "--dry-run")
    assert f"restore of run {stopped}: stop of 3 VMs" in shown.stderr
    restored = run("fleet", "restore", "--yes", "-o", "json")
    assert orjson.loads(restored.stdout)["parent"] == stopped
    assert panel.effect_count("start") == 3
    assert run("fleet", "restore", "--yes").exit_code == 0
    assert panel.effect_count("start") == 3


@pytest.mark.parametrize("verb", ["resume", "retry", "restore"])
def test_runs_of_other_accounts_and_damaged_ones_are_passed_over(
    run: Run, panels: Panels, tmp_path: Path, verb: str
) -> None:
    panels(faults=[LOCKED])
    for service in ("33301", "33302"):
        kill(tmp_path, stop(run, "--service", service))
    panels()
    assert "no run of" in run("fleet", verb, "--yes").stderr
    with closing(sqlite3.connect(tmp_path / "kept" / "runs.sqlite")) as journal:
        journal.execute("UPDATE runs SET document = '['")
        journal.commit()
    assert run("fleet", verb, "--yes").exit_code == 0

"""How a run ended, as the commands tell it: the same headline, exit code and advice wherever it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson
from cli.terminals import Result, process

from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]


def test_vms_that_are_off_are_skipped_by_a_reboot_and_nothing_is_left_to_do(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=4)
    panel.services["33301"].vms["4002"].power = "stopped"
    for words in (("fleet", "reboot", "--all", "--yes"), ("fleet", "status", "last")):
        done = run(*words)
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert lines[0] == "Rebooted 3 VMs; skipped 1 that is off."
        assert "3 changed, 0 unchanged, 0 failed, 0 unknown, 0 not attempted, 1 skipped" in lines
        assert "next:" not in lines
        assert "downtime of 3 VMs: at least" in done.stdout
    resumed = run("fleet", "resume", "last", "--yes")
    assert resumed.exit_code == 0
    assert re.match(r"Run \S+ is complete; nothing to resume\. Rebooted 3 VMs;", resumed.stdout)
    document = orjson.loads(run("fleet", "resume", "last", "--yes", "-o", "json").stdout)
    assert (document["repeated"], document["resumed"], document["ending"]) == (True, 0, "finished")


def test_nothing_left_to_do_has_one_exit_code_for_all_verbs(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=3, stopped_share=1.0)
    assert run("fleet", "stop", "--all", "--yes").exit_code == 0
    [known] = orjson.loads(run("fleet", "runs", "-o", "json").stdout)
    asked = panel.count(method="POST")
    for verb, nothing in (
        ("retry", "Nothing to retry"),
        ("restore", "Nothing to restore"),
        ("resume", "nothing to"),
    ):
        told = run("fleet", verb, known["run_id"], "--yes")
        assert (verb, told.exit_code) == (verb, 0)
        assert nothing in told.stdout
    assert run("fleet", "reconcile", known["run_id"]).exit_code == 0
    assert panel.count(method="POST") == asked


def test_a_killed_run_ends_at_its_last_entry_and_a_refused_one_is_none(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=6, faults=[Fault("hang", method="POST", after=2)])
    running = process("fleet", "stop", "--all", "--yes")
    assert running.stderr is not None
    while panel.count(method="POST") < 3:
        assert running.stderr.readline()
    refused = run("fleet", "start", "--all", "--yes")
    assert (refused.exit_code, refused.stdout) == (7, "")
    assert f"(process {running.pid} on " in refused.stderr
    assert run("fleet", "status", "last").exit_code == 7
    running.kill()
    running.communicate()
    # The refused run is not the last one, nor any.
    [known] = orjson.loads(run("fleet", "runs", "-o", "json").stdout)
    assert (known["action"], known["state"], known["ending"]) == ("stop", "interrupted", "interrupted")
    first, second = (orjson.loads(run("fleet", "status", "last", "-o", "json").stdout) for _ in range(2))
    assert first == second
    assert (first["ending"], first["ok"]) == ("interrupted", False)
    told = run("fleet", "status", "last")
    assert told.exit_code == run("fleet", "failures", "last").exit_code == 130
    assert "then interrupted" in told.stdout
    assert "its process is gone; it ends at the last entry of its journal" in told.stdout
    steps = re.findall(r"aioseflow fleet (\w+) (\S+)", told.stdout)
    assert {run_id for _, run_id in steps} == {known["run_id"]}
    assert "--profile" not in told.stdout


def test_a_restore_names_what_is_gone_and_calls_itself_one(run: Run, panels: Panels) -> None:
    panel = panels(services=1, vms_per_service=3)
    assert run("fleet", "stop", "--all", "--yes").exit_code == 0
    [stopped] = orjson.loads(run("fleet", "runs", "-o", "json").stdout)
    service = panel.services["33301"]
    service.destroy(service.vms["4001"])
    restored = run("fleet", "restore", "last", "--yes")
    assert restored.exit_code == 3
    assert f"restores run {stopped['run_id']}" in restored.stdout
    assert "not attempted, not_found: 1 VM\n    vm-4001\n" in restored.stdout
    assert "  start (restore)  finished" in run("fleet", "runs").stdout

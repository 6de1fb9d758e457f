"""Options that are given twice: they add up where that has a meaning, and are refused elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from cli.conftest import Run
from typer.core import TyperOption

from aioseflow.cli.app import app
from aioseflow.sandbox import Sandbox


def test_exclusions_add_up(run: Run, panel: Sandbox) -> None:
    exclude = ["--exclude", 'label == "vm-4001"', "--exclude", 'label == "vm-4002"']
    planned = run(
        "fleet", "plan", "stop", "--service", "33301", *exclude, "-o", "csv", "--columns", "vm_id,why_not"
    )
    assert planned.stdout.split() == ["vm_id,why_not", "4003,", "4001,excluded", "4002,excluded"]
    done = run("fleet", "stop", "--service", "33301", *exclude, "--yes", "--no-wait")
    assert (done.exit_code, "warning" in done.stderr) == (0, False)
    assert dict(panel.effects["33301", "4003"]) == {"stop": 1}
    assert panel.effect_count("stop") == 1


@pytest.mark.parametrize(
    "words",
    [
        *(["fleet", "stop", "--all", "--yes", *twice] for twice in (
            ["--where", "memory > 1", "--where", "cpus > 1"],
            ["--max-targets", "1", "--max-targets", "9"],
            ["--max-failures", "1", "--max-failures=9"],
            ["--note", "a", "--note", "a"],
            ["--wait", "--no-wait"],
            ["-o", "json", "--output", "csv"],
        )),
        ["fleet", "resume", "last", "-o", "json", "-o", "csv"],
        ["fleet", "plan", "stop", "--all", "--window", "1", "--window", "2"],
        ["vm", "list", "--columns", "id", "--columns", "label"],
        ["inventory", "--list", "--where", "cpus > 1", "--where", "cpus > 2"],
        ["login", "--base-url", "http://a", "--base-url", "http://b"],
    ],
)  # fmt: skip
def test_any_other_option_is_refused_and_named(run: Run, panel: Sandbox, words: list[str]) -> None:
    refused = run(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    [name] = {
        word.partition("=")[0] for word in words if word.startswith("--") and words.count(word) > 1
    } or {""}
    assert f"{name} is given 2 times" in refused.stderr or not name
    assert "is given 2 times, and only one can count; give it once" in refused.stderr
    assert panel.requests == []


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "list_commands"):
        for name in command.list_commands(typer.Context(command)):
            yield from commands(command.get_command(typer.Context(command), name), (*path, name))
    else:
        yield path, command


def test_every_command_refuses_an_option_that_is_given_twice(run: Run) -> None:
    tried = 0
    for path, command in commands(typer.main.get_command(app)):
        for option in command.params:
            if not isinstance(option, TyperOption) or option.multiple or option.is_eager or option.hidden:
                continue
            if option.is_flag and not option.secondary_opts:
                continue
            once = [option.opts[0]] if option.is_flag else [option.opts[0], "1"]
            again = [option.secondary_opts[0]] if option.is_flag else once
            refused = run(*path, *once, *again)
            assert refused.exit_code == 2, (path, option.opts)
            assert "is given 2 times" in refused.stderr, (path, option.opts, refused.stderr)
            tried += 1
    assert tried > 100


@pytest.mark.parametrize("words", [["plan", "stop"], ["stop", "--dry-run"]])
def test_an_exclusion_that_leaves_no_vm_alone_is_in_the_plan(
    run: Run, panel: Sandbox, words: list[str]
) -> None:
    exclude = ["--exclude", 'label == "db-1"', "--exclude", 'label == "vm-4001"']
    planned = run("fleet", *words, "--all", *exclude)
    assert planned.exit_code == 0
    said = " ".join(planned.stdout.split())
    assert '--exclude leaves no VM alone: label == "db-1" is true of none.' in said
    assert said.count("leaves no VM alone") == 1


def test_an_exclusion_that_left_no_vm_alone_is_a_warning_of_the_run(run: Run, panel: Sandbox) -> None:
    done = run(
        "fleet", "stop", "--all", "--yes", "--no-wait", "--exclude", 'label == "VM-4001"', "-o", "json"
    )
    assert done.exit_code == 0
    assert 'warning: --exclude left no VM alone: label == "VM-4001" is true of none' in done.stderr


def test_a_switch_may_be_repeated(run: Run, panel: Sandbox) -> None:
    assert run("vm", "stop", "33301/4001", "--yes", "-y").exit_code == 0
    assert run("fleet", "start", "--all", "--yes", "--yes", "--no-wait", "--no-wait").exit_code == 0

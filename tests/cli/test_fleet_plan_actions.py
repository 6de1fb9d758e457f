"""`fleet plan ACTION` knows the actions from their registry alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli.terminals import Result
from cli.tried import words

from aioseflow.fleet.actions import ACTIONS
from aioseflow.sandbox import Sandbox

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("quick_settling")

PLANNABLE = ["start", "stop", "reboot", "resize", "rebuild-network", "destroy", "usage"]


def test_help_lists_the_actions_that_can_be_planned_with_their_docstrings(run: Run) -> None:
    lines = run("fleet", "plan", "--help").stdout.partition("Actions:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == PLANNABLE
    for line in lines:
        word, _, text = line.strip().partition("  ")
        assert text.strip() == ACTIONS[word.replace("-", "_")].help


def test_an_action_is_completed_by_its_word() -> None:
    assert words("fleet plan re") == ["reboot", "resize", "rebuild-network"]


def test_an_action_without_a_command_of_its_own_is_planned_and_run(
    run: Run, panel: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(run("fleet", "plan", "rebuild-network", "--service", "33301", "--output", "json").stdout)
    assert panel.effects == {}
    done = run("fleet", "apply", str(file), "--yes")
    assert done.exit_code == 0
    assert panel.count(method="POST", path="/service/@id/vms/@vm/rebuild_network") == 3


@pytest.mark.parametrize(
    ("action", "hint"),
    [("rebot", " (did you mean reboot?)"), ("wait", ""), ("set-rdns", ""), ("rebuild_network", " (did you")],
)
def test_what_cannot_be_planned_is_refused_before_anything_is_sent(
    run: Run, panel: Sandbox, action: str, hint: str
) -> None:
    refused = run("fleet", "plan", action, "--all")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"aioseflow: no action {action} can be planned{hint}")
    assert "see aioseflow fleet plan --help" in refused.stderr
    assert panel.requests == []


def test_sizes_are_refused_for_an_action_that_has_none(run: Run, panel: Sandbox) -> None:
    refused = run("fleet", "plan", "destroy", "--all", "--memory", "4096")
    assert "are for resize, not for destroy" in refused.stderr
    assert panel.requests == []

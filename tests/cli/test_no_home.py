"""A user without a home directory and without a line in passwd, as jobs, services and containers have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import Panels

_PROGRAM = """
import pwd, sys

def nobody(uid):
    raise KeyError(uid)

pwd.getpwuid = nobody
sys.argv[0] = "aioseflow"
from aioseflow.cli import main
main()
"""
_NO_JOURNAL = "there is no home directory for the journal of runs; name a file with AIOSEFLOW_JOURNAL"
_NO_PROFILES = "there is no home directory to keep profiles in; name a directory with AIOSEFLOW_CONFIG"


def nobody(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command with almost nothing in its environment."""
    login = {name: os.environ[name] for name in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL")}
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        env={"PATH": os.environ["PATH"], **login, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
        check=False,
    )


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize("words", [["vm", "list"], ["inventory", "--list"], ["doctor"]])
def test_what_is_only_a_convenience_is_left_out(words: list[str]) -> None:
    done = nobody(*words)
    assert (done.returncode, "bug in aioseflow" in done.stderr) == (1 if words == ["doctor"] else 0, False)
    if words == ["doctor"]:
        assert "AIOSEFLOW_JOURNAL" in done.stdout


@pytest.mark.parametrize(
    "words",
    [["stop", "--all", "--yes"], ["runs"], ["resume", "last"]],
)
def test_what_needs_the_journal_names_the_variable(panels: Panels, words: list[str], tmp_path: Path) -> None:
    panel = panels()
    done = nobody("fleet", *words)
    assert (done.returncode, done.stderr) == (1, f"aioseflow: {_NO_JOURNAL}\n")
    assert panel.requests == []
    kept = str(tmp_path / "runs.sqlite")
    assert nobody("fleet", "plan", "stop", "--all", AIOSEFLOW_JOURNAL=kept).returncode == 0


@pytest.mark.usefixtures("panel")
def test_a_profile_needs_a_place_and_names_the_variable() -> None:
    done = nobody("login", "--base-url", os.environ["SEFLOW_BASE_URL"])
    assert (done.returncode, done.stderr) == (1, f"aioseflow: {_NO_PROFILES}\n")
    assert nobody("profiles", AIOSEFLOW_CONFIG="~/here").returncode == 0


@pytest.mark.usefixtures("panel")
def test_a_home_in_which_nothing_can_be_made_names_the_variable() -> None:
    done = nobody("fleet", "stop", "--all", "--yes", HOME="/proc/nothing")
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "AIOSEFLOW_JOURNAL names the file" in done.stderr
    assert nobody("vm", "list", HOME="/proc/nothing").returncode == 0

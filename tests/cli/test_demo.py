"""`aioseflow demo`, as somebody sees it who has just installed it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.terminals import Result, Terminal, visible

from aioseflow.sandbox import Sandbox

Run = Callable[..., Result]
Spawn = Callable[..., Terminal]


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> list[Sandbox]:
    """The panel that the demonstration makes, once it has made it."""
    from aioseflow.cli.demo import demo_panel as room

    made: list[Sandbox] = []
    troubled = room.troubled_panel

    def kept(services: int, vms: int, seed: int) -> Sandbox:
        made.append(troubled(services, vms, seed))
        return made[-1]

    monkeypatch.setattr(room, "troubled_panel", kept)
    return made


def test_it_tells_the_truth_and_proves_it(run: Run, panel: list[Sandbox], tmp_path: Path) -> None:
    done = run("demo", "--services", "4")
    assert done.exit_code == 0, done.stdout
    # Its runs are not among one's own.
    assert list(tmp_path.iterdir()) == []
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80

    rows = {line.split()[0]: [int(figure) for figure in line.split()[1:7]] for line in lines[1:5]}
    assert list(rows) == ["usage", "stop", "start", "reboot"]
    for asked, *counts in rows.values():
        assert asked == sum(counts)
    asked, changed, unchanged, failed, unknown, _ = rows["stop"]
    assert (asked, failed >= 1, unknown >= 1, unchanged >= 1, changed > 100) == (200, True, True, True, True)
    assert rows["usage"][0] == 150
    told = " ".join(done.stdout.split())
    assert re.search(r"Measured \d+ of 150 VMs; 1 service could not be listed: 33304 \(HTTP 503\)\.", told)

    [played] = panel
    assert played.repeated("reboot") == {}
    assert played.effect_count("reboot") >= rows["reboot"][1]
    acted = re.search(r"(\d+) took effect, at most 1 per VM: no VM", done.stdout.replace("\n       ", ""))
    assert acted is not None
    assert int(acted[1]) == played.effect_count("reboot")
    assert "WRONG" not in done.stdout

    dated = [line for line in done.stderr.splitlines() if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line)]
    assert len(dated) >= 6
    assert "\x1b" not in done.stdout + done.stderr


def test_ctrl_c_still_prints_the_table_and_the_proof(spawn: Spawn) -> None:
    terminal = spawn("demo")
    terminal.expect("usage  ")
    terminal.expect("═")
    terminal.type("\x03")
    terminal.expect("Interrupted: finishing what was sent")
    code, written = terminal.finish()
    assert code == 130
    told = visible(written)
    assert "action  targets" in told
    assert "drained" in told
    assert "  ok    nothing is lost" in told
    # Of the four stages those that had begun.
    table = told[told.index("action  targets") :]
    assert "\nreboot " not in table


def test_it_is_never_smaller_than_four_services_of_fifty(run: Run) -> None:
    assert run("demo", "--services", "3").exit_code == 2
    assert run("demo", "--vms", "49").exit_code == 2

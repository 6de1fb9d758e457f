"""Ctrl-C at any moment: what was done is told, nothing is sent twice, and the rest goes on."""

from __future__ import annotations

import random
import re
import termios
from collections.abc import Callable

import orjson
import pytest
from cli.terminals import Result, Terminal, visible

from aioseflow.sandbox import Fault, Lognormal, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

_VMS = 40
_COUNTS = re.compile(r"(\d+) changed, (\d+) unchanged, (\d+) failed, (\d+) unknown, (\d+) not attempted")


@pytest.mark.parametrize("seed", range(4))
def test_ctrl_c_at_a_random_moment_loses_nothing_and_repeats_nothing(
    run: Run, spawn: Spawn, panels: Panels, seed: int
) -> None:
    chance = random.Random(seed)
    panel = panels(
        services=2,
        vms_per_service=_VMS // 2,
        seed=seed,
        faults=[Fault("latency", method="POST", seconds=Lognormal(0.1, 1.0))],
    )
    terminal = spawn("fleet", "reboot", "--all", "--yes", "--per-service", "3")
    before = termios.tcgetattr(terminal.master)
    # Not moments of a clock: after so many answers, whatever the machine does meanwhile.
    answered = chance.randrange(1, _VMS - 8)
    terminal.until(lambda: panel.count(method="POST") >= answered)
    terminal.type("\x03")
    if chance.random() < 0.5:
        terminal.expect("Interrupted")
        terminal.type("\x03")
    code, written = terminal.finish()
    told = visible(written)
    assert code == 130, told
    [counts] = _COUNTS.findall(told)
    assert sum(map(int, counts)) == _VMS
    assert termios.tcgetattr(terminal.master) == before
    assert "\x1b[?25l" not in written or written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    done = panel.effect_count("reboot")
    assert int(counts[0]) <= done <= int(counts[0]) + int(counts[3])

    [resumed] = re.findall(r"^(?:To continue:|  -) aioseflow fleet resume (\S+)", told, re.MULTILINE)
    gone_on = run("fleet", "resume", resumed, "--output", "json")
    assert gone_on.exit_code in (0, 4)
    report = orjson.loads(gone_on.stdout)
    assert sum(report["counts"].values()) == _VMS
    assert panel.repeated("reboot") == {}
    assert panel.effect_count("reboot") >= report["counts"]["changed"]

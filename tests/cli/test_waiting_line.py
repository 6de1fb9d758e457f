"""Plain commands say what they wait for, and answer Ctrl-C."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from cli.conftest import Panels
from cli.terminals import Terminal, visible

from aioseflow.cli.waiting_line import WaitingLine
from aioseflow.sandbox import Fault

Spawn = Callable[..., Terminal]


@pytest.mark.parametrize(
    "words",
    [
        ["vm", "list"],
        ["service", "show", "33301"],
        ["fleet", "plan", "stop", "--all"],
        ["fleet", "stop", "--all"],
    ],
)
def test_a_panel_that_hangs_is_named_and_ctrl_c_answers(
    spawn: Spawn, panels: Panels, words: list[str]
) -> None:
    panel = panels(faults=[Fault("hang")])
    terminal = spawn(*words)
    shown = visible(terminal.expect(panel.username))
    assert "waiting 1 s for GET /service" in shown
    terminal.expect("waiting 2 s for GET /service")
    terminal.type("\x03")
    code, said = terminal.finish()
    assert code == 130
    assert "aioseflow: interrupted; nothing was changed" in visible(said)
    assert "\r\x1b[K" in said


def test_a_change_that_was_sent_is_not_called_nothing(spawn: Spawn, panels: Panels) -> None:
    panels(faults=[Fault("hang", method="POST")])
    terminal = spawn("vm", "stop", "33301/4001", "--yes")
    terminal.expect("waiting 1 s for POST /service/33301/vms/4001/stop, at ")
    terminal.type("\x03")
    code, said = terminal.finish()
    told = visible(said)
    assert code == 130
    assert "vms.stop was sent; it may or may not have taken effect" in told.replace("\n    ", " ")
    assert "nothing was changed" not in told


@pytest.mark.parametrize(
    ("is_terminal", "at", "lines"),
    [
        (False, [1.0, 4.9], []),
        (False, [5.0, 6.0, 34.0], ["aioseflow: waiting 5 s for GET /service, attempt 2, at main\n"]),
        (True, [0.9], []),
    ],
)
def test_elsewhere_it_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, at: list[float], lines: list[str]
) -> None:
    now = [100.0]
    written = io.StringIO()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("sys.stderr", written)
    monkeypatch.setattr(written, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    line = WaitingLine()
    event: Any = SimpleNamespace(name="sent", account="main", request="GET /service", attempt=2)
    line.on_event(event)
    for seconds in at:
        now[0] = 100.0 + seconds
        line.show()
    assert written.getvalue() == "".join(lines)
    assert not line.has_changed

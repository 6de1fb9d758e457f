"""Keys pressed on a real terminal while a run goes on, and the terminal afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from cli.conftest import Panels
from cli.terminals import Terminal, visible

from aioseflow.cli.live.keyboard import Keyboard
from aioseflow.sandbox import Fault, Sandbox

_PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
import asyncio
from aioseflow import SeFlow
from aioseflow.cli.live import view
from aioseflow.cli.run_control import control_runs

async def main():
    async with SeFlow.from_env(limit=2) as seflow:
        with control_runs(view()) as control:
            report = await control.drive("reboot", seflow.fleet.reboot())
            if "fail" in sys.argv:
                raise RuntimeError("as was asked for")
    counts = ", ".join(f"{number} {status}" for status, number in report.counts.items() if number)
    print(f"{'interrupted' if control.interrupted else 'to its end'}: {counts}.")

asyncio.run(main())
"""
_PATIENCE = 30.0
_WATCHED = 0.2

Begin: TypeAlias = Callable[..., "Session"]


class Session:
    """A run on a terminal of its own, at a panel of ours."""

    def __init__(self, panel: Sandbox, *words: str) -> None:
        master, slave = os.openpty()
        self.before = termios.tcgetattr(slave)
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", "COLUMNS": "100", "LINES": "30"},
        )
        # Kept open: what the terminal is like when all is over is a part of what is looked at.
        self.slave = slave
        self.panel, self.process = panel, process
        self.terminal = Terminal(process, master)

    def close(self) -> None:
        self.terminal.close()
        os.close(self.slave)

    def until(self, holds: Callable[[], bool]) -> None:
        """Let it run, and read what it writes, until something holds."""
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            assert time.monotonic() < deadline, self.terminal.seen
            self.terminal._read(time.monotonic() + 0.01)

    def expect(self, text: str) -> None:
        self.terminal.expect(text)

    def type(self, keys: str) -> None:
        self.terminal.type(keys)

    @property
    def sent(self) -> int:
        """How many reboots have come to the panel."""
        return self.panel.count(method="POST")

    @property
    def modes(self) -> list[object]:
        """What the terminal is set to."""
        return termios.tcgetattr(self.slave)

    def end(self) -> str:
        """Wait for its end, with nothing to slow it down any more, and give the last lines."""
        self.panel.faults.clear()
        self.until(lambda: self.process.poll() is not None)
        while self.terminal._read(time.monotonic() + 0.01):
            pass
        assert self.modes == self.before, "the terminal is not what it was"
        return visible(self.terminal.seen)


@pytest.fixture
def begin(panels: Panels) -> Iterator[Begin]:
    """Starts a run of 40 reboots, of which two are sent at once and take ``seconds`` each."""
    sessions: list[Session] = []

    def begin(*words: str, seconds: float = 0.1, sent: int = 4) -> Session:
        panel = panels(
            services=1, vms_per_service=40, faults=[Fault("latency", method="POST", seconds=seconds)]
        )
        session = Session(panel, *words)
        sessions.append(session)
        session.expect("p pause")
        session.until(lambda: session.sent >= sent)
        return session

    yield begin
    for session in sessions:
        session.close()


def test_p_pauses_until_it_is_pressed_again(begin: Begin) -> None:
    session = begin()
    assert session.modes != session.before
    session.type("p")
    session.expect("p resume")
    session.until(lambda: all(request.status for request in session.panel.requests))
    sent, over = session.sent, time.monotonic() + _WATCHED
    session.until(lambda: time.monotonic() > over)
    assert session.sent == sent < 40
    session.type("p")
    session.until(lambda: session.sent > sent)
    assert "to its end: 40 changed." in session.end()


def test_d_drains(begin: Begin) -> None:
    session = begin()
    session.type("d")
    session.expect("Draining: finishing what was sent")
    told = session.end()
    assert "interrupted: " in told
    assert "not_attempted." in told
    assert "unknown" not in told
    assert session.sent < 40


def test_q_asks_and_a_second_one_cancels(begin: Begin) -> None:
    # The first two are not answered before it is over.
    session = begin(seconds=60.0, sent=2)
    session.type("q")
    session.expect("q again to stop now")
    session.type("q")
    session.expect("Stopping now")
    assert "unknown, " in session.end()


def test_q_and_then_another_key_goes_on(begin: Begin) -> None:
    session = begin()
    session.type("q")
    session.expect("q again to stop now")
    session.type("x")
    session.expect("p pause")
    assert "to its end: 40 changed." in session.end()


def test_arrows_and_pasted_words_are_no_orders(begin: Begin) -> None:
    session = begin(seconds=0.05)
    session.type("\x1b[D")
    session.until(lambda: session.sent >= 8)
    session.type("[D")
    session.until(lambda: session.sent >= 12)
    session.type("dddd")
    session.until(lambda: session.sent >= 16)
    session.type("\x13")  # Ctrl-S
    assert "to its end: 40 changed." in session.end()


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm"])
def test_the_terminal_is_what_it_was_after_an_interruption(begin: Begin, how: str) -> None:
    session = begin()
    if how == "ctrl-c":
        session.type("\x03")
    else:
        session.process.terminate()
    session.expect("Interrupted: finishing what was sent")
    assert "interrupted: " in session.end()


def test_the_terminal_is_what_it_was_after_an_error(begin: Begin) -> None:
    told = begin("fail", sent=1).end()
    assert "RuntimeError: as was asked for" in told


def test_the_terminal_is_what_it_was_after_being_thrown_out(begin: Begin) -> None:
    session = begin()
    session.type("\x1c")  # Ctrl-\
    session.end()
    assert session.process.returncode == -signal.SIGQUIT


async def test_a_process_that_comes_back_from_the_background_reads_keys_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    master, slave = os.openpty()
    in_front = [True, False, True]
    key = asyncio.get_running_loop().create_future()
    keyboard = Keyboard(slave, key.set_result, lambda: None)
    monkeypatch.setattr(Keyboard, "_is_in_front", lambda _: in_front[0])
    try:
        before = termios.tcgetattr(slave)
        in_front.pop(0)
        keyboard.attach()
        assert not keyboard.is_attached
        assert termios.tcgetattr(slave) == before
        in_front.pop(0)
        keyboard.take()
        assert keyboard.is_attached
        os.write(master, b"p")
        assert await asyncio.wait_for(key, _PATIENCE) == "p"
    finally:
        keyboard.detach()
        assert termios.tcgetattr(slave) == before
        os.close(master)
        os.close(slave)


def test_ctrl_z_gives_the_terminal_back_and_going_on_takes_it_again(begin: Begin) -> None:
    session = begin()
    session.type("\x1a")
    _, status = os.waitpid(session.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert session.modes == session.before
    session.process.send_signal(signal.SIGCONT)
    session.until(lambda: session.modes != session.before)
    session.type("d")
    session.expect("Draining")
    assert "interrupted: " in session.end()

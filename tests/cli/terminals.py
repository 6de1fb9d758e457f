"""Commands as processes: with a pseudo-terminal to look at and to type on, or with pipes."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import IO

import attrs

_PATIENCE = 30.0
_COMMAND = "import sys; sys.argv[0] = 'aioseflow'; from aioseflow.cli import main; main()"
# The process must have the terminal as its own, or Ctrl-C would reach nobody.
_ON_TERMINAL = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {_COMMAND}"
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@attrs.frozen
class Result:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str


@attrs.define(eq=False)
class Terminal:
    """A command on a terminal of its own."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""

    @classmethod
    def spawn(cls, *words: str, columns: int = 80, stdout: IO[bytes] | None = None) -> Terminal:
        """Start it; ``stdout`` may be something else than the terminal."""
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *words],
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        )
        os.close(slave)
        return cls(process, master)

    def expect(self, text: str) -> str:
        """Read until this has been written, and give all that was since the last time."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.seen:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} was not written, but:\n{self.seen}")
        before, found, self.seen = self.seen.partition(text)
        return before + found

    def until(self, true: Callable[[], bool]) -> None:
        """Read on until something is true; what was read stays for `expect`."""
        deadline = time.monotonic() + _PATIENCE
        while not true():
            assert time.monotonic() < deadline, self.seen
            self._read(min(deadline, time.monotonic() + 0.02))

    def type(self, keys: str) -> None:
        """Press keys; ``"\\x03"`` is Ctrl-C."""
        os.write(self.master, keys.encode())

    def finish(self) -> tuple[int, str]:
        """Wait for its end: the exit code, and what was written since the last `expect`."""
        deadline = time.monotonic() + _PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(_PATIENCE), self.seen

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            # Linux says so when the last writer has closed its end.
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)


def visible(text: str) -> str:
    """What was written to a terminal without the sequences that rich wrote."""
    return _SEQUENCE.sub("", text).replace("\r", "")


def process(*words: str) -> subprocess.Popen[bytes]:
    """Start a command with pipes and without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )

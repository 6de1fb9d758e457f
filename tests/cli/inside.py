"""Commands on a pseudo-terminal in this process: Python takes a third of a second to start one of its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

import typer.main
from cli.terminals import Terminal

from aioseflow.cli.app import app

if TYPE_CHECKING:
    import pytest


class _Command(threading.Thread):
    """What `Terminal` knows of a process, for a command in a thread; there is no Ctrl-C for it."""

    def __init__(self, words: tuple[str, ...], terminal: tuple[int, int], errors: str) -> None:
        super().__init__(daemon=True)
        self.words, self.errors = words, errors
        self.master, self.slave = terminal
        self.code: int | None = None

    def run(self) -> None:
        try:
            with _standard_streams(self.slave, self.errors):
                typer.main.get_command(app).main(list(self.words), "aioseflow")
        except SystemExit as ended:
            self.code = cast("int", ended.code)

    def poll(self) -> int | None:
        return None if self.is_alive() else self.code

    def wait(self, patience: float | None = None) -> int | None:
        self.join(patience)
        assert not self.is_alive(), self.words
        return self.code

    def kill(self) -> None:
        # Whatever it asks, the input has ended; twice where a line was begun.
        os.write(self.master, b"\x04\x04")


@contextmanager
def _standard_streams(slave: int, errors: str) -> Iterator[None]:
    """As Python opens them on a terminal; closed afterwards, which ends what is read of them."""
    before = sys.stdin, sys.stdout, sys.stderr
    with ExitStack() as opened:
        opened.callback(os.close, slave)
        said = "backslashreplace"
        sys.stdin = opened.enter_context(open(slave, encoding="utf-8", errors=errors, closefd=False))
        sys.stdout = opened.enter_context(open(slave, "w", 1, "utf-8", said, closefd=False))
        sys.stderr = opened.enter_context(open(slave, "w", 1, "utf-8", said, closefd=False))
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = before


def on_terminal(
    monkeypatch: pytest.MonkeyPatch, *words: str, columns: int = 80, errors: str = "strict"
) -> Terminal:
    """Start a command here; ``errors`` is what becomes of input in another encoding. One at a time."""
    # Python looks for the width at the standard output that it began with.
    monkeypatch.setenv("COLUMNS", str(columns))
    master, slave = os.openpty()
    command = _Command(words, (master, slave), errors)
    command.start()
    return Terminal(cast(Any, command), master)

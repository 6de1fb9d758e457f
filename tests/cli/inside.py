"""Commands on a pseudo-terminal in this process: Python takes a third of a second to start one of its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias, cast

import pytest
import typer.main
from cli.terminals import Terminal

from aioseflow.cli.app import app

Here: TypeAlias = Callable[..., Terminal]

_PATIENCE = 30.0


class _Command(threading.Thread):
    """What `Terminal` asks of a process, of a command in a thread."""

    def __init__(self, words: tuple[str, ...], master: int, slave: int, errors: str) -> None:
        super().__init__(daemon=True)
        self.words, self.master, self.slave, self.errors = words, master, slave, errors
        self.code: int | None = None

    def run(self) -> None:
        try:
            with _standard_streams(self.slave, self.errors):
                typer.main.get_command(app).main(list(self.words), "aioseflow")
        except SystemExit as ended:
            self.code = cast("int", ended.code)

    def poll(self) -> int | None:
        return None if self.is_alive() else self.code

    def wait(self, patience: float = _PATIENCE) -> int | None:
        self.join(patience)
        assert not self.is_alive(), self.words
        return self.code

    def kill(self) -> None:
        # Whatever it asks, nobody answers any more: the one ends a line that was begun, the other the input.
        os.write(self.master, b"\x04\x04")


@contextmanager
def _standard_streams(slave: int, errors: str) -> Iterator[None]:
    """As Python opens them on a terminal, which nobody has open any more afterwards."""
    before = sys.stdin, sys.stdout, sys.stderr
    with ExitStack() as opened:
        opened.callback(os.close, slave)
        asked = opened.enter_context(open(slave, encoding="utf-8", errors=errors, closefd=False))
        said = opened.enter_context(open(slave, "w", 1, "utf-8", "backslashreplace", closefd=False))
        sys.stdin, sys.stdout, sys.stderr = asked, said, said
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = before


@contextmanager
def terminals_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Starts a command, one after the other: as the fixture ``spawn``, except that there is no Ctrl-C.

    ``errors`` is what becomes of input that is in another encoding.
    """
    terminals: list[Terminal] = []

    def start(*words: str, columns: int = 80, errors: str = "strict") -> Terminal:
        # Python looks for the width at the standard output that it began with.
        monkeypatch.setenv("COLUMNS", str(columns))
        master, slave = os.openpty()
        command = _Command(words, master, slave, errors)
        command.start()
        terminals.append(Terminal(cast("Any", command), master))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()

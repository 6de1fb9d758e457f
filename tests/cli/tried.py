"""`aioseflow tried`, for tests that are about shells and not about what the commands take today."""

from __future__ import annotations

import contextlib
import io
import os
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unittest import mock

import typer

from aioseflow.cli import app as outermost
from aioseflow.cli.app import MenuEntry
from aioseflow.cli.completion.candidates import complete_service, complete_vm
from aioseflow.cli.completion.shells import Shell

if TYPE_CHECKING:
    import pytest


def tried(
    vm: Annotated[list[str] | None, typer.Option(autocompletion=complete_vm)] = None,
    service: Annotated[list[str] | None, typer.Option(autocompletion=complete_service)] = None,
    shell: Annotated[Shell, typer.Option()] = "bash",
    report: Annotated[Path | None, typer.Option()] = None,
    note: str = "",
) -> int:
    """Take what is to be completed."""
    return 0


def enlist(put: Callable[[Any, str, Any], None]) -> None:
    """Put it among the commands with ``put(mapping, key, value)``."""
    put(sys.modules, "aioseflow.cli.tried", sys.modules[__name__])
    put(outermost._ENTRIES, "tried", MenuEntry("tried:tried", ""))
    put(outermost.RootGroup.sections["To try it"], "tried", "")


PROGRAM = f"""#!{sys.executable}
import operator, sys
sys.argv[0] = "aioseflow"
if len(sys.argv) < 2:
    from cli.tried import enlist
    enlist(operator.setitem)
from aioseflow.cli import main
main()
"""
"""The text of the program, which finds this module by its PYTHONPATH."""

_NAMES = ("_AIOSEFLOW_COMPLETE", "COMP_LINE", "COMP_TYPE", "COMP_WORDBREAKS", "COLUMNS")

# Python takes a hundredth of a second to start where it need not look for packages.
_ASKING = """#!{python} -IS
import _socket, os, sys
connection = _socket.socket()
connection.connect(("127.0.0.1", {port}))
connection.sendall(os.fsencode("\\0".join(os.environ.get(name, "") for name in {names})))
connection.shutdown(_socket.SHUT_WR)
while data := connection.recv(65536):
    sys.stdout.buffer.write(data)
"""


def answer(line: str, shell: str = "zsh", **variables: str) -> list[str]:
    """The lines that the program answers to a shell."""
    asked = {"_AIOSEFLOW_COMPLETE": f"complete_{shell}", "COMP_LINE": line, "COLUMNS": "80", **variables}
    with mock.patch.dict(os.environ, asked), contextlib.redirect_stdout(io.StringIO()) as written:
        with contextlib.suppress(SystemExit):
            outermost.app(prog_name="aioseflow")
    return written.getvalue().splitlines()


def words(line: str) -> list[str]:
    """The candidates for the last word of a line."""
    return [answered.partition("\t")[0] for answered in answer(f"aioseflow {line}") if answered]


class _Answering(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        given = dict(zip(_NAMES, os.fsdecode(self.rfile.read()).split("\0"), strict=True))
        shell = given.pop("_AIOSEFLOW_COMPLETE").removeprefix("complete_")
        lines = answer(given.pop("COMP_LINE"), shell, **given)
        self.wfile.write(os.fsencode("".join(f"{line}\n" for line in lines)))


@contextlib.contextmanager
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The text of a program that has its answers from this process, which need not start any more."""
    enlist(monkeypatch.setitem)
    with socketserver.TCPServer(("127.0.0.1", 0), _Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield _ASKING.format(python=sys.executable, port=server.server_address[1], names=_NAMES)
        finally:
            server.shutdown()
            thread.join()

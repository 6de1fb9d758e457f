"""`aioseflow sandbox`: the provider on loopback, as a server."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
from collections.abc import Callable
from typing import get_args

import pytest
from cli.terminals import Result, Terminal, process

from aioseflow import SeFlow
from aioseflow.cli.exit_code import Refusal
from aioseflow.cli.sandbox import Dialect, _run
from aioseflow.sandbox import Dialect as Spoken
from aioseflow.sandbox import Sandbox

Run = Callable[..., Result]
Spawn = Callable[..., Terminal]


def _exported(lines: str) -> dict[str, str]:
    words = [shlex.split(line) for line in lines.splitlines()]
    assert all(word == "export" and len(rest) == 1 for word, *rest in words)
    return dict(assignment.split("=", 1) for _, assignment in words)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_runs_until_told_to_stop(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    server = process("sandbox", "--port", "0", "--services", "1", "--vms", "2", "--dialect", "by_id")
    assert server.stdout is not None
    settings = _exported("".join(server.stdout.readline().decode() for _ in range(3)))
    assert set(settings) == {"SEFLOW_BASE_URL", "SEFLOW_USERNAME", "SEFLOW_PASSWORD"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert '"online"' in run("api", "vms.list", "33301").stdout
    os.kill(server.pid, number)
    out, words = server.communicate(timeout=30)
    assert (server.returncode, out) == (0, b"")
    assert words == b"A panel is running; copy the lines above into another shell. Ctrl-C ends it.\n"


def test_ctrl_c_ends_it_on_a_terminal(spawn: Spawn) -> None:
    terminal = spawn("sandbox", "--port", "0")
    terminal.expect("Ctrl-C ends it.")
    terminal.type("\x03")
    code, written = terminal.finish()
    assert code == 0
    assert "Traceback" not in written


def test_a_port_that_is_taken_is_one_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("sandbox", "--port", str(port))
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"aioseflow: cannot listen on port {port} (Address already in use); "
        "choose another --port, 0 for any\n"
    )


async def test_its_lines_can_be_evaluated_whatever_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    panel = Sandbox(services=0, vms_per_service=0, password="it's $HOME; `x`")
    running = asyncio.ensure_future(_run(panel))
    out = ""
    async with asyncio.timeout(20):
        while "PASSWORD" not in out:
            await asyncio.sleep(0)
            out += capsys.readouterr().out
    settings = _exported(out)
    async with SeFlow(
        settings["SEFLOW_USERNAME"], settings["SEFLOW_PASSWORD"], base_url=settings["SEFLOW_BASE_URL"]
    ) as seflow:
        assert await seflow.services.list() == []
    signal.raise_signal(signal.SIGTERM)
    await running


async def test_a_panel_that_cannot_listen_is_refused() -> None:
    async with Sandbox(services=0, vms_per_service=0) as panel:
        with pytest.raises(Refusal, match="choose another --port"):
            await _run(Sandbox(services=0, vms_per_service=0, port=panel.port))


def test_its_dialects_are_those_of_the_sandbox() -> None:
    assert set(get_args(Dialect)) == {dialect.value for dialect in Spoken}


def test_a_number_that_cannot_be_is_refused(run: Run) -> None:
    assert run("sandbox", "--port", "70000").exit_code == 2
    assert run("sandbox", "--vms", "-1").exit_code == 2

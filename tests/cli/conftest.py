"""A panel in a thread, the commands in this process or in one of their own, with a terminal or without."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cli.terminals import Result, Terminal
from support.clients import QUICK_SETTLE
from typer.testing import CliRunner

from aioseflow.cli import run_control
from aioseflow.cli.app import app
from aioseflow.cli.profiles import login
from aioseflow.sandbox import Sandbox

Run: TypeAlias = Callable[..., Result]
Panels: TypeAlias = Callable[..., Sandbox]
Spawn: TypeAlias = Callable[..., Terminal]

# Imported when a command needs them, they would keep for good what a test has put in the place of `can_ask`.
_BOUND = (login, run_control)

_VARIABLES = ("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL")
_FOREIGN = (
    *("SEFLOW_PROFILE", "AIOSEFLOW_DEBUG", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI"),
    *("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"),
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*_VARIABLES, *_FOREIGN):
        monkeypatch.delenv(name, raising=False)
    # Nobody's own runs are among those of the tests, nor the other way round.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("AIOSEFLOW_JOURNAL", str(tmp_path / "kept" / "runs.sqlite"))


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> Iterator[Panels]:
    """Starts panels; the environment names the last one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started: list[Sandbox] = []

    def start(**options: Any) -> Sandbox:
        quick = {"stop_time": 0.0, "start_time": 0.0, "reboot_time": 0.0, "seed": 1}
        panel = Sandbox(**{"services": 2, "vms_per_service": 3, **quick, **options})
        asyncio.run_coroutine_threadsafe(panel.start(), loop).result(10)
        started.append(panel)
        for name, value in zip(_VARIABLES, (panel.username, panel.password, panel.url), strict=True):
            monkeypatch.setenv(name, value)
        return panel

    yield start
    for panel in started:
        asyncio.run_coroutine_threadsafe(panel.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def panel(panels: Panels) -> Sandbox:
    """Two services, 33301 and 33302, of three VMs: 4001 to 4003 and 4004 to 4006."""
    return panels()


@pytest.fixture
def run() -> Run:
    """Runs a command in this process, without a terminal."""
    runner = CliRunner()

    def run(*words: str) -> Result:
        result = runner.invoke(app, list(words), prog_name="aioseflow")
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Runs a command as a process of its own on a pseudo-terminal."""
    terminals: list[Terminal] = []

    def spawn(*words: str, **options: Any) -> Terminal:
        terminals.append(Terminal.spawn(*words, **options))
        return terminals[-1]

    yield spawn
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def quick_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepted changes are read back after hundredths of a second."""
    monkeypatch.setattr("aioseflow.fleet.plan.options.SettlePolicy", lambda: QUICK_SETTLE)

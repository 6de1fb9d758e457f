"""The example programs, loaded from their files, and panels for them."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import attrs
import pytest
from examples.people import ASKER, CHAT, COLLEAGUE
from examples.stand_in import TOKEN, Platform
from support.clients import QUICK_RETRY, QUICK_SETTLE

from aioseflow import SeFlow
from aioseflow.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
VARIABLES = (
    *("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL"),
    *("TELEGRAM_TOKEN", "TELEGRAM_CHATS", "TELEGRAM_USERS", "TELEGRAM_API_URL"),
)


@attrs.frozen
class Ended:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str


Panels: TypeAlias = Callable[..., Awaitable[Sandbox]]
Bots: TypeAlias = Callable[..., Awaitable[Any]]
Run: TypeAlias = Callable[..., Awaitable[Ended]]
Spawn: TypeAlias = Callable[..., Awaitable[asyncio.subprocess.Process]]


def load(name: str) -> ModuleType:
    """An example as a module of its own."""
    alias = f"aioseflow_example_{name}"
    if alias not in sys.modules:
        spec = importlib.util.spec_from_file_location(alias, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[alias] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[alias]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("aioseflow.fleet.plan.options.SettlePolicy", lambda: QUICK_SETTLE)


@pytest.fixture
async def panels(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Panels]:
    """Starts panels; the environment names the last one."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Sandbox:
            quick = {"stop_time": 0.0, "start_time": 0.0, "reboot_time": 0.0, "seed": 1}
            panel = Sandbox(**{"services": 2, "vms_per_service": 3, **quick, **options})
            await stack.enter_async_context(panel)
            for name, value in zip(VARIABLES, (panel.username, panel.password, panel.url), strict=False):
                monkeypatch.setenv(name, value)
            return panel

        yield start


@pytest.fixture
async def panel(panels: Panels) -> Sandbox:
    """Two services, 33301 and 33302, of three running VMs: 4001 to 4003 and 4004 to 4006."""
    return await panels()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an example's ``main`` in a thread, beside the panel's loop."""

    async def run(name: str, *arguments: str) -> Ended:
        capsys.readouterr()
        try:
            code = await asyncio.to_thread(load(name).main, arguments)
        except SystemExit as ending:
            code = ending.code
        written = capsys.readouterr()
        return Ended(code, written.out, written.err)

    return run


@pytest.fixture
async def spawn() -> AsyncIterator[Spawn]:
    """Starts an example as its reader would, with warnings as errors."""
    processes: list[asyncio.subprocess.Process] = []

    async def spawn(name: str, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", str(EXAMPLES / f"{name}.py"), *arguments),
            env=dict(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield spawn
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.communicate()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    async with Platform() as platform:
        monkeypatch.setenv("TELEGRAM_TOKEN", TOKEN)
        monkeypatch.setenv("TELEGRAM_CHATS", f"{CHAT}, {ASKER}")
        monkeypatch.setenv("TELEGRAM_USERS", f"{ASKER},{COLLEAGUE}")
        monkeypatch.setenv("TELEGRAM_API_URL", platform.url)
        yield platform


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def bots(platform: Platform, clock: Clock) -> AsyncIterator[Bots]:
    """Starts the bot, listening, in front of the panel that the environment names."""
    chat_bot = load("chat_bot")
    async with AsyncExitStack() as stack:

        async def start(edit_every: float = 0.02) -> Any:
            settings = chat_bot.Settings.from_env()
            seflow = await stack.enter_async_context(SeFlow.from_env(retry=QUICK_RETRY))
            bot = await stack.enter_async_context(chat_bot.open_bot(settings))
            fleet_bot = chat_bot.FleetBot(bot, seflow, clock=clock, edit_every=edit_every)
            dispatcher = fleet_bot.dispatcher(settings)
            polling = asyncio.create_task(
                dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False)
            )

            async def stop() -> None:
                await dispatcher.stop_polling()
                await polling
                await fleet_bot.close()

            # aiogram lets TLS say goodbye for a quarter of a second; there is none here.
            stack.push_async_callback((await bot.session.create_session()).close)
            stack.push_async_callback(stop)
            await platform.until(lambda: platform.calls("getMe"))
            return fleet_bot

        yield start


@pytest.fixture
async def bot(panel: Sandbox, bots: Bots) -> Any:
    """A bot in front of two services of three running VMs."""
    return await bots()


async def ended(process: asyncio.subprocess.Process) -> Ended:
    """Wait for the end of a started example."""
    async with asyncio.timeout(60):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, stdout.decode(), stderr.decode())

"""A small panel that answers at once, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.clients import QUICK_RETRY
from support.journals import JournalPlace

from aioseflow import SeFlow
from aioseflow.sandbox import Sandbox


@pytest.fixture
async def panel() -> AsyncIterator[Sandbox]:
    """Three services of eight VMs; power changes take no time."""
    quick = {"stop_time": 0.0, "start_time": 0.0, "reboot_time": 0.0}
    async with Sandbox(services=3, vms_per_service=8, seed=1, **quick) as sandbox:  # type: ignore[arg-type]
        yield sandbox


@pytest.fixture(params=["file", "suspending"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """A place for runs: a file, and one that suspends whenever it is asked anything."""
    return JournalPlace.of(request.param, tmp_path)


@pytest.fixture(params=["file", "suspending", "none"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace | None:
    """The same, and none: the runs are in memory only."""
    return None if request.param == "none" else JournalPlace.of(request.param, tmp_path)


@pytest.fixture
async def seflow(panel: Sandbox) -> AsyncIterator[SeFlow]:
    async with SeFlow(panel.username, panel.password, base_url=panel.url, retry=QUICK_RETRY) as client:
        yield client

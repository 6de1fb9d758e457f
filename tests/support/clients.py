"""Clients for tests: short waits, so that a test of retries takes milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aioseflow import RetryPolicy, SeFlow, SettlePolicy
from aioseflow.sandbox import Sandbox
from support.journals import JournalPlace
from support.virtual import SocketPairConnector

QUICK_RETRY: Final = RetryPolicy(first_wait=0.001, longest_wait=0.002, deadline=30)
QUICK_SETTLE: Final = SettlePolicy(first_poll=0.02, longest_poll=0.05, patience=10.0)
USERNAME: Final = "ops@example.com"
PASSWORD: Final = "corrèct-hörse"


def client(url: str, **options: Any) -> SeFlow:
    """A client of a stand-in panel that takes any credentials."""
    return SeFlow(USERNAME, PASSWORD, base_url=url, **{"retry": QUICK_RETRY, **options})


@asynccontextmanager
async def virtual_client(panel: Sandbox, **options: Any) -> AsyncIterator[SeFlow]:
    """A client of a sandbox in the same loop, which is on a virtual clock: the waits are the real ones."""
    login = {"username": panel.username, "password": panel.password, "base_url": panel.url}
    if isinstance(options.get("journal"), JournalPlace):
        options["journal"] = options["journal"]()
    async with SocketPairConnector(panel) as connector:
        async with SeFlow(**{**login, "connector": connector, **options}) as seflow:
            yield seflow

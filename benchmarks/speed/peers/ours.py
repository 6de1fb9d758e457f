"""aioseflow, through what its users call."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aioseflow import FixedLimit, SeFlow, Stop

from ..work import IN_FLIGHT, PASSWORD, USERNAME, base, targets


class Ours:
    """`work.Peer`; ``journal`` writes one of every run, ``hooked`` listens to what happens."""

    def __init__(self, port: int, calls: int, *, journal: bool = False, hooked: bool = False) -> None:
        self._directory = tempfile.TemporaryDirectory() if journal else None
        where = Path(self._directory.name) / "journal.db" if self._directory is not None else None
        self.seen = 0
        self._client = SeFlow(
            USERNAME,
            PASSWORD,
            base_url=base(port, calls),
            allow_insecure=True,
            limit=FixedLimit(IN_FLIGHT),
            journal=where,
            hooks=[self._saw] if hooked else [],
        )
        self._opened: SeFlow | None = None

    def _saw(self, event: object) -> None:
        self.seen += 1

    async def _open(self) -> SeFlow:
        if self._opened is None:
            self._opened = await self._client.__aenter__()
        return self._opened

    async def stop(self, calls: int) -> None:
        vms = (await self._open()).vms

        async def one(service: int, vm: str) -> None:
            assert (await vms.stop(service, vm)).status is True

        await _pull(calls, one)

    async def list(self, calls: int) -> None:
        vms = (await self._open()).vms

        async def one(service: int, vm: str) -> None:
            assert len(await vms.list(service)) == 50

        await _pull(calls, one)

    async def get(self, calls: int) -> None:
        services = (await self._open()).services

        async def one(service: int, vm: str) -> None:
            assert (await services.get(service)).id

        await _pull(calls, one)

    async def fleet(self, calls: int) -> None:
        report = await (await self._open()).fleet.run(Stop(), wait=False)
        assert len(report.outcomes) == calls
        assert report.counts["changed"] == calls

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
        if self._directory is not None:
            self._directory.cleanup()


async def _pull(calls: int, do: Callable[[int, str], Awaitable[Any]]) -> None:
    left = iter(targets(calls))

    async def work() -> None:
        for service, vm in left:
            await do(service, vm)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))

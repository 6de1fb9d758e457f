"""aioseflow, through what its users call."""

from __future__ import annotations

import builtins
import tempfile
from pathlib import Path

from aioseflow import AdaptiveLimit, FixedLimit, RetryPolicy, SeFlow, Status, Stop, Timeouts

from ..work import IN_FLIGHT, PASSWORD, USERNAME, base, paced, pull, targets


class Ours:
    """`work.Peer`, everything as it is by default but the limit, so that as many are in flight as elsewhere.

    ``journal`` writes one of every run, ``hooked`` listens to what happens, ``adaptive`` finds the limit out,
    and without ``again`` nothing is repeated.
    """

    def __init__(
        self,
        port: int,
        calls: int,
        *,
        journal: bool = False,
        hooked: bool = False,
        adaptive: bool = False,
        again: bool = True,
    ) -> None:
        timeouts = Timeouts()
        self.timeouts = (
            f"connect {timeouts.connect:g}, read {timeouts.change:g} ({timeouts.read:g} of a GET), "
            f"all {timeouts.for_exchange(changes=True):g} ({timeouts.for_exchange(changes=False):g})"
        )
        self._directory = tempfile.TemporaryDirectory() if journal else None
        where = Path(self._directory.name) / "journal.db" if self._directory is not None else None
        self.seen = 0
        self._client = SeFlow(
            USERNAME,
            PASSWORD,
            base_url=base(port, calls),
            allow_insecure=True,
            limit=AdaptiveLimit(IN_FLIGHT) if adaptive else FixedLimit(IN_FLIGHT),
            retry=RetryPolicy() if again else None,
            timeouts=timeouts,
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

        await pull(targets(calls), one)

    async def list(self, calls: int) -> None:
        vms = (await self._open()).vms

        async def one(service: int, vm: str) -> None:
            assert len(await vms.list(service)) == 50

        await pull(targets(calls), one)

    async def get(self, calls: int) -> None:
        services = (await self._open()).services

        async def one(service: int, vm: str) -> None:
            assert (await services.get(service)).id

        await pull(targets(calls), one)

    async def fleet(self, calls: int) -> None:
        report = await (await self._open()).fleet.run(Stop(), wait=False)
        assert len(report.outcomes) == calls
        assert report.counts[Status.CHANGED] == calls

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        return await paced(calls, rate, (await self._open()).vms.stop)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
        if self._directory is not None:
            self._directory.cleanup()

"""The work of a peer that has one coroutine for every request, done by workers that pull targets."""

from __future__ import annotations

import builtins
from typing import Any

from ..server import VMS_PER_SERVICE
from ..work import paced, pull, targets


class Calling:
    """`work.Peer` of a coroutine ``_call(method, path)``, which gives the parsed answer."""

    async def _call(self, method: str, path: str) -> Any:
        raise NotImplementedError

    async def _stop(self, service: int | str, vm: str) -> None:
        assert (await self._call("POST", f"/service/{service}/vms/{vm}/stop"))["status"] is True

    async def stop(self, calls: int) -> None:
        await pull(targets(calls), self._stop)

    async def list(self, calls: int) -> None:
        async def one(service: int, _: str) -> None:
            assert len((await self._call("GET", f"/service/{service}/vms"))["vms"]) == VMS_PER_SERVICE

        await pull(targets(calls), one)

    async def get(self, calls: int) -> None:
        async def one(service: int, _: str) -> None:
            assert (await self._call("GET", f"/service/{service}"))["service"]["id"]

        await pull(targets(calls), one)

    async def fleet(self, calls: int) -> None:
        raise NotImplementedError("not written for it")

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        return await paced(calls, rate, self._stop)

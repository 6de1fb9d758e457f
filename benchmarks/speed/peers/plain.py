"""aiohttp as its documentation shows it: a task for each call, a semaphore, ``resp.json()``."""

from __future__ import annotations

import asyncio
import builtins
from typing import Any

import aiohttp

from ..work import (
    ANSWER_SECONDS,
    BOUNDED,
    CALL_SECONDS,
    CONNECT_SECONDS,
    FORM,
    HEADERS,
    IN_FLIGHT,
    base,
    paced,
    targets,
)


class Plain:
    """`work.Peer`."""

    timeouts = BOUNDED

    def __init__(self, port: int, calls: int) -> None:
        self._base = base(port, calls)
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS, connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self._semaphore = asyncio.Semaphore(IN_FLIGHT)

    async def _call(self, method: str, path: str) -> Any:
        headers = FORM if method == "POST" else HEADERS
        async with (
            self._semaphore,
            self._session.request(method, self._base + path, headers=headers) as response,
        ):
            response.raise_for_status()
            return await response.json()

    async def stop(self, calls: int) -> None:
        said = await asyncio.gather(
            *(self._call("POST", f"/service/{service}/vms/{vm}/stop") for service, vm in targets(calls))
        )
        assert all(each["status"] for each in said)

    async def list(self, calls: int) -> None:
        said = await asyncio.gather(
            *(self._call("GET", f"/service/{service}/vms") for service, _ in targets(calls))
        )
        assert all(len(each["vms"]) == 50 for each in said)

    async def get(self, calls: int) -> None:
        said = await asyncio.gather(
            *(self._call("GET", f"/service/{service}") for service, _ in targets(calls))
        )
        assert all(each["service"]["id"] for each in said)

    async def fleet(self, calls: int) -> None:
        services = (await self._call("GET", "/service"))["services"]
        lists = await asyncio.gather(
            *(self._call("GET", f"/service/{service['id']}/vms") for service in services)
        )
        said = await asyncio.gather(
            *(
                self._call("POST", f"/service/{service['id']}/vms/{vm['id']}/stop")
                for service, listed in zip(services, lists, strict=True)
                for vm in listed["vms"]
            )
        )
        assert sum(each["status"] for each in said) == calls

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        return await paced(
            calls, rate, lambda service, vm: self._call("POST", f"/service/{service}/vms/{vm}/stop")
        )

    async def close(self) -> None:
        await self._session.close()

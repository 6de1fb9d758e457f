"""aiohttp by somebody who knows it: workers, prepared URLs and headers, ``read()`` and orjson."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDict
from yarl import URL

from ..work import (
    ANSWER_SECONDS,
    BOUNDED,
    CALL_SECONDS,
    CONNECT_SECONDS,
    FORM,
    HEADERS,
    base,
    paced,
    pull,
    targets,
)


class Tuned:
    """`work.Peer`; without ``bounded`` it has no time-outs at all, ``typed`` makes objects of lists."""

    def __init__(self, port: int, calls: int, *, bounded: bool = True, typed: bool = False) -> None:
        self._base = URL(base(port, calls))
        self._path = self._base.path
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
        self.timeouts = "none"
        if bounded:
            self.timeouts = BOUNDED
            timeout = aiohttp.ClientTimeout(
                total=CALL_SECONDS, connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
            )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        )
        self._read: Callable[[dict[str, Any]], list[Any]] | None = None
        if typed:
            from ..handwritten import read_list

            self._read = read_list
        self._headers, self._form = CIMultiDict(HEADERS), CIMultiDict(FORM)

    async def _get(self, path: str) -> Any:
        url = self._base.with_path(self._path + path, encoded=True)
        async with self._session.get(url, headers=self._headers) as response:
            response.raise_for_status()
            return orjson.loads(await response.read())

    async def _vms(self, service: int | str) -> builtins.list[Any]:
        said = await self._get(f"/service/{service}/vms")
        return said["vms"] if self._read is None else self._read(said)

    async def _stop(self, service: int | str, vm: str) -> None:
        url = self._base.with_path(f"{self._path}/service/{service}/vms/{vm}/stop", encoded=True)
        async with self._session.post(url, headers=self._form) as response:
            response.raise_for_status()
            assert orjson.loads(await response.read())["status"] is True

    async def stop(self, calls: int) -> None:
        await pull(targets(calls), self._stop)

    async def list(self, calls: int) -> None:
        async def one(service: int, _: str) -> None:
            assert len(await self._vms(service)) == 50

        await pull(targets(calls), one)

    async def get(self, calls: int) -> None:
        async def one(service: int, _: str) -> None:
            assert (await self._get(f"/service/{service}"))["service"]["id"]

        await pull(targets(calls), one)

    async def fleet(self, calls: int) -> None:
        found: list[tuple[str, str]] = []

        async def look(service: str) -> None:
            vms = await self._vms(service)
            found.extend((service, vm["id"] if self._read is None else vm.id) for vm in vms)

        services = (await self._get("/service"))["services"]
        await pull([(service["id"],) for service in services], look)
        assert len(found) == calls
        await pull(found, self._stop)

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        return await paced(calls, rate, self._stop)

    async def close(self) -> None:
        await self._session.close()

"""aiohttp by somebody who knows it: workers, prepared URLs and headers, ``read()`` and orjson."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import aiohttp
import orjson
from multidict import CIMultiDict
from yarl import URL

from ..work import (
    ANSWER_SECONDS,
    CALL_SECONDS,
    CONNECT_SECONDS,
    FORM,
    HEADERS,
    IN_FLIGHT,
    base,
    paced,
    targets,
)

T = TypeVar("T")


class Tuned:
    """`work.Peer`; without ``bounded`` it has no time-outs at all, ``typed`` makes objects of lists."""

    def __init__(self, port: int, calls: int, *, bounded: bool = True, typed: bool = False) -> None:
        self._base = URL(base(port, calls))
        self._path = self._base.path
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
        self.timeouts = "none"
        if bounded:
            self.timeouts = f"connect {CONNECT_SECONDS:g}, read {ANSWER_SECONDS:g}, all {CALL_SECONDS:g}"
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

    async def _vms(self, service: int | str) -> list[Any]:
        said = await self._get(f"/service/{service}/vms")
        return said["vms"] if self._read is None else self._read(said)

    async def _stop(self, target: tuple[Any, str]) -> None:
        url = self._base.with_path(f"{self._path}/service/{target[0]}/vms/{target[1]}/stop", encoded=True)
        async with self._session.post(url, headers=self._form) as response:
            response.raise_for_status()
            assert orjson.loads(await response.read())["status"] is True

    async def stop(self, calls: int) -> None:
        await _pull(targets(calls), self._stop)

    async def list(self, calls: int) -> None:
        async def one(target: tuple[int, str]) -> None:
            assert len(await self._vms(target[0])) == 50

        await _pull(targets(calls), one)

    async def get(self, calls: int) -> None:
        async def one(target: tuple[int, str]) -> None:
            assert (await self._get(f"/service/{target[0]}"))["service"]["id"]

        await _pull(targets(calls), one)

    async def fleet(self, calls: int) -> None:
        found: list[tuple[str, str]] = []

        async def look(service: str) -> None:
            vms = await self._vms(service)
            found.extend((service, vm["id"] if self._read is None else vm.id) for vm in vms)

        services = (await self._get("/service"))["services"]
        await _pull([service["id"] for service in services], look)
        assert len(found) == calls
        await _pull(found, self._stop)

    async def paced(self, calls: int, rate: float) -> list[float]:
        return await paced(calls, rate, lambda service, vm: self._stop((service, vm)))

    async def close(self) -> None:
        await self._session.close()


async def _pull(what: Iterable[T], do: Callable[[T], Any]) -> None:
    left: Iterator[T] = iter(what)

    async def work() -> None:
        for each in left:
            await do(each)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))

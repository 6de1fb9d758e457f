"""The limit: an ``asyncio.Protocol`` that knows nothing of HTTP but where an answer ends."""

from __future__ import annotations

import asyncio
from typing import Any

from ..work import FORM, HEADERS, IN_FLIGHT, base, targets


class Bare(asyncio.Protocol):
    """Sends the next request as soon as the last is answered."""

    def __init__(self, left: list[bytes], done: asyncio.Future[None], right: bytes) -> None:
        self._left, self._done, self._right = left, done, right
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            assert self._right in body
            self._received = b""
            self._next()

    def _next(self) -> None:
        if self._left:
            self._transport.write(self._left.pop())
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()
        else:
            self._transport.close()


class Protocol:
    """`work.Peer`, without a fleet."""

    def __init__(self, port: int, calls: int) -> None:
        self._port, self._path = port, base(port, calls).partition(f":{port}")[2]

    async def _do(self, method: str, paths: list[str], right: bytes) -> None:
        headers = FORM if method == "POST" else HEADERS
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Host: 127.0.0.1:{self._port}", "Accept-Encoding: gzip, deflate"]
        if method == "POST":
            lines.append("Content-Length: 0")
        tail = " HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        left = [f"{method} {self._path}{path}{tail}".encode() for path in reversed(paths)]
        loop = asyncio.get_running_loop()
        done = [loop.create_future() for _ in range(IN_FLIGHT)]
        for each in done:
            await loop.create_connection(lambda each=each: Bare(left, each, right), "127.0.0.1", self._port)
        await asyncio.gather(*done)

    async def stop(self, calls: int) -> None:
        paths = [f"/service/{service}/vms/{vm}/stop" for service, vm in targets(calls)]
        await self._do("POST", paths, b'"status":true')

    async def list(self, calls: int) -> None:
        await self._do("GET", [f"/service/{service}/vms" for service, _ in targets(calls)], b'"vms":')

    async def get(self, calls: int) -> None:
        await self._do("GET", [f"/service/{service}" for service, _ in targets(calls)], b'"service":')

    async def fleet(self, calls: int) -> None:
        raise NotImplementedError("it cannot read a list")

    async def close(self) -> None:
        """Nothing is kept."""

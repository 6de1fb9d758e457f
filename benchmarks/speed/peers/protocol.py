"""The limit: an ``asyncio.Protocol`` that knows nothing of HTTP but where an answer ends."""

from __future__ import annotations

import asyncio
import builtins
from typing import Any

from ..work import FORM, HEADERS, IN_FLIGHT, base, targets


class Bare(asyncio.Protocol):
    """One connection, which sends the next request as soon as the last is answered."""

    def __init__(self) -> None:
        self._left: list[bytes] = []
        self._right = b""
        self._done: asyncio.Future[None] | None = None
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def do(self, left: list[bytes], right: bytes) -> None:
        """Take requests off the list's end until none is left; each answer holds what is right."""
        self._left, self._right = left, right
        self._done = asyncio.get_running_loop().create_future()
        self._next()
        await self._done

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
        elif self._done is not None and not self._done.done():
            self._done.set_result(None)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Protocol:
    """`work.Peer`, without a fleet."""

    timeouts = "none"

    def __init__(self, port: int, calls: int) -> None:
        self._port, self._path = port, base(port, calls).partition(f":{port}")[2]
        self._connections: list[Bare] = []

    async def _do(self, method: str, paths: list[str], right: bytes) -> None:
        headers = FORM if method == "POST" else HEADERS
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Host: 127.0.0.1:{self._port}", "Accept-Encoding: gzip, deflate"]
        if method == "POST":
            lines.append("Content-Length: 0")
        tail = " HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        left = [f"{method} {self._path}{path}{tail}".encode() for path in reversed(paths)]
        loop = asyncio.get_running_loop()
        while len(self._connections) < IN_FLIGHT:
            _, connection = await loop.create_connection(Bare, "127.0.0.1", self._port)
            self._connections.append(connection)
        await asyncio.gather(*(each.do(left, right) for each in self._connections))

    async def stop(self, calls: int) -> None:
        paths = [f"/service/{service}/vms/{vm}/stop" for service, vm in targets(calls)]
        await self._do("POST", paths, b'"status":true')

    async def list(self, calls: int) -> None:
        await self._do("GET", [f"/service/{service}/vms" for service, _ in targets(calls)], b'"vms":')

    async def get(self, calls: int) -> None:
        await self._do("GET", [f"/service/{service}" for service, _ in targets(calls)], b'"service":')

    async def fleet(self, calls: int) -> None:
        raise NotImplementedError("it cannot read a list")

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        raise NotImplementedError("it sends when the last answer is there, not when a call is due")

    async def close(self) -> None:
        for each in self._connections:
            each.close()

"""A server of raw sockets: it plays answers byte for byte and records what reached it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TypeAlias

import attrs

from .listening import Listening


@attrs.frozen
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@attrs.frozen
class Play:
    """Bytes to send, and what to do then: ``keep`` the connection, ``close`` or ``reset`` it, or ``hang``."""

    data: bytes = b""
    then: str = "keep"


Answer: TypeAlias = bytes | Play


def http(
    body: bytes | str = b"",
    status: int = 200,
    *,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """A whole answer; ``length`` lies about the body's length."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(data) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Wire(Listening):
    """``async with Wire() as wire:``; set ``wire.answer`` to a function of the request, or a constant."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._arrival = asyncio.Condition()
        self.answer: Callable[[Seen], Answer] | Answer = http("{}")
        self.requests: list[Seen] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/api"

    @property
    def last(self) -> Seen:
        return self.requests[-1]

    async def arrived(self, number: int) -> None:
        """Wait until so many requests have reached the server."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= number)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play an answer to each request."""
        self.connections += 1
        connection = self.connections
        while await self._one(reader, writer, connection):
            pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        request, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        seen = Seen(method, target, headers, body, connection)
        self.requests.append(seen)
        async with self._arrival:
            self._arrival.notify_all()
        answer = self.answer(seen) if callable(self.answer) else self.answer
        play = answer if isinstance(answer, Play) else Play(answer)
        writer.write(play.data)
        await writer.drain()
        if play.then == "hang":
            await asyncio.Event().wait()
        if play.then == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return play.then == "keep"

"""An HTTP proxy of raw sockets: it tunnels, forwards or refuses, and records what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from .listening import Listening

HEAD_BYTES: Final = 16 * 1024
CONNECT_SECONDS: Final = 5.0
_PIECE: Final = 64 * 1024


@attrs.frozen
class Asked:
    """One request to the proxy, as it arrived; the headers' names are in lower case, their values raw."""

    method: str
    target: str
    headers: dict[str, bytes]


class Proxy(Listening):
    """`async with Proxy() as proxy:` and then `session.get(url, proxy=proxy.url)`.

    With `refuse` every request is answered with that status, and nothing is reached; it may be set at any
    time. `requests` is what it was asked, CONNECT (for https) and absolute-form (for http) alike. A
    connection serves one of them.
    """

    def __init__(self, *, refuse: int | None = None) -> None:
        super().__init__(head_bytes=HEAD_BYTES)
        self.refuse = refuse
        self.requests: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Asked:
        return self.requests[-1]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the one request of a connection."""
        try:
            await self._one(reader, writer)
            writer.close()
            await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            writer.write(_answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
            return
        try:
            asked = _asked(head)
            host, port, path = _target(asked)
        except ValueError:
            writer.write(_answer(HTTPStatus.BAD_REQUEST))
            return
        self.requests.append(asked)
        if self.refuse is not None:
            writer.write(_answer(self.refuse))
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.write(_answer(HTTPStatus.BAD_GATEWAY))
            return
        try:
            if asked.method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = _pumped(far_reader, writer)
            else:
                far_writer.write(_forwarded(asked, path))
                back = _answered(far_reader, writer)
            await _first_end(_pumped(reader, far_writer), back)
        finally:
            far_writer.transport.abort()


def _asked(head: bytes) -> Asked:
    line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, _ = line.decode("latin-1").split(" ")
    headers = {}
    for field in fields:
        name, _, value = field.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip()
    return Asked(method, target, headers)


def _target(asked: Asked) -> tuple[str, int, str]:
    parts = urlsplit(f"//{asked.target}" if asked.method == "CONNECT" else asked.target)
    if parts.hostname is None:
        raise ValueError("only CONNECT and absolute-form targets name a host")
    return parts.hostname, parts.port or 80, parts._replace(scheme="", netloc="").geturl() or "/"


def _answer(status: int) -> bytes:
    challenge = 'Proxy-Authenticate: Basic realm="proxy"\r\n' if status == 407 else ""
    return (
        f"HTTP/1.1 {status} Said by the proxy\r\nContent-Length: 0\r\n{challenge}Connection: close\r\n\r\n"
    ).encode()


def _forwarded(asked: Asked, path: str) -> bytes:
    lines = [f"{asked.method} {path} HTTP/1.1".encode(), b"connection: close"]
    for name, value in asked.headers.items():
        if not name.startswith(("proxy-", "connection")):
            lines.append(name.encode("latin-1") + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def _first_end(*ways: Coroutine[Any, Any, None]) -> None:
    pumps = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        writer.write(cut.partial)
        return
    # Whatever the target says: a second request on this connection would pass unread and unrecorded.
    status, *lines = head.split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    writer.write(b"\r\n".join([status, b"Connection: close", *kept]))
    await _pumped(reader, writer)

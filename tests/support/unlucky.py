"""A panel that things go wrong with, below HTTP as well as in it; it records what reached it, and what went
wrong and how often."""

from __future__ import annotations

import asyncio
import errno
import math
import select
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import attrs

from support import tls
from support.wire import Play

_HANDSHAKE: Final = b"\x16"  # what a TLS client's first record begins with
_TO_BE_RESET: Final = struct.pack("ii", 1, 0)  # linger for no time: RST in place of FIN


@attrs.frozen
class Shut:
    """Nobody listens at the port; with ``full`` somebody does, but never accepts, and no more fit in."""

    full: bool = False


@attrs.frozen
class Handshake:
    """TLS fails: those bytes come in place of the panel's hello, which closes then or is ``silent``, or the
    handshake is done with that certificate."""

    data: bytes = b""
    silent: bool = False
    certificate: Callable[[], ssl.SSLContext] | None = None


@attrs.frozen
class NoName:
    """The panel's name is not found."""


Fault: TypeAlias = Play | Shut | Handshake | NoName


@attrs.define(eq=False)
class Line:
    """One accepted connection: how many requests it has served, and whether it is over."""

    number: int
    served: int = 0
    ended: asyncio.Event = attrs.Factory(asyncio.Event)


@attrs.frozen
class Arrived:
    """One request: where, how many that connection had served before, when, and whether it was spoilt."""

    method: str
    target: str
    line: Line
    served_before: int
    at: datetime
    spoilt: bool


class Unlucky:
    """``async with Unlucky(fault) as panel:``; all goes well until `strike`.

    `struck` counts how often the fault was seen to happen: a spoilt answer that was written (or, for silence,
    given up by the client), a handshake that did not end well, a name that was asked for, or a port that the
    panel itself found shut right after the client had (`found_shut`).
    """

    def __init__(self, fault: Fault, right: bytes) -> None:
        self.lines: list[Line] = []
        self.arrived: list[Arrived] = []
        self.struck = 0
        self._fault, self._right = fault, right
        self._target: str | None = None
        self._left = 0.0
        self._tls = tls.good() if isinstance(fault, Handshake) else None
        self._watched: list[Line] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: dict[Line, asyncio.StreamWriter] = {}
        self._filler: socket.socket | None = None
        self._lookup: Callable[..., Any] | None = None

    @property
    def url(self) -> str:
        host = "localhost" if isinstance(self._fault, NoName) else "127.0.0.1"
        return f"http{'s' if self._tls else ''}://{host}:{self._address[1]}/api"

    async def strike(self, target: str, times: float = math.inf) -> None:
        """From now on it goes wrong, so many times: for requests to that target, or below them for all."""
        self._target, self._left = target, times
        if isinstance(self._fault, Shut):
            await self._stop_listening()
            self._listener = _bound(self._address)
            if self._fault.full:
                self._listener.listen(0)
                # With a backlog of none there is room for one.
                self._filler = socket.create_connection(self._address)

    def found_shut(self) -> None:
        """The client has just failed: look whether the port is shut indeed; open it if that was enough."""
        if not isinstance(self._fault, Shut) or not self._left:
            return
        with socket.socket() as knock:
            knock.setblocking(False)
            why = knock.connect_ex(self._address)
            if why == errno.EINPROGRESS and select.select([], [knock], [], 0)[1]:
                why = knock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.struck += why == (errno.EINPROGRESS if self._fault.full else errno.ECONNREFUSED)
        self._left -= 1
        if not self._left:
            if self._filler is not None:
                self._listener.accept()[0].close()
            self._listen()

    async def hang_up(self) -> None:
        """Close all connections, and wait until the client has seen it and closed its ends too."""
        for line, writer in list(self._writers.items()):
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()
                await writer.wait_closed()
            await line.ended.wait()

    async def watched(self) -> None:
        """Wait until the client has left every connection on which it was met with silence or bad TLS."""
        for line in self._watched:
            await line.ended.wait()

    async def __aenter__(self) -> Self:
        self._listener = _bound(("127.0.0.1", 0))
        self._address: tuple[str, int] = self._listener.getsockname()
        self._listen()
        if isinstance(self._fault, NoName):
            # Below aiohttp's resolver and its cache, and without the system's own search lists and waits.
            loop: Any = asyncio.get_running_loop()
            loop.getaddrinfo = self._resolve
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_listening()
        if self._filler is not None:
            self._filler.close()
        if isinstance(self._fault, NoName):
            loop: Any = asyncio.get_running_loop()
            del loop.getaddrinfo
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _listen(self) -> None:
        # At once, so that a client that comes in this very moment is let in.
        self._listener.listen(128)
        self._accepting = asyncio.create_task(self._accept())

    async def _stop_listening(self) -> None:
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()

    def _spend(self) -> bool:
        """Whether it goes wrong this time."""
        if not self._left:
            return False
        self._left -= 1
        return True

    async def _resolve(self, host: str, port: int, **how: Any) -> list[Any]:
        if self._spend():
            self.struck += 1
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", self._address)]

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._listener)
            line = Line(len(self.lines) + 1)
            self.lines.append(line)
            task = loop.create_task(self._serve(sock, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket, line: Line) -> None:
        try:
            if isinstance(self._fault, Handshake) and self._spend():
                self._watched.append(line)
                with sock:
                    await self._fail_to_shake_hands(self._fault, sock)
            else:
                await self._serve_well(sock, line)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.pop(line, None)
            line.ended.set()

    async def _fail_to_shake_hands(self, fault: Handshake, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        if fault.certificate is not None:
            try:
                await loop.connect_accepted_socket(asyncio.Protocol, sock, ssl=fault.certificate())
            except OSError:
                self.struck += 1
            return
        hello = await loop.sock_recv(sock, 65_536)
        await loop.sock_sendall(sock, fault.data)
        if fault.silent:
            while await loop.sock_recv(sock, 65_536):
                pass
        self.struck += hello.startswith(_HANDSHAKE)

    async def _serve_well(self, sock: socket.socket, line: Line) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self._tls)
        writer = self._writers[line] = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            while await self._one(reader, writer, line):
                line.served += 1
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.rstrip().split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.lower(): value for name, _, value in (text.partition(":") for text in lines)}
        await reader.readexactly(int(headers.get("content-length", "0")))
        fault = self._fault
        spoilt = isinstance(fault, Play) and target == self._target and self._spend()
        self.arrived.append(Arrived(method, target, line, line.served, datetime.now(UTC), spoilt))
        play = fault if isinstance(fault, Play) and spoilt else Play(self._right)
        writer.write(play.data)
        await writer.drain()
        if play.then == "hang":
            self._watched.append(line)
            await reader.read()
        if play.then == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _TO_BE_RESET)
            writer.transport.abort()
        self.struck += spoilt
        return play.then == "keep"


def _bound(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    return sock

"""A panel and a bare HTTP client for it, over TCP or, on a virtual clock, over socket pairs."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import selectors
import socket
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest

from aioseflow.sandbox import Sandbox


@attrs.frozen
class Answer:
    """Answer of the panel."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class RawConnection:
    """Connection for requests one after the other."""

    def __init__(self, panel: Sandbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.panel = panel
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, panel: Sandbox) -> RawConnection:
        """Connect by TCP, or by a socket pair to a panel that does not listen."""
        if panel.port:
            reader, writer = await asyncio.open_connection("127.0.0.1", panel.port)
        else:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(panel.protocol_factory, theirs)
            reader, writer = await asyncio.open_connection(sock=ours)
        return cls(panel, reader, writer)

    def send(
        self,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        *,
        login: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        prefix: str = "/api",
    ) -> None:
        """Write one request."""
        user, password = login or (self.panel.username, self.panel.password)
        sent = {
            "Host": "panel",
            "Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}",
        }
        if form is not None:
            body = urlencode(form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if body or method in ("POST", "PUT"):
            sent["Content-Length"] = str(len(body))
        sent |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value)
        self.writer.write(f"{method} {prefix}{path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def receive(self) -> Answer:
        """Read one answer whose length is announced."""
        head, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head.split()[1]), headers, body)

    async def close(self) -> None:
        """End the connection."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


class Caller:
    """Calls a panel, each time over a new connection."""

    def __init__(self, panel: Sandbox) -> None:
        self.panel = panel

    async def line(self) -> RawConnection:
        """Return a new connection, which the caller closes."""
        return await RawConnection.open(self.panel)

    async def __call__(
        self, method: str, path: str, form: dict[str, str] | None = None, **given: Any
    ) -> Answer:
        line = await RawConnection.open(self.panel)
        try:
            line.send(method, path, form, **given)
            return await line.receive()
        finally:
            await line.close()

    async def raw(self, method: str, path: str, form: dict[str, str] | None = None, **given: Any) -> bytes:
        """All bytes until the server closes; a reset is the ConnectionResetError that it is."""
        line = await RawConnection.open(self.panel)
        try:
            line.send(method, path, form, **given)
            return await line.reader.read()
        finally:
            await line.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer whenever nothing is ready."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.jumped = 0.0

    def time(self) -> float:
        return self.jumped


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._of = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is ready and nothing will be")
        if not ready and timeout:
            self._of.jumped += timeout
        return ready


Story = Callable[[Sandbox, Caller], Awaitable[None]]


@pytest.fixture
def virtually() -> Callable[..., Sandbox]:
    """Run a story with a panel on a virtual clock; the keywords are the panel's."""

    def run(story: Story, **settings: Any) -> Sandbox:
        panel = Sandbox(listen=False, **settings)

        async def run_story() -> None:
            async with panel:
                await story(panel, Caller(panel))

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(run_story())
        return panel

    return run


@pytest.fixture(autouse=True)
def quiet_server(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing may go wrong behind the answers: no task that died, no handler that raised."""
    yield
    # A task that died is only reported once it is collected; the young generations hold this test's.
    gc.collect(1)
    complaints = [
        record.getMessage()
        for when in ("setup", "call", "teardown")
        for record in caplog.get_records(when)
        if record.levelno >= logging.ERROR
    ]
    assert not complaints


@pytest.fixture
def caller() -> type[Caller]:
    """The client of a panel that listens."""
    return Caller

"""What comes over a kept connection while nobody asks: nothing is sent on it, and nothing of it is an answer.

The panel here is a socket in a thread of its own. It refuses every change, and after each answer it says one
thing too many. What arrived, over which connection and after what, is in its record.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import aiohttp
import attrs
import pytest
from support.clients import client
from support.wire import http

from aioseflow import ApiError, OutcomeUnknown, SeFlow, SeFlowError
from aioseflow.policy import REUSED_ANSWERS_BEFORE_ONCE

YES: Final = http('{"status": true, "vms": {"666": {"id": "666"}}}')
UNASKED: Final = {
    "one answer too many": (YES, False),
    "half an answer": (YES[:30], False),
    "a stray byte": (b"\n", False),
    "408 before a close": (http("", 408, headers={"Connection": "close"}), True),
    "408 and no close": (http("", 408), False),
    "a close": (b"", True),
    "an answer and a close": (YES, True),
    "not HTTP": (b"\x15\x03\x01\x00\x02\x02\x46", False),
}


@attrs.define(eq=False)
class Request:
    """One request as it arrived: the connection, and whether anything unasked had been said on it."""

    line: str
    connection: int
    served: int
    after_unasked: bool


@attrs.define(eq=False)
class Panel:
    """Refuses changes, gives lists; says ``unasked`` after each answer once ``armed``."""

    unasked: bytes
    closes: bool
    armed: bool = False
    at_once: bool = False
    record: list[Request] = attrs.Factory(list)
    said: threading.Event = attrs.Factory(threading.Event)
    _listening: socket.socket = attrs.Factory(socket.socket)
    _open: list[socket.socket] = attrs.Factory(list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/api"

    def start(self) -> None:
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        for each in (self._listening, *self._open):
            with suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            number += 1
            threading.Thread(target=self._converse, args=(connection, number), daemon=True).start()

    def _converse(self, connection: socket.socket, number: int) -> None:
        served, spoke, head = 0, False, b""
        try:
            while piece := connection.recv(65536):
                head += piece
                if b"\r\n\r\n" not in head:
                    continue
                line, head = head.split(b"\r\n", 1)[0].decode(), b""
                self.record.append(Request(line, number, served, spoke))
                answer = self._answer(line)
                served += 1
                if not self.armed:
                    connection.sendall(answer)
                    continue
                if self.at_once:
                    connection.sendall(answer + self.unasked)
                else:
                    connection.sendall(answer)
                    time.sleep(0.02)
                    connection.sendall(self.unasked)
                spoke = True
                if self.closes:
                    connection.shutdown(socket.SHUT_WR)
                self.said.set()
        except OSError:
            return

    def _answer(self, line: str) -> bytes:
        method, target, _ = line.split(" ")
        if method == "GET":
            service = target.split("/")[3]
            return http(f'{{"vms": {{"{service}": {{"id": "{service}"}}}}}}')
        return http('{"error": ["vm_locked"]}')


@contextmanager
def panel_of(unasked: str) -> Iterator[Panel]:
    panel = Panel(*UNASKED[unasked])
    panel.start()
    try:
        yield panel
    finally:
        panel.stop()


Calling = Callable[[SeFlow], Any]
CHANGES: Final[dict[str, Calling]] = {
    "stop": lambda seflow: seflow.vms.stop(9, 66),
    "start": lambda seflow: seflow.vms.start(9, 66),
    "destroy": lambda seflow: seflow.vms.destroy(9, 66),
    "resize": lambda seflow: seflow.vms.resize(9, 66, memory=512),
    "reboot": lambda seflow: seflow.vms.reboot(9, 66),
}


async def warm_up(seflow: SeFlow) -> None:
    """Connections are kept for every kind of call afterwards, also for those that go once."""
    for _ in range(REUSED_ANSWERS_BEFORE_ONCE + 2):
        await seflow.vms.list(8)
    for calling in CHANGES.values():
        with pytest.raises(ApiError):
            await calling(seflow)


async def let_pass(panel: Panel, *, looks: bool) -> None:
    """Wait until the panel has said it; the loop has looked at its sockets since, or has not."""
    if looks:
        await asyncio.to_thread(panel.said.wait, 5)
        await asyncio.sleep(0.05)
    else:
        # The loop is busy: the bytes wait in the socket, and aiohttp knows nothing of them.
        assert panel.said.wait(5)
        time.sleep(0.05)  # noqa: ASYNC251 - that is what it is about
    panel.said.clear()


@pytest.mark.parametrize("looks", [True, False], ids=["seen", "in the socket"])
@pytest.mark.parametrize("unasked", UNASKED)
async def test_nothing_is_sent_where_something_came_unasked(unasked: str, *, looks: bool) -> None:
    with panel_of(unasked) as panel:
        async with client(panel.url) as seflow:
            await warm_up(seflow)
            panel.armed = True
            await seflow.vms.list(7)
            for calling in CHANGES.values():
                await let_pass(panel, looks=looks)
                with pytest.raises(ApiError) as caught:
                    await calling(seflow)
                assert caught.value.codes == ("vm_locked",)
                assert caught.value.attempts == 1
            for service in ("5", "6"):
                await let_pass(panel, looks=looks)
                assert [vm.id for vm in await seflow.vms.list(service)] == [service]
            spent = seflow.stats().retry_budget
        assert not any(request.after_unasked for request in panel.record)
        sent = [request.line.split(" ")[0] for request in panel.record[-7:]]
        assert sent == ["POST", "POST", "DELETE", "PUT", "POST", "GET", "GET"]
        # It was no failure: no attempt, no wait, nothing of the budget for repeats.
        assert spent == 100


@pytest.mark.parametrize("unasked", ["one answer too many", "408 before a close", "an answer and a close"])
async def test_an_answer_too_many_right_behind_the_right_one_is_never_taken(unasked: str) -> None:
    with panel_of(unasked) as panel:
        async with client(panel.url) as seflow:
            await warm_up(seflow)
            panel.armed = panel.at_once = True
            assert [vm.id for vm in await seflow.vms.list("7")] == ["7"]
            for calling in CHANGES.values():
                with pytest.raises(SeFlowError) as caught:
                    await calling(seflow)
                assert isinstance(caught.value, ApiError | OutcomeUnknown)
        assert not any(request.after_unasked for request in panel.record)


@pytest.mark.parametrize("unasked", ["one answer too many", "408 before a close", "a close"])
async def test_a_lent_connector_s_connections_are_looked_at_too(unasked: str) -> None:
    with panel_of(unasked) as panel:
        async with aiohttp.TCPConnector() as connector, client(panel.url, connector=connector) as seflow:
            await warm_up(seflow)
            panel.armed = True
            await seflow.vms.list(7)
            for looks, calling in zip((True, False) * 3, CHANGES.values(), strict=False):
                await let_pass(panel, looks=looks)
                with pytest.raises(ApiError) as caught:
                    await calling(seflow)
                assert caught.value.codes == ("vm_locked",)
        assert not any(request.after_unasked for request in panel.record)


async def test_a_408_on_a_kept_connection_is_a_dropped_connection() -> None:
    """A server that says 408 to a connection which was idle for too long, just as the next request comes."""
    answers: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served = 0
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                served += 1
                answer = http('{"vms": {}}') if served == 1 else http("", 408)
                answers.append(answer)
                writer.write(answer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
    async with server, client(url) as seflow:
        for _ in range(10):
            assert await seflow.vms.list(9) == []
    # Every second request met a kept connection, got a 408 and went out on another.
    assert len(answers) == 19

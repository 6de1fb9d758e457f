"""A connection that the panel has closed unannounced must not make an unknown of a reboot.

The panel here answers and closes in one go. It runs in the client's loop, in another thread and in another
process, since what the client has seen of a close when it writes next differs between them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from support.clients import client
from support.patience import until
from support.wire import http

from aioseflow import Accepted, OutcomeUnknown, SeFlow
from aioseflow.policy import KEEPALIVE_FOR_ONCE_SECONDS, MAX_IN_FLIGHT, REUSED_ANSWERS_BEFORE_ONCE

REBOOTS: Final = 200
ALWAYS: Final = 1_000_000
ANSWER: Final = http('{"status": true, "vms": {}}')
TESTS: Final = Path(__file__).parents[1]
WHERE: Final = ("same loop", "another thread", "another process")
HOW: Final = ("one after the other", "at once")

Record: TypeAlias = list[tuple[str, int]]
"""What arrived: the target and the number of the connection."""


class Panel:
    """It keeps its connections for so many requests in all, and then closes after each answer."""

    def __init__(self, keeps: int) -> None:
        self.keeps = keeps
        self.record: Record = []
        self.connections = itertools.count(1)
        self.open: set[asyncio.Transport] = set()

    async def start(self) -> int:
        """Listen; returns the port."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Serving(self), "127.0.0.1", 0)
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """End all connections; the record is complete then."""
        self.server.close()
        for transport in self.open:
            transport.abort()
        await until(lambda: not self.open)


class Serving(asyncio.Protocol):
    """One connection of the panel's; the requests of these tests have no body."""

    transport: asyncio.Transport

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.number = next(panel.connections)
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.panel.open.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.panel.open.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.head += data
        if not self.head.endswith(b"\r\n\r\n"):
            return
        self.panel.record.append((self.head.split(b" ")[1].decode(), self.number))
        self.head = b""
        # In one go: the client finds both in its socket, or the close right behind the answer.
        self.transport.write(ANSWER)
        if len(self.panel.record) > self.panel.keeps:
            self.transport.close()


@asynccontextmanager
async def serving(where: str, keeps: int) -> AsyncIterator[tuple[str, Record]]:
    """The panel's URL, and its record, which is complete at the end."""
    panel = Panel(keeps)
    if where == "same loop":
        try:
            yield f"http://127.0.0.1:{await panel.start()}/api", panel.record
        finally:
            await panel.stop()
    elif where == "another thread":
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            port = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(panel.start(), loop))
            yield f"http://127.0.0.1:{port}/api", panel.record
        finally:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(panel.stop(), loop))
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
    else:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            str(keeps),
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}/api", panel.record
        finally:
            # The end of its input ends it; without the empty bytes 3.11 would leave it open.
            written, _ = await process.communicate(b"")
        panel.record += [(target, number) for target, number in json.loads(written)]


async def alone(keeps: int) -> None:
    """Be the panel of another process, until the input ends."""
    panel = Panel(keeps)
    print(await panel.start(), flush=True)  # noqa: T201 - the parent reads it
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await panel.stop()
    print(json.dumps(panel.record))  # noqa: T201 - the parent reads it


async def reboots(seflow: SeFlow, how: str) -> list[Accepted | BaseException]:
    """Reboot every VM once; what came of each, in order."""
    calls = (seflow.vms.reboot(9, vm) for vm in range(REBOOTS))
    if how == "at once":
        return await asyncio.gather(*calls, return_exceptions=True)
    ends: list[Accepted | BaseException] = []
    for call in calls:
        ends += await asyncio.gather(call, return_exceptions=True)
    return ends


async def warm_up(seflow: SeFlow) -> None:
    """Let the client see that the panel keeps its connections."""
    for _ in range(REUSED_ANSWERS_BEFORE_ONCE + 1):
        await seflow.vms.list(9)


def rebooted(record: Record) -> Counter[str]:
    """How often the reboot of each VM arrived."""
    return Counter(target for target, _ in record if target.endswith("/reboot"))


def target(vm: int) -> str:
    return f"/api/service/9/vms/{vm}/reboot"


EACH_ONCE: Final = Counter(target(vm) for vm in range(REBOOTS))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("where", WHERE)
async def test_a_panel_that_closes_after_every_answer_makes_no_reboot_unknown(where: str, how: str) -> None:
    async with serving(where, keeps=0) as (url, record):
        async with client(url) as seflow:
            ends = await reboots(seflow, how)
    assert [end for end in ends if isinstance(end, BaseException)] == []
    assert rebooted(record) == EACH_ONCE
    assert len({number for _, number in record}) == REBOOTS


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("where", WHERE)
async def test_reboots_share_the_connections_of_a_panel_that_keeps_them(where: str, how: str) -> None:
    async with serving(where, keeps=ALWAYS) as (url, record):
        async with client(url) as seflow:
            await warm_up(seflow)
            ends = await reboots(seflow, how)
    assert [end for end in ends if isinstance(end, BaseException)] == []
    assert rebooted(record) == EACH_ONCE
    # Not one alone even one after the other: a busy machine may let a connection idle for a second.
    used = {number for target, number in record if target.endswith("/reboot")}
    assert len(used) <= (MAX_IN_FLIGHT if how == "at once" else 5)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("where", WHERE)
async def test_a_panel_that_stops_keeping_connections_costs_one_unknown_a_connection_at_most(
    where: str, how: str
) -> None:
    async with serving(where, keeps=REUSED_ANSWERS_BEFORE_ONCE + 1 + REBOOTS // 2) as (url, record):
        async with client(url) as seflow:
            await warm_up(seflow)
            ends = await reboots(seflow, how)
    failed = {vm: end for vm, end in enumerate(ends) if isinstance(end, BaseException)}
    assert all(type(end) is OutcomeUnknown for end in failed.values())
    arrived = rebooted(record)
    assert all(arrived[target(vm)] == 1 for vm in range(REBOOTS) if vm not in failed)
    assert all(arrived[target(vm)] <= 1 for vm in failed)
    # The first that is met makes the client distrust all the others: only what is under way can follow.
    assert len(failed) <= (MAX_IN_FLIGHT if how == "at once" else 1)


async def test_a_connection_that_was_idle_for_over_a_second_is_not_used_for_a_reboot() -> None:
    async with serving("same loop", keeps=ALWAYS) as (url, record):
        async with client(url) as seflow:
            await warm_up(seflow)
            await seflow.vms.reboot(9, 1)
            # Real time: a connector on a virtual clock would be a lent one, with an idle time of its own.
            await asyncio.sleep(KEEPALIVE_FOR_ONCE_SECONDS + 0.1)
            await seflow.vms.list(9)
            await seflow.vms.reboot(9, 2)
    (_, first), (_, read), (_, second) = record[-3:]
    assert first != second
    # What may be repeated still goes over its old one.
    assert read == record[0][1] != second


if __name__ == "__main__":
    asyncio.run(alone(int(sys.argv[1])))

"""A life that is stopped makes no step and reads nothing; woken, it goes on in a real loop's order."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Coroutine
from typing import Any

from .standstill import StoppableLoop

_is_ours: contextvars.ContextVar[bool] = contextvars.ContextVar("is_ours", default=False)


def _owns(handle: asyncio.Handle) -> bool:
    return bool(handle._context.get(_is_ours))  # type: ignore[attr-defined]  # typeshed hides it


def _run(story: Coroutine[Any, Any, None]) -> None:
    loop = StoppableLoop()
    try:
        loop.run_until_complete(story)
    finally:
        loop.close()


def _ours() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(_is_ours.set, True)
    return context


def test_what_others_do_goes_on_while_a_life_stands_still() -> None:
    async def count(steps: list[float]) -> None:
        while True:
            await asyncio.sleep(1.0)
            steps.append(asyncio.get_running_loop().time())

    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StoppableLoop)
        began, ours, theirs = loop.time(), list[float](), list[float]()
        tasks = [loop.create_task(count(ours), context=_ours()), loop.create_task(count(theirs))]
        await asyncio.sleep(2.5)
        loop.stop_life(_owns)
        await asyncio.sleep(3.0)
        assert [round(at - began) for at in ours] == [1, 2]
        assert [round(at - began) for at in theirs] == [1, 2, 3, 4, 5]
        loop.wake_life()
        await asyncio.sleep(1.0)
        assert round(ours[2] - began, 1) == 5.5, "a timer that has become due fires when the life is woken"
        for task in tasks:
            task.cancel()

    _run(story())


def test_a_woken_life_reads_its_sockets_before_its_timers_fire() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StoppableLoop)
        seen: list[str] = []
        here, there = socket.socketpair()
        here.setblocking(False)
        context = _ours()
        context.run(loop.add_reader, here, lambda: seen.append(f"read {here.recv(10).decode()}"))
        loop.call_later(1.0, seen.append, "timer", context=context)
        loop.stop_life(_owns)
        there.send(b"answer")
        await asyncio.sleep(5.0)
        assert not seen
        loop.wake_life()
        await asyncio.sleep(0.1)
        assert seen == ["read answer", "timer"]
        loop.remove_reader(here)
        here.close()
        there.close()

    _run(story())

"""Lives of a client inside one loop: each step of its tasks is counted, and any of them may be its last.

A crash is a power cut of the client alone: from the chosen step on none of its tasks is stepped any more, its
sockets are closed (what had been written to them still reaches the panel), and the panel goes on. A life can
also be stopped and woken, see `standstill`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import warnings
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from itertools import count
from math import inf
from typing import Any, Final, TypeVar
from weakref import WeakSet

from aiohttp.client_proto import ResponseHandler
from support.virtual import Listener, SocketPairConnector, VirtualLoop

from .standstill import StoppableLoop

T = TypeVar("T")

WATCHED_EVERY: Final = 8  # steps

_whose: contextvars.ContextVar[Life] = contextvars.ContextVar("simulation_life")


class Life:
    """A client's process, from its start to its end or its death.

    Dies before its step number ``dies_at``; ``on_death`` is called then, ``watch`` every few steps before.
    All that runs in ``context``, and the tasks started there, belong to the life.
    """

    def __init__(self, number: int, *, dies_at: int | None, on_death: Callable[[], None]) -> None:
        self.number = number
        self.steps = 0
        self.dead = False
        self.ended_at = inf
        self.watch: Callable[[], None] | None = None
        self.tasks: WeakSet[NumberedTask] = WeakSet()
        self.ends: list[ResponseHandler] = []
        self.awake = asyncio.Event()
        self.awake.set()
        self.death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.context = contextvars.Context()
        self.context.run(_whose.set, self)
        self.dies_at = dies_at
        self._on_death = on_death
        self._buried: list[NumberedTask] = []

    def owns(self, handle: asyncio.Handle) -> bool:
        """Whether a callback of the loop belongs to this life."""
        return handle._context.get(_whose) is self  # type: ignore[attr-defined]  # typeshed hides it

    def steps_on(self) -> bool:
        """Count a step; False when there is none any more."""
        if self.dead:
            return False
        self.steps += 1
        if self.steps == self.dies_at:
            self._die()
            return False
        if self.watch is not None and not self.steps % WATCHED_EVERY:
            self.watch()
        return True

    def unfinished(self) -> list[NumberedTask]:
        """Return the tasks that are not done."""
        return sorted((task for task in self.tasks if not task.done()), key=hash)

    def cut(self) -> None:
        """Close the sockets; bytes that had not been written to them are gone."""
        for end in self.ends:
            if end.transport is not None:
                end.transport.abort()

    def bury(self) -> None:
        """Throw away the tasks that a death left, once the loop is closed."""
        for task in self._buried:
            task._log_destroy_pending = False
            # Each is ended wherever it stands, and some complain.
            with contextlib.suppress(BaseException):
                task.coroutine.close()
        self._buried.clear()

    def _die(self) -> None:
        self.dead = True
        self.ended_at = asyncio.get_running_loop().time()
        self._on_death()
        self._buried = self.unfinished()
        self.cut()
        self.death.set_result(None)


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address, so that a seed repeats."""

    _log_destroy_pending: bool

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], number: int, life: Life | None, **options: Any
    ) -> None:
        self.number = number
        self.life = life
        self.coroutine = coroutine
        super().__init__(coroutine if life is None else Stepped(coroutine, life), **options)

    def __hash__(self) -> int:
        return self.number


class Stepped(Coroutine[Any, Any, Any]):
    """A coroutine that is stepped only while its life lasts, and then waits for ever."""

    def __init__(self, inner: Coroutine[Any, Any, Any], life: Life) -> None:
        self._inner = inner
        self._life = life

    def send(self, value: Any) -> Any:
        """Make a step."""
        return self._inner.send(value) if self._life.steps_on() else _never()

    def throw(self, *error: Any) -> Any:
        """Make a step, by an exception."""
        return self._inner.throw(*error) if self._life.steps_on() else _never()

    def close(self) -> None:
        """End the coroutine, unless its life is dead: see `Life.bury`."""
        if not self._life.dead:
            self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


def _never() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    # `yield from future` would do the same.
    future._asyncio_future_blocking = True
    return future


class Pairs(SocketPairConnector):
    """A connector that remembers both ends of each connection, and the life that made it."""

    def __init__(
        self, server: Listener, made: dict[object, tuple[Life, ResponseHandler]], **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._made = made

    def _client_end(self, served: asyncio.BaseProtocol) -> ResponseHandler:
        ours = super()._client_end(served)
        life = _whose.get()
        life.ends.append(ours)
        self._made[served] = (life, ours)
        return ours


class Complaints:
    """Lines that the loop's exception handler was given, except those about dead lives."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an exception: keep a line about it."""
        about = context.get("task") or context.get("future")
        life = getattr(about, "life", None)
        handle = context.get("handle")
        if life is None and handle is not None:
            life = handle._context.get(_whose)
        if life is None or not life.dead:
            self.lines.append(f"{context['message']}: {context.get('exception')!r}")


def run_lives(
    story: Coroutine[Any, Any, T], lives: list[Life], complaints: Complaints, *, stoppable: bool = False
) -> T:
    """Run a story on a virtual clock; ``lives`` are those that the story made, by its end.

    ``stoppable`` says that some of them are stopped and woken, for which the loop is a `StoppableLoop`.
    """
    loop = StoppableLoop() if stoppable else VirtualLoop()
    numbers = count(1)

    def factory(
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> NumberedTask:
        life = _whose.get(None) if context is None else context.get(_whose)
        task = NumberedTask(coroutine, next(numbers), life, loop=loop, context=context, **options)
        if life is not None:
            life.tasks.add(task)
        return task

    loop.set_task_factory(factory)  # type: ignore[arg-type]  # typeshed wants a protocol with Any generics
    loop.set_exception_handler(complaints.note)
    try:
        return loop.run_until_complete(story)
    finally:
        for life in lives:
            life.cut()
        if not any(life.dead for life in lives):
            # Otherwise generators of the dead would run.
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        for life in lives:
            life.bury()


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect Python's complaints about objects that were left over, by the end of the block.

    Within the block no garbage is collected, so that an object is finalised at the same moment each time.
    """
    heard: list[str] = []
    before, was_enabled = sys.unraisablehook, gc.isenabled()
    gc.disable()
    sys.unraisablehook = lambda what: heard.append(f"{what.exc_value!r} of {what.object!r:.200}")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield heard
            # The objects of the block, and no others, are in the youngest generation.
            gc.collect(0)
        heard += [str(warning.message) for warning in warned]
    finally:
        sys.unraisablehook = before
        if was_enabled:
            gc.enable()

"""A loop on a clock of its own, and a way for aiohttp to reach a server inside it.

The real aiohttp client and the real sandbox run in one loop; nothing waits, time-outs of minutes included:

    async def story() -> None:
        async with Sandbox(listen=False, port=80) as panel:
            async with aiohttp.ClientSession(connector=SocketPairConnector(panel)) as session:
                ...

    run(story())

Or by the plugin of pytest-asyncio (1.4 and later). In `tests/conftest.py`:

    from support.virtual import loop_factories

    def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
        return loop_factories(item)

and in a test module, on a coroutine, on a class of them, or for all as `pytestmark = VIRTUAL`:

    @VIRTUAL
    async def test_a_silent_panel_is_given_up_after_thirty_seconds() -> None: ...

    @EVERY_LOOP
    class TestLife: ...

The closest mark decides, unmarked tests run as ever, and a fixture runs in its test's loop. pytest-asyncio
warns of the mark on a test that is not a coroutine, which is an error here, so that `pytestmark` is for
modules without such.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import selectors
import socket
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from types import CoroutineType
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar, TypeVarTuple
from unittest import mock

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
ProtocolFactory: TypeAlias = Callable[[], asyncio.BaseProtocol]

START: Final = 1000.0
LONGEST: Final = 1_000_000.0
_SHOWN_TASKS: Final = 10

VIRTUAL: Final = pytest.mark.asyncio(loop_factories=["virtual"])
EVERY_LOOP: Final = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set, or timers alone went on for days: the test would never end."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock starts at `START` and jumps to the next timer whenever nothing is ready.

    Executors run at once, in the loop's thread. Other threads and child processes are not waited for: what
    only they could wake is a `Deadlock`.
    """

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """The virtual seconds."""
        return self._clock.now

    def run_forever(self) -> None:
        """Run, with aiohttp on the same clock."""
        # aiohttp ages the connections of its pool by time.monotonic: with the timer on one clock and the age
        # on the other, an idle connection would never be old enough, and its timer be set again and again.
        with mock.patch("aiohttp.connector.monotonic", self.time):
            super().run_forever()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call the function now."""
        future: asyncio.Future[T] = self.create_future()
        # As in a thread, so that code which asks whether it is inside a loop gets the same answer.
        asyncio._set_running_loop(None)
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  (it is the awaiting code's to catch)
            future.set_exception(error)
        finally:
            asyncio._set_running_loop(self)
        return future


class _Clock(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Deadlock(f"deadlock: nothing will ever happen\n{_waiting()}")
        self.now += timeout
        if self.now > START + LONGEST:
            raise Deadlock(f"only timers go on, for {LONGEST:.0f} seconds now\n{_waiting()}")
        return ready


def _waiting() -> str:
    tasks = sorted(asyncio.all_tasks(), key=lambda task: (len(task.get_name()), task.get_name()))
    lines = [f"  {task.get_name()} waits at {_place(task)}" for task in tasks[:_SHOWN_TASKS]]
    if len(tasks) > _SHOWN_TASKS:
        lines.append(f"  and {len(tasks) - _SHOWN_TASKS} more")
    return "\n".join(lines)


def _place(task: asyncio.Task[Any]) -> str:
    inner = task.get_coro()
    while isinstance(inner, CoroutineType) and isinstance(inner.cr_await, CoroutineType):
        inner = inner.cr_await
    if not isinstance(inner, CoroutineType) or inner.cr_frame is None:
        return repr(inner)
    return f"{inner.__qualname__} ({inner.cr_code.co_filename}:{inner.cr_frame.f_lineno})"


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual clock of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class Listener(Protocol):
    """What can be connected to, such as `Sandbox(listen=False)`."""

    @property
    def protocol_factory(self) -> ProtocolFactory:
        """Makes the server's end of a connection; a RuntimeError says that nobody listens."""


class SocketPairConnector(aiohttp.BaseConnector):
    """Connects to one server by socket pairs, whatever the URL's host and port; plain HTTP only.

    A connection takes `latency` seconds, and with `hang` it is never made. `server`, `latency` and `hang` may
    be set at any time and are looked at for each connection. `attempts` counts the tries, refused ones too.
    """

    def __init__(
        self,
        server: Listener,
        *,
        latency: float = 0.0,
        hang: bool = False,
        limit: int = 100,
        keepalive_timeout: float = 15.0,
    ) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout)
        self.server = server
        self.latency = latency
        self.hang = hang
        self.attempts = 0
        self._accepting: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  (the name is aiohttp's)
    ) -> ResponseHandler:
        if req.is_ssl() or req.proxy:
            raise NotImplementedError("a socket pair has neither TLS nor proxies")
        self.attempts += 1
        try:
            async with asyncio.timeout(timeout.sock_connect):
                if self.hang:
                    await self._loop.create_future()
                if self.latency:
                    await asyncio.sleep(self.latency)
                return await self._connected()
        except TimeoutError:
            # An OSError too, but aiohttp has an error of its own for it.
            raise
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error

    async def _connected(self) -> ResponseHandler:
        try:
            factory = self.server.protocol_factory
        except RuntimeError:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused") from None
        served = factory()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        # In a context of its own: the server's tasks inherit nothing from the client whose turn it is.
        accepting = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: served, theirs), context=contextvars.Context()
        )
        self._accepting.add(accepting)
        accepting.add_done_callback(self._accepting.discard)
        try:
            # To accept is the server's business, whether or not the client is still there. Moreover uvloop
            # tells the server's protocol of a connection that was cancelled here, and never of its end.
            await asyncio.shield(accepting)
        except BaseException:
            ours.close()
            raise
        # The one way to use a socket of this family that all loops have.
        _, protocol = await self._loop.create_unix_connection(lambda: self._client_end(served), sock=ours)
        return protocol

    def _client_end(self, served: asyncio.BaseProtocol) -> ResponseHandler:
        """Make our end of the connection whose other end is the server's protocol ``served``."""
        return self._factory()


def loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The loops by name, for the hook `pytest_asyncio_loop_factories`; without a choice the usual one.

    pytest-asyncio would run a test that chooses nothing on every loop that the hook names. One name alone
    leaves the test's id as it is. A loop that is chosen and not installed skips the test.
    """
    factories: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    mark = item.get_closest_marker("asyncio")
    if mark is None or "loop_factories" not in mark.kwargs:
        return factories
    factories["virtual"] = VirtualLoop
    with contextlib.suppress(ImportError):
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories

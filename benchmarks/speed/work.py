"""What every peer is asked to do, so that all do the same."""

from __future__ import annotations

import asyncio
import base64
import builtins
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol

from .server import FIRST_SERVICE, VMS_PER_SERVICE

IN_FLIGHT: Final = 64
USERNAME: Final = "me@example.com"
PASSWORD: Final = "not-a-secret"  # noqa: S105
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 120.0
CALL_SECONDS: Final = CONNECT_SECONDS + ANSWER_SECONDS
# In words, of those that can bound all of a call and of those that cannot.
BOUNDED_PARTS: Final = f"connect {CONNECT_SECONDS:g}, read {ANSWER_SECONDS:g}"
BOUNDED: Final = f"{BOUNDED_PARTS}, all {CALL_SECONDS:g}"

HEADERS: Final = {
    "Authorization": "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode(),
    "Accept": "application/json",
}
FORM: Final = {**HEADERS, "Content-Type": "application/x-www-form-urlencoded"}


class Peer(Protocol):
    """One way to talk to the panel. Every coroutine does so many calls, `IN_FLIGHT` at a time.

    `timeouts` says in words what bounds a call; a ``NotImplementedError`` says that a peer cannot do a thing.
    """

    timeouts: str

    async def stop(self, calls: int) -> None:
        """``POST …/stop`` of so many VMs."""
        ...

    async def list(self, calls: int) -> None:
        """``GET …/vms``, 50 VMs, so many times."""
        ...

    async def get(self, calls: int) -> None:
        """``GET /service/…`` so many times."""
        ...

    async def fleet(self, calls: int) -> None:
        """Find out what there is, and stop all of it: so many VMs in services of 50."""
        ...

    async def paced(self, calls: int, rate: float) -> builtins.list[float]:
        """`stop`, so many calls a second whatever becomes of them; the seconds since each was due."""
        ...

    async def close(self) -> None: ...


def targets(calls: int) -> list[tuple[int, str]]:
    """So many VMs, no two alike within some thousands, as (service, VM)."""
    return [
        (FIRST_SERVICE + (number // VMS_PER_SERVICE) % 64, str(4001 + number % 4096))
        for number in range(calls)
    ]


def base(port: int, vms: int) -> str:
    """The base URL of a panel that has so many VMs."""
    return f"http://127.0.0.1:{port}/s{max(1, vms // VMS_PER_SERVICE)}"


async def pull(what: Iterable[tuple[Any, ...]], do: Callable[..., Awaitable[Any]]) -> None:
    """Do something with each, by `IN_FLIGHT` workers, none of which waits for another."""
    left = iter(what)

    async def work() -> None:
        for each in left:
            await do(*each)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def paced(calls: int, rate: float, do: Callable[[int, str], Awaitable[Any]]) -> list[float]:
    """`Peer.paced` of a coroutine that does one call."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    took: list[float] = []

    async def one(due: float, target: tuple[int, str]) -> None:
        await do(*target)
        took.append(loop.time() - due)

    async with asyncio.TaskGroup() as tasks:
        for number, target in enumerate(targets(calls)):
            due = began + number / rate
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            tasks.create_task(one(due, target))
    return took


Do = Callable[[Peer, int], Awaitable[None]]
WORK: Final[dict[str, Do]] = {
    "stop": lambda peer, calls: peer.stop(calls),
    "list": lambda peer, calls: peer.list(calls),
    "get": lambda peer, calls: peer.get(calls),
    "fleet": lambda peer, calls: peer.fleet(calls),
}

"""The same comparison on real sockets: the whole client against a sandbox in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from time import perf_counter

from aioseflow import FixedLimit, Limit, RetryPolicy, SeFlow, SeFlowError
from aioseflow.sandbox import Capacity, Lognormal, Sandbox

_SERVICE_SECONDS = 0.05
_PATIENT = RetryPolicy(attempts=1_000, deadline=600)
CALLERS = 200  # more than any limit here: what binds is the gate


@dataclass(frozen=True, slots=True)
class Wired:
    """One provider on a socket: so many workers and places, or a rate with a burst."""

    workers: int | None = None
    places: int = 0
    rate: float | None = None
    burst: int = 10
    whole_seconds: bool = False
    requests: int = 1_000

    @property
    def name(self) -> str:
        if self.rate is not None:
            return f"{self.rate:g}/s b={self.burst}{' whole s' if self.whole_seconds else ''}"
        return f"C={self.workers} Q={self.places}"

    def capacity(self) -> Capacity:
        return Capacity(
            workers=self.workers,
            queue=self.places,
            service_time=Lognormal(_SERVICE_SECONDS, 0.5),
            rate=self.rate,
            burst=self.burst,
            refuse="throttle" if self.whole_seconds else 429,
        )

    def best(self) -> int:
        """The fixed limit that fills it and is hardly refused; a rate has none."""
        return (self.workers or 0) + self.places


@dataclass(frozen=True, slots=True)
class Result:
    seconds: float
    refused: float
    failed: int


CELLS = (
    Wired(workers=4),
    Wired(workers=12),
    Wired(workers=24),
    Wired(workers=6, places=6),
    Wired(workers=6, places=24),
    Wired(workers=4, places=100_000, requests=600),
    Wired(rate=20, burst=10, requests=300),
    Wired(rate=50, burst=20, requests=800),
    Wired(rate=4, burst=20, requests=60, whole_seconds=True),
)


def _serve(cell: Wired, pipe: Connection) -> None:
    async def main() -> None:
        async with Sandbox(services=1, vms_per_service=1, seed=1, capacity=cell.capacity()) as panel:
            pipe.send((panel.url, panel.username, panel.password))
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    with suppress(EOFError):
        asyncio.run(main())


async def _drive(cell: Wired, limit: Limit, login: tuple[str, str, str]) -> Result:
    url, username, password = login
    remaining = iter(range(cell.requests))
    failed = 0
    async with SeFlow(username, password, base_url=url, limit=limit, retry=_PATIENT) as seflow:

        async def worker() -> None:
            nonlocal failed
            for _ in remaining:
                try:
                    await seflow.account.details()
                except SeFlowError:
                    failed += 1

        began = perf_counter()
        await asyncio.gather(*(worker() for _ in range(CALLERS)))
        seconds = perf_counter() - began
        stats = seflow.stats()
    return Result(seconds, stats.refusals / max(1, stats.attempts), failed)


def measure(cell: Wired, make: Callable[[], Limit]) -> Result:
    """One limit against one provider, which is new and in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(cell, there))
    server.start()
    try:
        return asyncio.run(_drive(cell, make(), here.recv()))
    finally:
        here.send(None)
        server.join()


def table(
    algorithms: dict[str, Callable[[], Limit]], cells: tuple[Wired, ...] = CELLS
) -> list[dict[str, object]]:
    """Print a line for each provider and algorithm; goodput as in the simulation."""
    print("\non real sockets, 50 ms calls: goodput, refused")
    print(f"{'provider':16}" + "".join(f"{name:>20}" for name in algorithms))
    written: list[dict[str, object]] = []
    for cell in cells:
        if cell.rate is None:
            ideal = measure(cell, partial(FixedLimit, min(64, cell.best()))).seconds
        else:
            ideal = (cell.requests - cell.burst) / cell.rate
        line = f"{cell.name:16}"
        for name, make in algorithms.items():
            got = measure(cell, make)
            line += f"{ideal / got.seconds:11.2f} {got.refused:8.1%}"
            written.append(
                {"cell": cell.name, "algorithm": name, "goodput": ideal / got.seconds, "refused": got.refused}
            )
            if got.failed:
                line += f" ({got.failed} failed)"
        print(line, flush=True)
    return written

"""A time-out or a cancellation round a run: `await run` leaves it going, `async with run` stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from support.histories import panel_and_client, posts, powers, statuses, until
from support.virtual import VIRTUAL

from aioseflow import Run
from aioseflow.sandbox import Fault

pytestmark = VIRTUAL

SLOW: dict[str, Any] = {"services": 1, "vms_per_service": 4, "stop_time": 20.0}
SECONDS = 5.0
"""The run has sent some of its requests by then, and its VMs are still being read back."""


@asynccontextmanager
async def an_asyncio_timeout() -> AsyncIterator[None]:
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            yield


@asynccontextmanager
async def an_anyio_scope() -> AsyncIterator[None]:
    with anyio.move_on_after(SECONDS) as scope:
        yield
    assert scope.cancelled_caught


@asynccontextmanager
async def a_cancelled_task() -> AsyncIterator[None]:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(SECONDS, task.cancel)
    try:
        yield
    except asyncio.CancelledError:
        task.uncancel()


Limit = Callable[[], AbstractAsyncContextManager[None]]
LIMITS = pytest.mark.parametrize("limit", [an_asyncio_timeout, an_anyio_scope, a_cancelled_task])


async def iterate(run: Run) -> None:
    async for _ in run:
        pass


async def awaited(run: Run) -> None:
    await run


async def waited(run: Run) -> None:
    run.start()
    await run.wait_closed()


@LIMITS
@pytest.mark.parametrize("wait", [awaited, iterate, waited])
async def test_a_time_limit_round_an_await_leaves_the_run_going(limit: Limit, wait: Any) -> None:
    async with panel_and_client(**SLOW) as (panel, seflow):
        run = seflow.fleet.stop()
        async with limit():
            await wait(run)
        assert run.is_live
        report = await run
        assert statuses(report) == {"changed": 4}
        assert powers(panel) == ["stopped"] * 4


@LIMITS
async def test_a_time_limit_round_async_with_stops_the_run(limit: Limit) -> None:
    async with panel_and_client(**SLOW, limit=1) as (panel, seflow):
        run = seflow.fleet.stop()
        panel.faults.add(slow := Fault("latency", method="POST", seconds=2.0))
        async with limit():
            async with run:
                await run
        assert run.is_over
        report = await run
        assert set(report.causes) == {"cancelled"}
        sent = len(posts(panel))
        assert sent < 4
        panel.faults.remove(slow)
        await asyncio.sleep(600)
        assert len(posts(panel)) == sent


@LIMITS
async def test_a_time_limit_round_the_end_of_a_block_stops_the_run(limit: Limit) -> None:
    async with panel_and_client(**SLOW) as (_, seflow):
        run = seflow.fleet.stop()
        async with limit(), run:
            pass
        assert run.is_over
        assert set(run.report.causes) == {"cancelled"}


@LIMITS
async def test_a_run_whose_await_was_left_ends_with_its_client(limit: Limit) -> None:
    async with panel_and_client(**SLOW) as (_, seflow):
        run = seflow.fleet.stop()
        async with limit():
            await run
        await until(lambda: run.progress.settling > 0)
    assert run.is_over
    assert set(run.report.causes) == {"cancelled"}

"""One timer for all exchanges under way: each ends when it is due, and nobody's cancellation is swallowed."""

from __future__ import annotations

import asyncio
import random

import pytest
from support.virtual import START, VIRTUAL

from aioseflow.session.deadlines import Deadlines
from aioseflow.session.exchange import Exchange

pytestmark = VIRTUAL


async def exchange_of(
    deadlines: Deadlines,
    *,
    answer: float,
    until: float,
    takes: float,
    leaves: float | None = 0.0,
) -> str:
    """An exchange that would take so long and leaves after a while, or never; how it ended, and when."""
    loop = asyncio.get_running_loop()
    exchange, began = Exchange("vms.stop", "POST /x"), loop.time()
    exchange.begin(began)
    exchange.not_sent()
    watch = deadlines.begin(exchange, began, answer, began + until)
    try:
        if leaves is not None:
            await asyncio.sleep(leaves)
            exchange.leaving(loop.time(), reused=False)
        await asyncio.sleep(takes - (leaves or 0.0))
    except asyncio.CancelledError:
        if not deadlines.expired_alone(watch):
            raise
        return f"overdue at {loop.time() - began:g}"
    finally:
        deadlines.end(watch)
    return f"done at {loop.time() - began:g}"


@pytest.mark.parametrize(
    ("answer", "until", "leaves", "takes", "ended"),
    [
        (30.0, 40.0, 0.0, 29.0, "done at 29"),
        (30.0, 40.0, 0.0, 90.0, "overdue at 30"),
        (30.0, 40.0, 5.0, 34.0, "done at 34"),
        (30.0, 40.0, 5.0, 90.0, "overdue at 35"),
        (30.0, 40.0, 20.0, 90.0, "overdue at 40"),
        (30.0, 40.0, None, 90.0, "overdue at 40"),
        (30.0, 0.5, 0.0, 90.0, "overdue at 0.5"),
        (0.5, 40.0, 10.0, 90.0, "overdue at 10.5"),
    ],
)
async def test_an_answer_has_its_time_from_when_the_request_left(
    answer: float, until: float, leaves: float | None, takes: float, ended: str
) -> None:
    deadlines = Deadlines()
    assert await exchange_of(deadlines, answer=answer, until=until, takes=takes, leaves=leaves) == ended
    deadlines.close()


async def test_each_of_many_ends_when_it_is_due_itself() -> None:
    deadlines, dice = Deadlines(), random.Random(6)
    wanted, running = [], []
    for _ in range(300):
        answer, takes = dice.choice([1.0, 30.0, 120.0]), round(dice.uniform(0.1, 150.0), 3)
        wanted.append(f"done at {takes:g}" if takes < answer else f"overdue at {answer:g}")
        running.append(asyncio.create_task(exchange_of(deadlines, answer=answer, until=200.0, takes=takes)))
        await asyncio.sleep(0)
    assert await asyncio.gather(*running) == wanted
    deadlines.close()


async def test_a_cancellation_by_somebody_else_in_the_same_moment_stays_one() -> None:
    deadlines = Deadlines()
    task = asyncio.create_task(exchange_of(deadlines, answer=30.0, until=40.0, takes=90.0))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(START + 30.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    deadlines.close()


async def test_what_was_overdue_leaves_no_cancellation_behind() -> None:
    deadlines = Deadlines()

    async def two() -> tuple[str, str, int]:
        first = await exchange_of(deadlines, answer=1.0, until=9.0, takes=5.0)
        second = await exchange_of(deadlines, answer=1.0, until=9.0, takes=0.5)
        current = asyncio.current_task()
        return first, second, current.cancelling() if current is not None else -1

    assert await asyncio.create_task(two()) == ("overdue at 1", "done at 0.5", 0)
    deadlines.close()


async def test_what_ends_in_time_is_never_cancelled_and_nothing_is_left_of_the_timer() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    for _ in range(3):
        assert await exchange_of(deadlines, answer=30.0, until=40.0, takes=29.0) == "done at 29"
    await asyncio.sleep(1000.0)
    deadlines.close()
    assert loop.time() == START + 3 * 29 + 1000

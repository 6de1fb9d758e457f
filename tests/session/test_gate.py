"""The gate: first come, first served, nothing leaks under cancellation."""

from __future__ import annotations

import asyncio
import random
from typing import cast

import attrs
import pytest

from aioseflow import ConfigurationError, FixedLimit
from aioseflow.session.gate import Gate
from aioseflow.session.limit import Limit


@attrs.define
class Movable:
    """A limit that moves, as an adaptive one will."""

    value: int


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_slot_is_taken_without_waiting() -> None:
    gate = Gate(FixedLimit(2))
    assert gate.try_enter()
    assert gate.try_enter()
    assert not gate.try_enter()
    gate.leave()
    assert gate.try_enter()
    assert gate.in_flight == 2


async def test_waiters_come_in_in_their_order_and_nobody_overtakes() -> None:
    gate = Gate(FixedLimit(1))
    entered: list[int] = []

    async def caller(number: int) -> None:
        await gate.enter()
        entered.append(number)
        await asyncio.sleep(0)
        assert not gate.try_enter(), "a newcomer overtook those who wait"
        gate.leave()

    await asyncio.gather(*(caller(number) for number in range(20)))
    assert entered == list(range(20))
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_a_cancelled_waiter_leaves_no_trace() -> None:
    gate = Gate(FixedLimit(1))
    await gate.enter()
    waiters = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await settle()
    waiters[1].cancel()
    await settle()
    assert gate.waiting == 2
    gate.leave()
    await waiters[0]
    gate.leave()
    await waiters[2]
    gate.leave()
    assert gate.in_flight == 0


async def test_a_slot_handed_to_a_task_in_the_moment_of_its_cancellation_goes_on_to_the_next() -> None:
    gate = Gate(FixedLimit(1))
    await gate.enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await settle()
    gate.leave()  # hands the slot to `first` ...
    first.cancel()  # ... which is cancelled before it runs
    await settle()
    assert second.done()
    assert first.cancelled()
    assert gate.in_flight == 1


async def test_a_slot_is_free_for_newcomers_when_all_who_waited_were_cancelled() -> None:
    gate = Gate(FixedLimit(1))
    await gate.enter()
    waiter = asyncio.create_task(gate.enter())
    await settle()
    waiter.cancel()
    await settle()
    gate.leave()
    assert gate.try_enter()


async def test_a_limit_that_grows_lets_more_in_with_the_next_leave() -> None:
    limit = Movable(1)
    gate = Gate(cast("Limit", limit))
    await gate.enter()
    waiters = [asyncio.create_task(gate.enter()) for _ in range(4)]
    await settle()
    limit.value = 3
    gate.leave()
    await settle()
    assert [waiter.done() for waiter in waiters] == [True, True, True, False]
    limit.value = 1
    gate.leave()
    gate.leave()
    await settle()
    assert gate.waiting == 1
    gate.leave()
    await waiters[3]


@pytest.mark.parametrize("seed", range(5))
async def test_random_cancellations_never_break_the_limit_and_never_leak(seed: int) -> None:
    chance = random.Random(seed)
    gate = Gate(FixedLimit(7))
    worst = 0

    async def caller() -> None:
        nonlocal worst
        await gate.enter()
        try:
            worst = max(worst, gate.in_flight)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            gate.leave()

    tasks = [asyncio.create_task(caller()) for _ in range(1000)]
    for task in chance.sample(tasks, 500):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert worst == 7
    assert (gate.in_flight, gate.waiting) == (0, 0)


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "3", None])
def test_a_limit_that_cannot_work_is_refused(bad: object) -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        FixedLimit(bad)  # type: ignore[arg-type]

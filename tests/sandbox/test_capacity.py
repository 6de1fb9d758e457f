"""Workers, queue and rate, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from aioseflow.sandbox import Capacity, Lognormal, Sandbox
from aioseflow.sandbox.capacity import Admission

Virtually = Callable[..., Sandbox]


async def statuses(call: Any, times: int) -> Counter[int]:
    return Counter(
        [answer.status for answer in await asyncio.gather(*[call("GET", "/balance") for _ in range(times)])]
    )


@pytest.mark.parametrize(
    ("workers", "queue", "served", "took"), [(2, 0, 2, 3), (2, 4, 6, 9), (2, None, 10, 15), (None, 0, 10, 3)]
)
def test_what_neither_a_worker_nor_the_queue_takes_is_refused(
    virtually: Virtually, workers: int | None, queue: int | None, served: int, took: float
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        assert await statuses(call, 10) == Counter({200: served, 429: 10 - served})
        assert asyncio.get_running_loop().time() == pytest.approx(took)
        assert Counter(seen.fault for seen in panel.requests) == Counter(
            {None: served, "capacity": 10 - served}
        )
        assert served <= panel.peak <= 10
        assert panel.in_flight == 0

    virtually(story, services=0, workers=workers, queue=queue, service_time=3)


@pytest.mark.parametrize(
    ("settings", "status", "retry_after"),
    [
        ({}, 429, None),
        ({"refuse": 503}, 503, None),
        ({"refuse": 503, "retry_after": 7}, 503, "7"),
        ({"retry_after": True}, 429, "1"),
    ],
)
def test_a_refusal_is_what_was_asked_for(
    virtually: Virtually, settings: dict[str, Any], status: int, retry_after: str | None
) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        answers = await asyncio.gather(call("GET", "/balance"), call("GET", "/balance"))
        refused = next(answer for answer in answers if answer.status != 200)
        assert (refused.status, refused.headers.get("retry-after")) == (status, retry_after)

    virtually(story, services=0, workers=1, queue=0, service_time=1, **settings)


def test_a_rate_lets_a_burst_in_and_then_so_many_a_second(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        assert await statuses(call, 8) == Counter({200: 5, 429: 3})
        await asyncio.sleep(1)
        assert await statuses(call, 8) == Counter({200: 2, 429: 6})
        await asyncio.sleep(100)
        assert await statuses(call, 8) == Counter({200: 5, 429: 3})
        assert panel.count(status=429) == 12
        assert {seen.fault for seen in panel.requests} == {None, "rate"}

    virtually(story, services=0, rate=2, burst=5)


def test_a_rate_of_small_steps_loses_nothing_to_rounding(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        for _ in range(50):
            assert (await call("GET", "/balance")).status == 200
            await asyncio.sleep(0.1)

    virtually(story, services=0, rate=10, burst=1)


@pytest.mark.parametrize(("rate", "wait"), [(0.3, 4), (2, 1), (0, 60)])
def test_a_rate_says_how_long_to_wait(virtually: Virtually, rate: float, wait: int) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        assert (await call("GET", "/balance")).status == 200
        assert (await call("GET", "/balance")).headers["retry-after"] == str(wait)
        panel.capacity.refuse = "throttle"
        throttled = await call("GET", "/balance")
        assert throttled.status == 401
        assert throttled.json == {"error": [["wait_x_between_action", wait], "unauthorized"]}
        assert panel.bad_logins == 0

    virtually(story, services=0, rate=rate, burst=1, retry_after=True)


def test_a_rate_without_a_burst_allows_one_second_of_it(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        assert await statuses(call, 10) == Counter({200: 4, 429: 6})

    virtually(story, services=0, capacity=Capacity(rate=4))


def test_more_workers_are_put_to_work_at_once(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        running = asyncio.ensure_future(statuses(call, 8))
        await asyncio.sleep(5)
        panel.capacity.workers = 8
        await running
        assert asyncio.get_running_loop().time() == pytest.approx(15)
        panel.capacity = Capacity(workers=3, service_time=1)
        await statuses(call, 9)
        assert asyncio.get_running_loop().time() == pytest.approx(18)

    virtually(story, services=0, capacity=Capacity(workers=1, service_time=10))


def test_capacity_that_is_replaced_lets_the_queue_in(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        before = panel.capacity
        running = asyncio.ensure_future(statuses(call, 4))
        await asyncio.sleep(5)
        panel.capacity = Capacity(service_time=10)
        before.workers = 0
        await running
        assert asyncio.get_running_loop().time() == pytest.approx(15)

    virtually(story, services=0, capacity=Capacity(workers=1, service_time=10))


def test_fewer_workers_finish_what_they_have(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        running = asyncio.ensure_future(statuses(call, 6))
        await asyncio.sleep(5)
        panel.capacity.workers = 1
        assert await running == Counter({200: 6})
        assert asyncio.get_running_loop().time() == pytest.approx(40)

    virtually(story, services=0, capacity=Capacity(workers=3, service_time=10))


def test_a_request_whose_client_gave_up_still_takes_effect(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        line = await call.line()
        line.send("POST", "/service/33301/vms/4001/reboot")
        await asyncio.sleep(5)
        await line.close()
        assert panel.effect_count("reboot") == 0
        await asyncio.sleep(6)
        assert panel.effect_count("reboot") == 1

    virtually(story, services=1, vms_per_service=1, service_time=10)


def test_work_is_drawn_from_the_seed(virtually: Virtually) -> None:
    def took(seed: int) -> float:
        async def story(panel: Sandbox, call: Any) -> None:
            await statuses(call, 20)
            times.append(asyncio.get_running_loop().time())

        times: list[float] = []
        virtually(story, services=0, seed=seed, workers=2, service_time=Lognormal(0.05, 0.5))
        return times[0]

    assert took(1) == took(1)
    assert took(1) != took(2)


def test_stopping_gives_up_the_queue_and_every_worker(virtually: Virtually) -> None:
    async def story(panel: Sandbox, call: Any) -> None:
        lines = [await call.line() for _ in range(4)]
        for line in lines:
            line.send("GET", "/balance")
        await asyncio.sleep(1)
        assert panel.in_flight == 4
        await panel.stop()
        assert (panel.in_flight, asyncio.get_running_loop().time()) == (0, 1)
        for line in lines:
            await line.close()
        await panel.start()
        assert await statuses(call, 2) == Counter({200: 2})

    virtually(story, services=0, workers=1, service_time=1000)


async def test_one_that_leaves_the_queue_does_not_keep_its_place() -> None:
    admission = Admission(Capacity(workers=1, queue=2))
    assert await admission.enter() is None
    waiting = [asyncio.ensure_future(admission.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    assert (admission.serving, admission.waiting) == (1, 2)
    waiting[0].cancel()
    admission.leave()
    # The second got the worker and was cancelled before it could use it: it must give the worker back.
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (admission.serving, admission.waiting) == (0, 0)
    assert await admission.enter() is None
    third = asyncio.ensure_future(admission.enter())
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    assert (admission.serving, admission.waiting) == (1, 0)

"""The gate: first come, first served in each class, no class starves, nothing leaks under cancellation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.virtual import START, VIRTUAL, run

from aioseflow import ConfigurationError, FixedLimit, Throttled
from aioseflow.session.breaker import AttemptResult
from aioseflow.session.gate import Admission, Gate, RequestClass

ACTION, READ, POLL = RequestClass


@attrs.define
class Movable:
    """A limit that a test moves, with the events that the gate reported. It has what a limit must have."""

    value: int
    not_before: float = 0.0
    events: list[tuple[Any, ...]] = attrs.Factory(list)

    def sent(self, now: float, *, in_flight: int) -> None:
        self.events.append(("sent", now, in_flight))

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        self.events.append(("succeeded", now, sent_at, in_flight_then, in_flight))

    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None:
        self.events.append(("refused", now, sent_at, in_flight_then, in_flight, retry_after))

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        self.events.append(("timed_out", now, sent_at, in_flight_then, in_flight))


def clock() -> float:
    return asyncio.get_running_loop().time()


def set_serial(gate: Gate, serial: bool) -> None:
    gate.serial = serial
    gate.admit(clock())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Callers:
    """Tasks at a gate, in their order of arrival."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.entered: list[tuple[RequestClass, int]] = []
        self.inside: list[tuple[RequestClass, Admission]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def _enter(self, request_class: RequestClass, number: int) -> None:
        admission = self.gate.try_enter(request_class, clock()) or await self.gate.enter(
            request_class, clock()
        )
        self.entered.append((request_class, number))
        self.inside.append((request_class, admission))

    def come(self, request_class: RequestClass = READ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._enter(request_class, len(self.tasks)))
        self.tasks.append(task)
        return task

    def go(self, number: int = 0, result: AttemptResult = AttemptResult.ANSWERED) -> RequestClass:
        request_class, admission = self.inside.pop(number)
        self.gate.leave(request_class, admission, clock(), result)
        return request_class


async def test_a_free_slot_is_taken_without_waiting() -> None:
    gate = Gate(FixedLimit(2))
    first = gate.try_enter(READ, 5.0)
    assert first is not None
    assert first[:2] == (5.0, 1)
    assert gate.try_enter(ACTION, 6.0) is not None
    assert gate.try_enter(POLL, 7.0) is None
    gate.leave(READ, first, 8.0)
    third = gate.try_enter(POLL, 8.0)
    assert third is not None
    assert third[:2] == (8.0, 2)


@pytest.mark.parametrize("request_class", list(RequestClass))
async def test_waiters_of_a_class_come_in_in_their_order_and_nobody_overtakes(
    request_class: RequestClass,
) -> None:
    gate = Gate(FixedLimit(1))
    callers = Callers(gate)
    for _ in range(20):
        callers.come(request_class)
    for done in range(20):
        await settle()
        assert [number for _, number in callers.entered] == list(range(done + 1))
        assert gate.try_enter(READ, clock()) is None, "a new request overtook the waiting ones"
        callers.go()
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_a_cancelled_waiter_leaves_no_trace() -> None:
    gate = Gate(FixedLimit(1))
    callers = Callers(gate)
    tasks = [callers.come() for _ in range(4)]
    await settle()
    tasks[2].cancel()
    await settle()
    assert gate.waiting == 2
    for _ in range(3):
        callers.go()
        await settle()
    assert [number for _, number in callers.entered] == [0, 1, 3]
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_a_slot_handed_to_a_task_in_the_moment_of_its_cancellation_goes_on_to_the_next() -> None:
    gate = Gate(FixedLimit(1))
    callers = Callers(gate)
    callers.come()
    first, second = callers.come(), callers.come()
    await settle()
    callers.go()  # hands the slot to `first` ...
    first.cancel()  # ... which is cancelled before it runs
    await settle()
    assert second.done()
    assert first.cancelled()
    assert (gate.in_flight, gate.waiting) == (1, 0)


async def test_a_slot_is_free_for_newcomers_when_all_who_waited_were_cancelled() -> None:
    gate = Gate(FixedLimit(1))
    callers = Callers(gate)
    callers.come()
    waiter = callers.come()
    await settle()
    waiter.cancel()
    await settle()
    callers.go()
    assert gate.try_enter(READ, clock()) is not None


async def test_a_limit_that_grows_lets_more_in_with_the_next_leave() -> None:
    limit = Movable(1)
    callers = Callers(Gate(limit))
    for _ in range(5):
        callers.come()
    await settle()
    limit.value = 3
    callers.go()
    await settle()
    assert len(callers.entered) == 4
    limit.value = 1
    callers.go()
    callers.go()
    await settle()
    assert callers.gate.waiting == 1
    callers.go()
    await settle()
    assert callers.gate.in_flight == 1


@VIRTUAL
async def test_nobody_goes_before_the_limit_says_so() -> None:
    limit = Movable(8, not_before=START + 30)
    callers = Callers(Gate(limit))
    for _ in range(3):
        callers.come()
    await asyncio.wait(callers.tasks)
    assert clock() >= START + 30
    assert [events[1] for events in limit.events] == [START + 30] * 3


@VIRTUAL
async def test_a_pace_spreads_the_waiters() -> None:
    class Paced(Movable):
        def sent(self, now: float, *, in_flight: int) -> None:
            super().sent(now, in_flight=in_flight)
            self.not_before = now + 0.25

    limit = Paced(8)
    callers = Callers(Gate(limit))
    for _ in range(5):
        callers.come()
    await asyncio.wait(callers.tasks)
    assert [events[1] - START for events in limit.events] == [0, 0.25, 0.5, 0.75, 1.0]


@VIRTUAL
async def test_a_wait_that_is_taken_back_lets_the_waiters_in_with_the_next_event() -> None:
    limit = Movable(8)
    callers = Callers(Gate(limit))
    callers.come()
    await settle()
    limit.not_before = START + 3600
    callers.come()
    await asyncio.sleep(1)
    assert callers.gate.waiting == 1
    limit.not_before = 0.0
    callers.go()
    await settle()
    assert callers.gate.in_flight == 1


async def test_serial_means_one_at_a_time_whatever_the_limit_says() -> None:
    gate = Gate(FixedLimit(8))
    set_serial(gate, True)
    callers = Callers(gate)
    for _ in range(4):
        callers.come()
    await settle()
    assert (gate.size, gate.in_flight) == (1, 1)
    set_serial(gate, False)
    await settle()
    assert (gate.size, gate.in_flight) == (8, 4)


async def test_what_was_in_flight_before_does_not_delay_the_serial_request() -> None:
    gate = Gate(FixedLimit(4))
    callers = Callers(gate)
    callers.come()
    callers.come()
    await settle()
    set_serial(gate, True)
    for _ in range(3):
        callers.come()
    await settle()
    assert len(callers.entered) == 3
    callers.go(0)  # one of the old ones
    await settle()
    assert len(callers.entered) == 3
    callers.go(-1)  # the serial one
    await settle()
    assert len(callers.entered) == 4
    set_serial(gate, False)
    await settle()
    assert gate.in_flight == 3


async def test_the_limit_gets_what_its_contract_says() -> None:
    limit = Movable(3)
    gate = Gate(limit)
    first, second, third = (gate.try_enter(READ, now) for now in (1.0, 2.0, 3.0))
    assert first is not None
    assert second is not None
    assert third is not None
    gate.leave(READ, second, 4.0, AttemptResult.REFUSED, 24.0)
    gate.leave(READ, first, 5.0, AttemptResult.ANSWERED)
    gate.leave(READ, third, 6.0, AttemptResult.TIMED_OUT)
    assert limit.events == [
        ("sent", 1.0, 1),
        ("sent", 2.0, 2),
        ("sent", 3.0, 3),
        ("refused", 4.0, 2.0, 2, 2, 24.0),
        ("succeeded", 5.0, 1.0, 1, 1),
        ("timed_out", 6.0, 3.0, 3, 0),
    ]
    gate.leave(READ, gate.try_enter(READ, 7.0) or (0.0, 0, 0), 8.0)
    assert limit.events[6:] == [("sent", 7.0, 1)], "a result without evidence is not reported"


async def test_a_change_of_the_limit_is_reported() -> None:
    class Growing(Movable):
        def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
            self.value += 1

    gate = Gate(Growing(4))
    moves: list[tuple[int, int]] = []
    gate.on_limit_change = lambda before, after: moves.append((before, after))
    admission = gate.try_enter(READ, 1.0)
    assert admission is not None
    gate.leave(READ, admission, 2.0, AttemptResult.ANSWERED)
    assert moves == [(4, 5)]


@pytest.mark.parametrize("crowd", list(RequestClass))
async def test_no_class_starves_another(crowd: RequestClass) -> None:
    callers = Callers(Gate(FixedLimit(7)))
    for _ in range(500):
        callers.come(crowd)
    await settle()
    others = [request_class for request_class in RequestClass if request_class is not crowd]
    for request_class in others:
        callers.come(request_class)
    await settle()
    for _ in range(2):
        callers.go()
    await settle()
    assert {request_class for request_class, _ in callers.entered[7:9]} == set(others)


async def test_the_slots_of_busy_classes_stand_in_the_proportion_of_their_shares() -> None:
    callers = Callers(Gate(FixedLimit(14)))
    for _ in range(300):
        for request_class in RequestClass:
            callers.come(request_class)
    await settle()
    chance = random.Random(1)
    for _ in range(300):
        callers.go(chance.randrange(len(callers.inside)))
        await settle()
    held = [sum(request_class is each for each, _ in callers.inside) for request_class in RequestClass]
    assert held == [8, 4, 2]


async def test_failed_waiters_end_with_the_error_and_the_others_go_on_waiting() -> None:
    gate = Gate(FixedLimit(1))
    callers = Callers(gate)
    callers.come()
    await settle()
    patient = asyncio.create_task(gate.enter(READ, clock()))
    hurried = asyncio.create_task(gate.enter(READ, clock(), clock() + 5))
    await settle()
    gate.fail_waiting(lambda waiter: Throttled("no") if waiter.until < 1e9 else None)
    await settle()
    assert isinstance(hurried.exception(), Throttled)
    assert (gate.waiting, gate.in_flight) == (1, 1)
    callers.go()
    await patient


async def test_a_waiter_that_is_failed_and_cancelled_at_once_takes_no_slot_with_it() -> None:
    gate = Gate(FixedLimit(1))
    callers = Callers(gate)
    callers.come()
    await settle()
    waiter = asyncio.create_task(gate.enter(READ, clock()))
    await settle()
    gate.fail_waiting(lambda waiter: Throttled("no"))
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    callers.go()
    assert (gate.in_flight, gate.waiting) == (0, 0)


Step = Callable[[Callers, Movable], object]
STEPS: st.SearchStrategy[tuple[str, int]] = st.tuples(
    st.sampled_from(
        ["come", "come", "come", "go", "go", "cancel", "cancel now", "limit", "hold", "time", "serial"]
    ),
    st.integers(0, 11),
)


@given(st.integers(1, 6), st.lists(STEPS, max_size=80))
def test_whatever_happens_the_gate_keeps_its_word(first_limit: int, steps: list[tuple[str, int]]) -> None:
    async def story() -> None:
        limit = Movable(first_limit)
        gate = Gate(limit)
        callers = Callers(gate)
        arrived: dict[RequestClass, list[int]] = {request_class: [] for request_class in RequestClass}
        highest = first_limit

        async def check() -> None:
            await settle()
            assert gate.in_flight == len(callers.inside)
            assert gate.waiting == sum(not task.done() for task in callers.tasks)
            free = gate.in_flight < (1 if gate.serial else limit.value) and clock() >= limit.not_before
            assert not (gate.waiting and free), "a request waits while a slot is free"
            for request_class in RequestClass:
                got_in = [number for each, number in callers.entered if each is request_class]
                gone = {number for number in arrived[request_class] if callers.tasks[number].cancelled()}
                order = [
                    number for number in arrived[request_class] if number not in gone or number in got_in
                ]
                assert got_in == order[: len(got_in)], "a request was overtaken in its class"

        for what, number in steps:
            before = gate.in_flight
            if what == "come":
                request_class = RequestClass(number % 3)
                arrived[request_class].append(len(callers.tasks))
                callers.come(request_class)
            elif what == "go" and callers.inside:
                callers.go(number % len(callers.inside))
            elif what.startswith("cancel") and callers.tasks:
                if what == "cancel now" and callers.inside:
                    # In the very moment in which a slot is handed over.
                    callers.go()
                callers.tasks[-1 - number % len(callers.tasks)].cancel()
            elif what == "limit":
                limit.value = 1 + number
                highest = max(highest, limit.value)
                gate.admit(clock())
            elif what == "hold":
                limit.not_before = max(limit.not_before, clock() + number)
            elif what == "time":
                await asyncio.sleep(number)
            elif what == "serial":
                set_serial(gate, number % 2 == 1)
            await check()
            most = max(before + 1, 1) if gate.serial else limit.value
            assert gate.in_flight <= max(before, most), "more were let in than the limit says"
        limit.not_before, limit.value, gate.serial = 0.0, max(1, limit.value), False
        set_serial(gate, False)
        await settle()
        while callers.inside:
            callers.go()
            await settle()
        assert (gate.in_flight, gate.waiting) == (0, 0)

    run(story())


@pytest.mark.parametrize("seed", range(5))
async def test_random_cancellations_never_break_the_limit_and_never_leak(seed: int) -> None:
    chance = random.Random(seed)
    gate = Gate(FixedLimit(7))
    worst = 0

    async def caller() -> None:
        nonlocal worst
        request_class = chance.choice(list(RequestClass))
        admission = gate.try_enter(request_class, clock()) or await gate.enter(request_class, clock())
        try:
            worst = max(worst, gate.in_flight)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            gate.leave(request_class, admission, clock(), chance.choice(list(AttemptResult)))

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

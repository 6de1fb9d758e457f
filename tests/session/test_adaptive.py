"""What an adaptive limit learns from the events that it gets, with no loop and no clock."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.overloaded import Provider, drive, refuse, succeed

from aioseflow import ConfigurationError
from aioseflow.session.limits.adaptive import AdaptiveLimit
from aioseflow.session.limits.limit import FixedLimit
from aioseflow.session.limits.rate import MIN_RATE_PER_SECOND


def test_it_starts_at_sixteen_or_at_its_maximum() -> None:
    assert AdaptiveLimit().value == 16
    assert AdaptiveLimit(5).value == 5
    assert AdaptiveLimit().not_before == 0.0
    assert AdaptiveLimit().why == "start"


def test_it_grows_with_every_success_while_it_binds() -> None:
    limit = AdaptiveLimit(512)
    succeed(limit, 16)
    assert limit.value >= 32
    assert limit.why == "nothing was refused"


def test_it_does_not_grow_while_it_does_not_bind() -> None:
    limit = AdaptiveLimit(512)
    succeed(limit, 200, in_flight=3)
    assert limit.value == 16


def test_it_never_grows_above_its_maximum() -> None:
    limit = AdaptiveLimit(20)
    succeed(limit, 200)
    assert limit.value == 20


def test_a_refusal_costs_one_slot_and_growth_is_slow_after_it() -> None:
    limit = AdaptiveLimit(512)
    now = succeed(limit, 100)
    before = limit.value
    refuse(limit, now)
    assert limit.value == before - 1
    assert limit.why == "refused"
    succeed(limit, 10, start=now)
    assert limit.value <= before


def test_one_overload_cuts_no_deeper_than_to_six_tenths() -> None:
    limit = AdaptiveLimit(512)
    now = succeed(limit, 100)
    before = limit.value
    for _ in range(before):
        limit.sent(now, in_flight=before)
    for _ in range(before):
        refuse(limit, now + 0.01, sent_at=now, then=before)
    assert limit.value == int(0.6 * before)


def test_refusals_of_requests_sent_after_the_cut_cut_again() -> None:
    limit = AdaptiveLimit(512)
    for _ in range(30):
        refuse(limit, 1.0, sent_at=0.99)
    first = limit.value
    for _ in range(30):
        refuse(limit, 2.0, sent_at=1.99)
    assert limit.value < first


def test_time_outs_of_one_moment_halve_once() -> None:
    limit = AdaptiveLimit(512)
    now = succeed(limit, 100)
    before = limit.value
    for _ in range(20):
        limit.timed_out(now + 30, sent_at=now, in_flight_then=before, in_flight=before - 1)
    assert before / 2 - 3 <= limit.value <= before / 2
    assert limit.why == "timed out"


def test_one_time_out_among_quick_answers_costs_one_slot() -> None:
    limit = AdaptiveLimit(512)
    now = succeed(limit, 100)
    before = limit.value
    limit.timed_out(now + 30, sent_at=now, in_flight_then=before, in_flight=before - 1)
    assert limit.value == before - 1


def test_a_wait_that_was_asked_for_holds_everybody_and_is_never_shortened() -> None:
    limit = AdaptiveLimit()
    refuse(limit, 10.0, retry_after=5.0)
    assert limit.not_before == 15.0
    refuse(limit, 11.0, retry_after=1.0)
    assert limit.not_before == 15.0
    limit.succeeded(12.0, sent_at=9.0, in_flight_then=3, in_flight=2)
    limit.sent(12.0, in_flight=3)
    assert limit.not_before >= 15.0


@pytest.mark.parametrize("nonsense", [0.0, -3.0, math.nan])
def test_a_wait_that_makes_no_sense_holds_nobody(nonsense: float) -> None:
    adaptive, fixed = AdaptiveLimit(), FixedLimit(4)
    refuse(adaptive, 10.0, retry_after=nonsense)
    refuse(fixed, 10.0, retry_after=nonsense)
    assert adaptive.not_before <= 10.0
    assert fixed.not_before <= 10.0


def test_an_endless_wait_is_held_to_a_day() -> None:
    limit = AdaptiveLimit()
    refuse(limit, 10.0, retry_after=math.inf)
    assert limit.not_before == 86_410.0


@pytest.mark.parametrize(
    ("provider", "most_refused", "least_share"),
    [
        (Provider(2), 0.05, 0.9),
        (Provider(12), 0.05, 0.9),
        (Provider(12, mean=1.0), 0.05, 0.9),
        (Provider(40, places=40), 0.05, 0.85),
    ],
)
def test_it_finds_a_capacity(provider: Provider, most_refused: float, least_share: float) -> None:
    outcome = drive(AdaptiveLimit(512), provider, 1_500)
    # A worker whose answer is on its way does nothing, unless somebody waits in the queue.
    busy = 1.0 if provider.places else provider.mean / (provider.mean + 0.01)
    ideal = 1_500 * provider.mean / provider.workers / busy
    assert outcome.refused_share <= most_refused
    assert ideal / outcome.seconds >= least_share


def test_it_follows_a_capacity_that_drops() -> None:
    limit = AdaptiveLimit(512)
    outcome = drive(limit, Provider(32, change_at=1.0, workers_then=8), 1_200)
    assert outcome.refused_share <= 0.1
    assert 7 <= limit.value <= 11


def test_a_silent_queue_is_not_flooded() -> None:
    outcome = drive(AdaptiveLimit(512), Provider(4, places=math.inf, mean=1.0), 1_000)
    assert outcome.timed_out == 0
    assert max(outcome.values) < 64
    assert 1_000 / 4 / outcome.seconds >= 0.9


def test_long_work_is_not_taken_for_a_queue() -> None:
    outcome = drive(AdaptiveLimit(64), Provider(10_000, mean=5.0), 1_500)
    assert outcome.values[-1] == 64
    assert outcome.seconds < 1_500 * 5.0 / 64 * 1.5


def test_what_was_learned_survives_json() -> None:
    limit = AdaptiveLimit(512)
    drive(limit, Provider(12), 600)
    state = json.loads(json.dumps(limit.state()))
    again = AdaptiveLimit(512, state=state)
    assert abs(again.value - limit.value) <= 1
    assert again.why == "restored"
    assert again.state() == state
    assert AdaptiveLimit(4, state=state).value == 4


def test_nothing_learned_is_a_state_too() -> None:
    assert AdaptiveLimit(state={}).value == 16
    assert AdaptiveLimit(state=AdaptiveLimit().state()).state() == AdaptiveLimit().state()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"limit": 0}, {"limit": "16"}, {"limit": True}, {"limit": math.nan},
        {"per_second": 0}, {"base": -1.0}, {"cap": 0.5},
    ],
)  # fmt: skip
def test_a_state_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        AdaptiveLimit(state=AdaptiveLimit().state() | change)


@pytest.mark.parametrize("nonsense", [0, -1, 1.5, True, "3"])
def test_a_limit_is_a_whole_number_of_at_least_one(nonsense: Any) -> None:
    with pytest.raises(ConfigurationError):
        FixedLimit(nonsense)
    with pytest.raises(ConfigurationError):
        AdaptiveLimit(nonsense)


def test_a_fixed_limit_learns_nothing_but_obeys_a_wait() -> None:
    limit = FixedLimit(3)
    now = succeed(limit, 10)
    limit.timed_out(now, sent_at=0.0, in_flight_then=1, in_flight=0)
    refuse(limit, now)
    assert limit.not_before <= now
    refuse(limit, now, retry_after=2.0)
    assert limit.not_before == now + 2
    assert (limit.value, limit.why, limit.state()) == (3, "fixed", {})
    assert limit == FixedLimit(3)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["sent", "succeeded", "refused", "timed_out"]),
        st.floats(0, 40),
        st.floats(0, 60),
        st.integers(1, 600),
        st.integers(0, 600),
        st.none() | st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=300,
)


@given(
    maximum=st.integers(1, 600),
    pace=st.none() | st.floats(0.01, 500),
    events=EVENTS,
)
def test_no_order_of_events_can_break_it(maximum: int, pace: float | None, events: list[Any]) -> None:
    limit = AdaptiveLimit(maximum, max_per_second=pace)
    now = 0.0
    for what, later, ago, then, in_flight, retry_after in events:
        now += later
        sent_at = now - ago
        if what == "sent":
            limit.sent(now, in_flight=then)
        elif what == "refused":
            limit.refused(
                now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight, retry_after=retry_after
            )
        else:
            getattr(limit, what)(now, sent_at=sent_at, in_flight_then=then, in_flight=in_flight)
        assert 1 <= limit.value <= maximum
        assert math.isfinite(limit.not_before)
        assert limit.why
    again = AdaptiveLimit(maximum, state=json.loads(json.dumps(limit.state())))
    assert 1 <= again.value <= maximum


@given(seed=st.integers(0, 2**16), length=st.integers(1, 600))
def test_long_runs_of_one_kind_keep_it_in_its_bounds(seed: int, length: int) -> None:
    random = Random(seed)
    limit, now = AdaptiveLimit(100), 0.0
    for _ in range(length // 50 + 1):
        what = random.choice(["succeeded", "refused", "timed_out"])
        for _ in range(50):
            now = max(now, limit.not_before) + random.random()
            then = random.randint(1, limit.value)
            limit.sent(now, in_flight=then)
            took = random.choice([0.01, 0.05, 5.0])
            getattr(limit, what)(now + took, sent_at=now, in_flight_then=then, in_flight=then - 1)
            now += took
            assert 1 <= limit.value <= 100
            assert limit.not_before <= now + 1 / MIN_RATE_PER_SECOND + 1

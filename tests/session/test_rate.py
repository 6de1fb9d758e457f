"""When the provider counts requests per second: the pace is found, kept and given up again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.overloaded import Provider, drive, refuse, succeed

from aioseflow import ConfigurationError
from aioseflow.session.limits.adaptive import AdaptiveLimit
from aioseflow.session.limits.rate import MIN_RATE_PER_SECOND


def test_the_users_own_pace_is_kept() -> None:
    limit = AdaptiveLimit(max_per_second=5)
    now, sent = 100.0, 0
    while now < 110.0:
        limit.sent(now, in_flight=1)
        limit.succeeded(now, sent_at=now, in_flight_then=1, in_flight=0)
        sent += 1
        now = max(now, limit.not_before)
    assert 49 <= sent <= 51


def test_a_late_timer_is_made_up_for_but_a_pause_saves_up_no_burst() -> None:
    limit = AdaptiveLimit(max_per_second=10)
    limit.sent(0.0, in_flight=1)
    assert limit.not_before == pytest.approx(0.1)
    limit.sent(0.104, in_flight=1)
    assert limit.not_before == pytest.approx(0.2)
    limit.sent(9.0, in_flight=1)
    assert limit.not_before == pytest.approx(9.1)


def test_refusals_with_nothing_else_in_flight_are_a_rate() -> None:
    limit = AdaptiveLimit()
    now = succeed(limit, 20, in_flight=1)
    for _ in range(3):
        now += 0.1
        limit.sent(now, in_flight=1)
        refuse(limit, now + 0.01, sent_at=now, then=1)
    assert limit.why == "refusals follow the request rate"
    assert limit.not_before > now
    assert limit.state()["per_second"] is not None


def test_refusals_in_a_crowd_are_not_a_rate() -> None:
    limit = AdaptiveLimit()
    for moment in range(50):
        refuse(limit, float(moment), then=9)
    assert limit.state()["per_second"] is None


def test_while_everything_is_refused_it_asks_ever_more_rarely_but_goes_on_asking() -> None:
    limit = AdaptiveLimit()
    now, gaps = 0.0, []
    for _ in range(200):
        limit.sent(now, in_flight=1)
        refuse(limit, now + 0.01, sent_at=now, then=1)
        following = max(now + 0.01, limit.not_before)
        gaps.append(following - now)
        now = following
    assert gaps[-1] == pytest.approx(1 / MIN_RATE_PER_SECOND, rel=0.05)
    succeed(limit, 40, start=now)
    assert limit.not_before <= now + 1 / MIN_RATE_PER_SECOND + 1
    assert limit.state()["per_second"] is None


@pytest.mark.parametrize("whole_seconds", [False, True])
@pytest.mark.parametrize(("rate", "burst"), [(4, 20), (10, 10), (50, 50)])
def test_it_finds_a_rate(rate: float, burst: int, whole_seconds: bool) -> None:
    outcome = drive(AdaptiveLimit(512), Provider(rate=rate, burst=burst, whole_seconds=whole_seconds), 1_500)
    lost = outcome.seconds - (1_500 - burst) / rate
    assert outcome.refused_share <= 0.1
    if whole_seconds:
        assert lost <= 1.1 * outcome.waits + 1
    else:
        assert lost <= 0.1 * outcome.seconds


def test_it_goes_back_to_concurrency_when_the_rate_no_longer_binds() -> None:
    limit = AdaptiveLimit()
    provider = Provider(rate=4, change_at=60.0, rate_then=None, workers_then=8)
    outcome = drive(limit, provider, 3_000)
    assert limit.state()["per_second"] is None
    assert outcome.seconds < 120


def test_when_only_a_crowd_is_refused_the_pace_is_given_up() -> None:
    limit = AdaptiveLimit(64, state=AdaptiveLimit().state() | {"per_second": 100.0})
    now = 0.0
    for turn in range(400):
        now = max(now, limit.not_before)
        limit.sent(now, in_flight=3)
        if turn % 10 == 9:
            refuse(limit, now + 0.01, sent_at=now, then=9)
        else:
            limit.succeeded(now + 0.05, sent_at=now, in_flight_then=3, in_flight=2)
        now += 0.05
    assert limit.state()["per_second"] is None


def test_a_pace_on_weak_evidence_is_given_up_when_less_gets_through() -> None:
    limit = AdaptiveLimit(64)
    now = succeed(limit, 20, took=0.01)
    for _ in range(3):
        refuse(limit, now, sent_at=now - 0.001, retry_after=0.001)
        now = succeed(limit, 20, took=0.01, start=now + 0.01)
    assert limit.state()["per_second"] is not None
    paced = now + 3
    for _ in range(80):
        paced += 0.5
        limit.sent(paced, in_flight=20)
        limit.succeeded(paced + 0.01, sent_at=paced, in_flight_then=20, in_flight=19)
    assert limit.state()["per_second"] is None


def test_a_remembered_pace_is_kept_from_the_first_request() -> None:
    limit = AdaptiveLimit(512)
    drive(limit, Provider(rate=4), 200)
    again = AdaptiveLimit(512, state=limit.state())
    again.sent(1_000.0, in_flight=1)
    assert again.not_before == pytest.approx(1_000.25, abs=0.05)


@pytest.mark.parametrize("nonsense", [0, -1, math.inf, math.nan, True, "3"])
def test_a_pace_is_a_positive_number(nonsense: Any) -> None:
    with pytest.raises(ConfigurationError):
        AdaptiveLimit(max_per_second=nonsense)


def test_of_the_users_pace_and_the_providers_the_slower_is_kept() -> None:
    limit = AdaptiveLimit(max_per_second=2, state=AdaptiveLimit().state() | {"per_second": 10.0})
    limit.sent(1_000.0, in_flight=1)
    assert limit.not_before == pytest.approx(1_000.5)

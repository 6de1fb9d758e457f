"""Refusals that have nothing to do with the load neither starve a run nor freeze it."""

from __future__ import annotations

import pytest
from support.overloaded import Provider, drive

from aioseflow import AdaptiveLimit
from aioseflow.session.limits.noise import NoiseFilter


@pytest.mark.parametrize("mean", [0.05, 1.0])
@pytest.mark.parametrize("flaky", [0.03, 0.05])
def test_a_flaky_provider_is_not_asked_one_by_one(flaky: float, mean: float) -> None:
    outcome = drive(AdaptiveLimit(32), Provider(mean=mean, flaky=flaky), 3_000)
    alone = 3_000 * (mean + 0.01)
    assert outcome.seconds < alone / 8
    assert outcome.refused_share < flaky + 0.02


@pytest.mark.parametrize("mean", [0.05, 1.0])
@pytest.mark.parametrize("length", [3, 12, 30])
def test_an_outage_is_over_when_it_is_over(length: int, mean: float) -> None:
    quiet = drive(AdaptiveLimit(32), Provider(mean=mean), 1_000).seconds
    outcome = drive(AdaptiveLimit(32), Provider(mean=mean, outage=(60, 60 + length)), 1_000)
    assert outcome.refused == length
    assert outcome.seconds < 1.3 * quiet + 1.0


def test_a_long_outage_is_asked_about_every_two_seconds_at_least() -> None:
    outcome = drive(AdaptiveLimit(32), Provider(outage=(60, 160)), 1_000)
    assert outcome.seconds < 100 * 2.0


def test_a_capacity_that_falls_to_a_quarter_is_not_taken_for_a_flaky_provider() -> None:
    provider = Provider(workers=32, mean=1.0, change_at=30.0, workers_then=8)
    outcome = drive(AdaptiveLimit(64), provider, 3_000)
    assert outcome.refused_share < 0.04


class TestNoise:
    def test_what_falls_by_half_with_few_refusals_had_another_reason(self) -> None:
        noise = NoiseFilter()
        size = 16.0
        for number in range(400):
            noise.sent(size)
            if number % 20 == 19:
                assert not noise.forgives()
                size -= 1
                if noise.explains_fall_to(size):
                    break
        assert 0.04 < noise.share < 0.06
        assert noise.forgives()
        assert not noise.forgives()

    def test_what_is_mostly_refused_is_the_load(self) -> None:
        noise = NoiseFilter()
        for size in range(16, 4, -1):
            for _ in range(3):
                noise.sent(size)
            noise.forgives()
            assert not noise.explains_fall_to(size)
        assert noise.share == 0.0

    def test_forgiveness_fades_with_its_reason(self) -> None:
        noise = NoiseFilter(share=0.1)
        for _ in range(3_000):
            noise.sent(32.0)
        assert noise.share < 0.001

    def test_a_small_limit_says_nothing(self) -> None:
        noise = NoiseFilter()
        for _ in range(50):
            noise.sent(4.0)
        for size in (3.0, 2.0, 1.5, 1.0):
            noise.forgives()
            assert not noise.explains_fall_to(size)

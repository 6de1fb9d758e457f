from statistics import fmean

import pytest

from aioseflow.sandbox import Lognormal
from aioseflow.sandbox.chance import draw, seconds


def test_a_draw_depends_on_its_seed_and_purpose_alone() -> None:
    assert draw(1, "a", 2) == draw(1, "a", 2)
    assert len({draw(1, "a"), draw(2, "a"), draw(1, "b"), draw("x", "a")}) == 4


def test_draws_are_spread_evenly() -> None:
    drawn = [draw(7, number) for number in range(4000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
    assert fmean(drawn) == pytest.approx(0.5, abs=0.02)


def test_a_number_is_that_many_seconds() -> None:
    assert seconds(3, 0.7) == 3.0


def test_a_pair_is_a_range() -> None:
    assert [seconds((2.0, 6.0), drawn) for drawn in (0.0, 0.5)] == [2.0, 4.0]


def test_a_lognormal_has_the_mean_it_says() -> None:
    tail = Lognormal(0.05, 0.5)
    drawn = [seconds(tail, draw(3, number)) for number in range(20_000)]
    assert fmean(drawn) == pytest.approx(0.05, rel=0.03)
    assert min(drawn) > 0


def test_a_lognormal_bears_the_smallest_draw_and_no_spread() -> None:
    assert seconds(Lognormal(1.0, 0.5), 0.0) > 0
    assert seconds(Lognormal(1.5, 0.0), 0.9) == 1.5

"""Repeats are paid for."""

from __future__ import annotations

from aioseflow.session.budget import RetryBudget


def empty() -> RetryBudget:
    budget = RetryBudget()
    budget.failed(1_000.0, sent_at=1_000.0)
    while budget.take():
        pass
    return budget


def test_ten_repeats_empty_it() -> None:
    budget = RetryBudget()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]


def test_ten_answers_pay_for_one_repeat_and_it_holds_no_more_than_at_first() -> None:
    budget = empty()
    for _ in range(9):
        budget.answered()
    assert not budget.take()
    budget.answered()
    assert budget.take()
    for _ in range(1_000):
        budget.answered()
    assert budget.tokens == 100


def test_quiet_time_pays_and_time_full_of_failures_does_not() -> None:
    budget = empty()
    now = 1_000.0
    for _ in range(100):
        # Each was sent right after the last had failed, and took half a minute to fail itself.
        budget.failed(now + 30, sent_at=now)
        now += 30
    assert not budget.take()
    budget.failed(now + 30, sent_at=now + 25)
    assert budget.take()


def test_a_short_pause_is_the_same_trouble_going_on() -> None:
    budget = empty()
    now = 1_000.0
    budget.failed(now, sent_at=now)
    for _ in range(100):
        now += 9
        budget.failed(now, sent_at=now)
    assert not budget.take()


def test_what_was_sent_before_the_last_failure_came_is_no_pause() -> None:
    budget = empty()
    budget.failed(1_020.0, sent_at=980.0)
    budget.failed(1_021.0, sent_at=1_019.0)
    assert not budget.take()

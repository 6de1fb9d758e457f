"""The retry table of the design, and when a repeat goes."""

from __future__ import annotations

import pytest

from aioseflow import ConfigurationError, RetryPolicy, SeFlowError
from aioseflow.safety import Safety
from aioseflow.session.call import IDEMPOTENT, ONCE, READ
from aioseflow.session.retry import TABLE, AttemptFailed, FailureKind, RetryRule, RetryState, next_wait

RETRY, AFTER_DELAY, NEVER, UNKNOWN = (
    RetryRule.RETRY,
    RetryRule.RETRY_AFTER_DELAY,
    RetryRule.NEVER,
    RetryRule.OUTCOME_UNKNOWN,
)

# The design's table: what happened, and what READ, IDEMPOTENT and ONCE do then.
DESIGN = [
    (FailureKind.NOT_SENT, RETRY, RETRY, RETRY),
    (FailureKind.TLS_REFUSED, NEVER, NEVER, NEVER),
    (FailureKind.PROXY_REFUSED, NEVER, NEVER, NEVER),
    (FailureKind.NOT_PROCESSED, RETRY, RETRY, RETRY),
    (FailureKind.THROTTLED, AFTER_DELAY, AFTER_DELAY, AFTER_DELAY),
    (FailureKind.POSTPONED, AFTER_DELAY, AFTER_DELAY, UNKNOWN),
    (FailureKind.LOST, RETRY, RETRY, UNKNOWN),
    (FailureKind.MALFORMED, NEVER, NEVER, UNKNOWN),
    (FailureKind.UNDECODABLE, NEVER, NEVER, UNKNOWN),
    (FailureKind.BLOCKED, NEVER, NEVER, NEVER),
    (FailureKind.ANSWERED_NO, NEVER, NEVER, NEVER),
    (FailureKind.LOGIN_REFUSED, NEVER, NEVER, NEVER),
]


@pytest.mark.parametrize(("failure", "read", "idempotent", "once"), DESIGN)
def test_the_table_is_the_design_s(
    failure: FailureKind, read: RetryRule, idempotent: RetryRule, once: RetryRule
) -> None:
    assert TABLE[failure] == {READ: read, IDEMPOTENT: idempotent, ONCE: once}


def test_the_table_has_a_row_for_every_failure_and_an_entry_for_every_safety() -> None:
    assert {row[0] for row in DESIGN} == set(FailureKind) == set(TABLE)
    assert all(set(row) == set(Safety) for row in TABLE.values())


def wait(
    failure: FailureKind,
    safety: Safety = READ,
    *,
    policy: RetryPolicy | None = RetryPolicy(),  # noqa: B008 - frozen
    attempts: int = 1,
    refusals: int = 0,
    delay: float | None = None,
    elapsed: float = 0.0,
    left: float = float("inf"),
    draw: float = 0.5,
) -> float | None:
    fault = AttemptFailed(failure, SeFlowError("x", retry_after=delay))
    return next_wait(fault, safety, RetryState(attempts, refusals), policy, elapsed, left, lambda: draw)


@pytest.mark.parametrize("safety", list(Safety))
@pytest.mark.parametrize("failure", list(FailureKind))
def test_what_the_table_forbids_never_goes_again(failure: FailureKind, safety: Safety) -> None:
    goes = wait(failure, safety, delay=1.0) is not None
    assert goes == (TABLE[failure][safety] in (RETRY, AFTER_DELAY))


@pytest.mark.parametrize("failure", list(FailureKind))
def test_without_a_policy_nothing_goes_again(failure: FailureKind) -> None:
    assert wait(failure, policy=None, delay=0.0) is None


@pytest.mark.parametrize(("attempts", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (90, 8.0)])
def test_waits_double_under_full_jitter(attempts: int, bound: float) -> None:
    policy = RetryPolicy(attempts=100)
    assert wait(FailureKind.LOST, policy=policy, attempts=attempts, draw=0.0) == 0.0
    assert wait(FailureKind.LOST, policy=policy, attempts=attempts, draw=1.0) == pytest.approx(bound)


def test_three_attempts_are_all() -> None:
    assert wait(FailureKind.LOST, attempts=2) is not None
    assert wait(FailureKind.LOST, attempts=3) is None


def test_a_refusal_is_no_attempt() -> None:
    assert wait(FailureKind.THROTTLED, attempts=3, refusals=50, delay=1.0) is not None
    history = RetryState()
    history.add(FailureKind.THROTTLED)
    assert (history.attempts, history.refusals, history.may_have_acted) == (0, 1, False)


@pytest.mark.parametrize("draw", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("failure", [FailureKind.THROTTLED, FailureKind.POSTPONED])
def test_a_requested_wait_is_never_shortened_and_spread_upward(failure: FailureKind, draw: float) -> None:
    seconds = wait(failure, delay=24.0, draw=draw)
    assert seconds is not None
    assert 24.0 <= seconds <= 24.0 * 1.1


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("failure", [FailureKind.THROTTLED, FailureKind.POSTPONED])
def test_a_requested_wait_never_lowers_our_own(failure: FailureKind, delay: float) -> None:
    for count in (1, 3, 5, 90):
        policy = RetryPolicy(attempts=100)
        own = min(8.0, 0.5 * 2.0 ** (count - 1))
        for draw in (0.0, 0.5, 1.0):
            seconds = wait(failure, policy=policy, attempts=count, refusals=count, delay=delay, draw=draw)
            assert seconds is not None
            assert seconds >= max(delay, own * (0.5 + 0.5 * draw))


def test_a_refusal_without_a_time_waits_at_least_half_of_the_bound() -> None:
    assert wait(FailureKind.THROTTLED, refusals=3, draw=0.0) == 1.0
    assert wait(FailureKind.THROTTLED, refusals=3, draw=1.0) == 2.0


def test_a_503_that_names_no_time_doubles_like_a_lost_answer() -> None:
    assert wait(FailureKind.POSTPONED, delay=None, draw=1.0) == 0.5


def test_a_wait_beyond_the_longest_or_the_deadline_is_not_begun() -> None:
    assert wait(FailureKind.THROTTLED, delay=121.0) is None
    assert wait(FailureKind.THROTTLED, delay=100.0, elapsed=150.0) is not None
    assert wait(FailureKind.THROTTLED, delay=100.0, elapsed=250.0) is None
    assert wait(FailureKind.LOST, elapsed=300.0) is None
    assert wait(FailureKind.THROTTLED, delay=20.0, left=20.0) is None
    assert wait(FailureKind.THROTTLED, delay=20.0, left=23.0) is not None


@pytest.mark.parametrize("failure", list(FailureKind))
def test_only_a_lost_or_unreadable_answer_may_have_acted(failure: FailureKind) -> None:
    history = RetryState()
    history.add(failure)
    lost = (FailureKind.LOST, FailureKind.POSTPONED, FailureKind.MALFORMED, FailureKind.UNDECODABLE)
    assert history.may_have_acted == (failure in lost)


@pytest.mark.parametrize(
    "bad",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 2.5},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"first_wait": -1},
        {"longest_wait": float("inf")},
        {"longest_told_wait": "1"},
    ],
)
def test_a_policy_that_cannot_work_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        RetryPolicy(**bad)  # type: ignore[arg-type]

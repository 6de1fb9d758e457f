"""Is the panel there, and what does a limit hear of how an attempt ended?"""

from __future__ import annotations

import pytest

from aioseflow import ApiError, GatewayError, RequestTimeout, SeFlowError, ServerError, TransportError
from aioseflow.session.breaker import AttemptResult, Breaker, attempt_result
from aioseflow.session.retry import AttemptFailed, FailureKind

ANSWERED, REFUSED, TIMED_OUT, DROPPED, NOTHING = AttemptResult


@pytest.mark.parametrize(
    ("failure", "error", "ending"),
    [
        (FailureKind.NOT_SENT, TransportError("refused"), DROPPED),
        (FailureKind.NOT_SENT, RequestTimeout("no connection"), TIMED_OUT),
        (FailureKind.TLS_REFUSED, TransportError("expired"), NOTHING),
        (FailureKind.THROTTLED, SeFlowError("429", status=429), REFUSED),
        (FailureKind.POSTPONED, ServerError("503", status=503), REFUSED),
        (FailureKind.LOST, ServerError("503", status=503), REFUSED),
        (FailureKind.LOST, ServerError("502", status=502), DROPPED),
        (FailureKind.LOST, ServerError("504", status=504), DROPPED),
        (FailureKind.LOST, ServerError("500", status=500), NOTHING),
        (FailureKind.LOST, ServerError("a page", status=200), NOTHING),
        (FailureKind.LOST, TransportError("reset"), DROPPED),
        (FailureKind.LOST, RequestTimeout("no answer"), TIMED_OUT),
        (FailureKind.UNDECODABLE, SeFlowError("shape", status=200), ANSWERED),
        (FailureKind.ANSWERED_NO, ApiError("locked", status=200), ANSWERED),
        (FailureKind.LOGIN_REFUSED, SeFlowError("wronglogin", status=401), NOTHING),
        (FailureKind.PROXY_REFUSED, TransportError("407", status=407), NOTHING),
        (FailureKind.BLOCKED, GatewayError("a 404 page", status=404), NOTHING),
        (FailureKind.NOT_PROCESSED, GatewayError("421", status=421), NOTHING),
        (FailureKind.LOST, GatewayError("408", status=408), NOTHING),
        (FailureKind.MALFORMED, TransportError("a header too long"), NOTHING),
    ],
)
def test_what_an_ending_says_of_the_panel(
    failure: FailureKind, error: SeFlowError, ending: AttemptResult
) -> None:
    assert attempt_result(AttemptFailed(failure, error)) is ending


def test_an_answer_is_an_answer() -> None:
    assert attempt_result(None) is ANSWERED


@pytest.mark.parametrize("ending", [DROPPED, TIMED_OUT])
def test_it_opens_with_the_fifth_request_in_a_row_without_an_answer(ending: AttemptResult) -> None:
    breaker = Breaker()
    for number in range(5):
        assert not breaker.is_open
        breaker.record(ending, 100.0 * number)
    assert breaker.is_open


@pytest.mark.parametrize("ending", [ANSWERED, REFUSED])
def test_any_answer_closes_it(ending: AttemptResult) -> None:
    breaker = Breaker()
    for number in range(9):
        breaker.record(DROPPED, 100.0 * number)
    breaker.record(ending, 1_000.0)
    assert not breaker.is_open


def test_what_says_nothing_neither_opens_nor_closes_it() -> None:
    breaker = Breaker()
    for number in range(4):
        breaker.record(DROPPED, 100.0 * number)
        breaker.record(NOTHING, 100.0 * number)
    assert not breaker.is_open
    breaker.record(DROPPED, 500.0)
    breaker.record(NOTHING, 501.0)
    assert breaker.is_open


def test_one_broken_connection_says_nothing_to_the_limit_and_a_burst_of_them_refuses() -> None:
    breaker = Breaker()
    assert breaker.record(DROPPED, 1.0) is NOTHING
    assert breaker.record(ANSWERED, 1.1) is ANSWERED
    assert breaker.record(DROPPED, 1.2) is NOTHING
    assert breaker.record(ANSWERED, 1.3) is ANSWERED
    assert breaker.record(DROPPED, 1.9) is REFUSED
    assert breaker.record(DROPPED, 9.0) is NOTHING


def test_a_panel_that_is_down_teaches_the_limit_nothing() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.record(DROPPED, 1.0)
    assert breaker.record(DROPPED, 1.0) is NOTHING

"""Stats, one logger for each event, and hooks; an event without a listener is not made."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import statistics
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from support.clients import client, virtual_client
from support.virtual import VIRTUAL
from support.wire import Answer, Play, Wire, http

from aioseflow import (
    AdaptiveLimit,
    Answered,
    CircuitChanged,
    ConfigurationError,
    Event,
    FixedLimit,
    LimitChanged,
    OutcomeUnknown,
    Refused,
    Retried,
    SeFlow,
    SeFlowError,
    Sent,
    Unknown,
    Waiting,
)
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.session.events import Events
from aioseflow.session.stats import Histogram


def panel_of(*faults: Fault, **settings: Any) -> Sandbox:
    return Sandbox(listen=False, port=80, services=1, vms_per_service=2, faults=faults, **settings)


@VIRTUAL
async def test_stats_count_what_the_panel_counted() -> None:
    faults = [
        Fault("throttle", seconds=5, times=2, path="/details"),
        Fault("status", status=500, times=1, path="/balance"),
        Fault("reset", path="/service/@id/vms/@vmid/reboot"),
    ]
    async with panel_of(*faults, service_time=0.25) as panel:
        async with virtual_client(panel, limit=FixedLimit(3)) as seflow:
            before = seflow.stats()
            assert (before.calls, before.limit, before.latency) == (0, 1, {})
            assert "until the panel answers" in before.limit_why
            await seflow.services.list()
            await seflow.account.details()
            await seflow.billing.balance()
            with pytest.raises(OutcomeUnknown):
                await seflow.vms.reboot(33301, 4001)
            stats = seflow.stats()
        assert stats.attempts == len(panel.requests) == 7
        assert (stats.calls, stats.retries, stats.refusals, stats.unknown) == (4, 3, 2, 1)
        assert stats.waited == pytest.approx(10.5, abs=1.0)
        assert (stats.in_flight, stats.waiting, stats.limit, stats.limit_why) == (0, 0, 3, "fixed")
        assert stats.retry_budget == pytest.approx(91, abs=1)
        assert (stats.circuit, stats.panel, stats.held) == ("closed", "up", 0.0)
        assert stats.latency["services.list"].count == 1
        assert stats.latency["services.list"].p50 == pytest.approx(0.25, rel=0.05)
        assert "vms.reboot" not in stats.latency


@VIRTUAL
async def test_a_hold_that_the_panel_asked_for_is_shown() -> None:
    async with panel_of(Fault("throttle", seconds=30, times=1)) as panel:
        async with virtual_client(panel) as seflow:
            call = asyncio.create_task(seflow.services.list())
            await asyncio.sleep(10)
            assert seflow.stats().held == pytest.approx(20)
            call.cancel()


def test_quantiles_are_near_the_true_ones() -> None:
    chance = random.Random(1)
    seconds = [chance.lognormvariate(-2, 1) for _ in range(5_000)]
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)
    summary = histogram.summary()
    assert (summary.count, summary.longest) == (5_000, max(seconds))
    cuts = statistics.quantiles(seconds, n=100)
    assert summary.p50 == pytest.approx(cuts[49], rel=0.06)
    assert summary.p90 == pytest.approx(cuts[89], rel=0.06)
    assert summary.p99 == pytest.approx(cuts[98], rel=0.06)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e-4, 3.7, 1e5])
def test_one_duration_is_every_quantile(seconds: float) -> None:
    histogram = Histogram()
    histogram.add(seconds)
    summary = histogram.summary()
    assert summary.p50 == summary.p99 <= summary.longest == seconds


@VIRTUAL
async def test_hooks_get_each_event_in_its_order() -> None:
    events: list[Event] = []
    faults = [
        Fault("throttle", seconds=5, times=1, path="/details"),
        Fault("status", status=500, times=1, path="/details", name="again"),
        Fault("close", path="/service/@id/vms/@vmid/reboot"),
    ]
    async with panel_of(*faults) as panel:
        async with virtual_client(panel, hooks=[events.append], name="one") as seflow:
            await seflow.account.details()
            with pytest.raises(OutcomeUnknown):
                await seflow.vms.reboot(33301, 4001)
    seen = [event for event in events if not isinstance(event, LimitChanged)]
    assert [type(event) for event in seen] == [
        Sent, Refused, Waiting, Retried,
        Sent, Answered, Waiting, Retried,
        Sent, Answered,
        Sent, Unknown,
    ]  # fmt: skip
    assert {event.account for event in seen} == {"one"}
    refused, waiting, retried = seen[1:4]
    assert isinstance(refused, Refused)
    assert isinstance(waiting, Waiting)
    assert isinstance(retried, Retried)
    assert (refused.call, refused.request, refused.attempt) == ("account.details", "GET /details", 1)
    assert (refused.status, refused.retry_after) == (401, 5)
    assert waiting.reason == "told"
    assert waiting.seconds is not None
    assert 5 <= waiting.seconds <= 5.5
    assert "did nothing" in retried.cause
    assert isinstance(seen[5], Answered)
    assert seen[5].status == 500
    assert isinstance(seen[6], Waiting)
    assert seen[6].reason == "backoff"
    with pytest.raises(AttributeError):
        refused.status = 200  # type: ignore[misc]


@VIRTUAL
async def test_a_change_of_the_limit_or_of_the_circuit_is_an_event() -> None:
    events: list[Event] = []
    async with panel_of() as panel:
        async with virtual_client(panel, limit=AdaptiveLimit(32), hooks=[events.append]) as seflow:
            await seflow.services.list()
            panel.faults.add(Fault("status", status=429, times=3))
            await asyncio.gather(*(seflow.services.list() for _ in range(16)))
            panel.faults.add(hang := Fault("hang"))
            view = seflow.with_options(timeout=1, retry=None)
            await asyncio.gather(*(view.services.list() for _ in range(6)), return_exceptions=True)
            panel.faults.remove(hang)
            await view.services.list()
            panel.faults.add(Fault("wronglogin"))
            with pytest.raises(SeFlowError):
                await view.services.list()
            seflow.reset()
    moved = [event for event in events if isinstance(event, LimitChanged)]
    assert moved[0].before == 16
    assert all(event.before != event.after for event in moved)
    assert all(event.why for event in moved)
    assert [event.state for event in events if isinstance(event, CircuitChanged)] == [
        "down", "closed", "open", "closed",
    ]  # fmt: skip
    seen = [event for event in events if isinstance(event, Waiting) and event.reason == "down"]
    assert all(event.seconds is None for event in seen)


@VIRTUAL
async def test_a_long_wait_is_an_event_of_each_call_that_begins_while_it_lasts() -> None:
    events: list[Event] = []
    async with panel_of(Fault("throttle", seconds=30, times=1)) as panel:
        async with virtual_client(panel, hooks=[events.append]) as seflow:
            first = asyncio.create_task(seflow.services.list())
            await asyncio.sleep(10)
            await seflow.account.details()
            await first
    [seen] = [event for event in events if isinstance(event, Waiting) and event.call == "account.details"]
    assert (seen.reason, seen.attempt) == ("told", 0)
    assert seen.seconds == pytest.approx(20)


class Broken:
    """A hook that is an object."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, event: Event) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a typo"), SystemExit(2), asyncio.CancelledError(), StopIteration()],
    ids=lambda error: type(error).__name__,
)
async def test_a_hook_that_fails_changes_nothing_and_is_warned_of_once_and_logged_each_time(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    seen: list[Event] = []
    async with Wire() as wire:
        wire.answer = http('{"services": []}')
        async with client(wire.url, hooks=[seen.append, Broken(error), seen.append]) as seflow:
            with pytest.warns(RuntimeWarning, match=r"hooks\[1\] \(.*\.Broken\) failed on") as warned:
                assert await asyncio.gather(*(seflow.services.list() for _ in range(3))) == [[]] * 3
    assert len(warned) == 1
    assert type(error).__name__ in str(warned[0].message)
    assert {record.name for record in caplog.records} == {"aioseflow.hooks"}
    assert len(caplog.records) * 2 == len(seen) >= 12


async def test_a_hook_that_fails_changes_nothing_where_warnings_are_errors() -> None:
    async with Wire() as wire:
        wire.answer = http('{"services": []}')
        async with client(wire.url, hooks=[Broken(ValueError())]) as seflow:
            assert await seflow.services.list() == []


async def test_a_hook_that_returns_a_coroutine_is_warned_of() -> None:
    async def count(event: Event) -> None:
        raise AssertionError

    async with Wire() as wire:
        wire.answer = http('{"services": []}')
        async with client(wire.url, hooks=[lambda event: count(event)]) as seflow:
            with pytest.warns(RuntimeWarning, match="returned a coroutine, which nobody awaits"):
                assert await seflow.services.list() == []


async def a_hook(event: Event) -> None: ...


async def a_generator(event: Event) -> AsyncIterator[None]:
    yield


class AsyncHook:
    async def __call__(self, event: Event) -> None: ...

    async def method(self, event: Event) -> None: ...


class AsyncParent(AsyncHook):
    pass


@functools.wraps(a_hook)
def decorated(event: Event) -> Any:
    return a_hook(event)


ASYNC: list[Any] = [
    a_hook,
    a_generator,
    AsyncHook(),
    AsyncParent(),
    AsyncHook().method,
    functools.partial(a_hook),
    functools.partial(functools.partial(AsyncHook())),
    decorated,
    AsyncMock(),
]


@pytest.mark.parametrize("hook", ASYNC, ids=range(len(ASYNC)))
async def test_an_async_hook_is_refused_when_the_client_is_made(hook: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^hooks\[1\] \(.*\) is an async function, which nobody"):
        SeFlow("u@example.com", "p", hooks=[print, hook])


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        (print, "give a list of functions"),
        (7, "give a list"),
        ([None], r"hooks\[0\] is None"),
        (["x"], "'x'"),
    ],
)
async def test_what_is_no_hook_is_refused_when_the_client_is_made(hooks: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        SeFlow("u@example.com", "p", hooks=hooks)


PLAIN: list[Any] = [print, [].append, Broken(ValueError()), functools.partial(print), Broken, Mock()]


@pytest.mark.parametrize("hook", PLAIN, ids=range(len(PLAIN)))
async def test_a_plain_hook_is_taken(hook: Any) -> None:
    SeFlow("u@example.com", "p", hooks=(hook,))


async def test_each_event_has_a_logger_of_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="aioseflow")
    async with Wire() as wire, client(wire.url) as seflow:
        answers: list[Answer] = [http("", 429), http("oops", 500), http('{"services": []}')]
        answers.append(Play(then="close"))
        wire.answer = lambda seen: answers.pop(0)
        await seflow.services.list()
        with pytest.raises(OutcomeUnknown):
            await seflow.vms.reboot(9, 4)
    names = {record.name for record in caplog.records}
    assert names >= {f"aioseflow.{name}" for name in ("sent", "refused", "waiting", "retried", "answered")}
    [unknown] = [record for record in caplog.records if record.name == "aioseflow.unknown"]
    assert unknown.levelno == logging.WARNING
    assert unknown.getMessage().startswith(
        "unknown account=main call=vms.reboot request=POST /service/9/vms/4/reboot attempt=1 sent_at="
    )
    assert isinstance(unknown.__dict__["event"], Unknown)


async def test_an_event_that_nobody_wants_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sent", "answered", "waiting", "retried", "refused"):
        logging.getLogger(f"aioseflow.{name}").setLevel(logging.ERROR)
    made: list[str] = []
    for kind in (Sent, Answered, Waiting, Retried, Refused, LimitChanged):
        monkeypatch.setattr(kind, "__init__", lambda self, **facts: made.append(type(self).__name__))
    try:
        assert not Events("main", ()).wants(Sent)
        async with Wire() as wire, client(wire.url) as seflow:
            answers = [http("", 429), http('{"services": []}')]
            wire.answer = lambda seen: answers.pop(0)
            await seflow.services.list()
    finally:
        for name in ("sent", "answered", "waiting", "retried", "refused"):
            logging.getLogger(f"aioseflow.{name}").setLevel(logging.NOTSET)
    assert made == []


@VIRTUAL
async def test_what_one_client_learned_is_given_to_the_next() -> None:
    async with panel_of(workers=6, queue=0, service_time=(0.02, 0.08), seed=3) as panel:
        limit = AdaptiveLimit(32)
        async with virtual_client(panel, limit=limit) as seflow:
            await asyncio.gather(*(seflow.services.list() for _ in range(600)))
        first = panel.count(status=429)
        panel.clear_record()
        async with virtual_client(panel, limit=AdaptiveLimit(32, state=limit.state())) as seflow:
            await asyncio.gather(*(seflow.services.list() for _ in range(600)))
        assert panel.count(status=429) < first / 2


async def test_capture_shows_attempts_waits_and_headers_of_its_own_context() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        answers = [http("", 429, headers={"Retry-After": "0"}), http('{"services": []}')]
        wire.answer = lambda seen: answers.pop(0) if answers else http('{"services": []}')

        async def other() -> None:
            await seflow.account.details()

        with seflow.capture() as exchanges:
            await seflow.services.list()
        with pytest.raises(SeFlowError):
            await other()
    [exchange] = exchanges
    assert (exchange.status, exchange.attempts, exchange.sent) == (200, 2, 2)
    assert len(exchange.waits) == 1
    assert exchange.headers["content-length"] == "16"

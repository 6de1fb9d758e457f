"""A provider that takes so many at once or a second; a pure limit is driven against it without a clock."""

from __future__ import annotations

import heapq
import math
from random import Random
from typing import Any

import attrs

from aioseflow.session.limits.limit import Limit


@attrs.define
class Provider:
    """Workers, places in a queue and a token bucket, driven by events; the limit sees an RTT of 10 ms."""

    workers: int = 10_000
    places: float = 0
    mean: float = 0.05
    rate: float | None = None
    burst: int = 10
    whole_seconds: bool = False
    change_at: float = math.inf
    workers_then: int = 0
    rate_then: float | None = None
    time_out: float = 30.0
    flaky: float = 0.0  # refused for no reason
    outage: tuple[int, int] = (0, 0)  # the requests that are refused whatever the load


@attrs.define
class Outcome:
    done: int = 0
    refused: int = 0
    timed_out: int = 0
    seconds: float = 0.0
    waits: float = 0.0
    values: list[int] = attrs.field(factory=list)

    @property
    def refused_share(self) -> float:
        return self.refused / (self.done + self.refused)


def drive(limit: Limit, provider: Provider, requests: int, seed: int = 1) -> Outcome:
    random = Random(seed)
    outcome = Outcome()
    events: list[tuple[float, int, str, float, int]] = []
    ends: list[float] = []  # when each worker is free
    tokens, counted, now, in_flight, order, wake = float(provider.burst), 0.0, 0.0, 0, 0, -1.0
    sent = 0
    while outcome.done < requests:
        while outcome.done + in_flight < requests and in_flight < limit.value:
            if now < limit.not_before:
                if wake != limit.not_before:
                    wake = limit.not_before
                    heapq.heappush(events, (wake, order := order + 1, "wake", 0.0, 0))
                break
            in_flight += 1
            limit.sent(now, in_flight=in_flight)
            changed = now >= provider.change_at
            workers = provider.workers_then if changed and provider.workers_then else provider.workers
            rate = provider.rate_then if changed else provider.rate
            while ends and ends[0] <= now:
                heapq.heappop(ends)
            let_in = len(ends) < workers + provider.places
            if rate is not None:
                tokens, counted = min(provider.burst, tokens + (now - counted) * rate), now
                let_in = tokens >= 1 - 1e-9
                tokens -= let_in
            sent += 1
            if random.random() < provider.flaky or provider.outage[0] < sent <= provider.outage[1]:
                let_in = False
            what, at = "refused", now + 0.01
            if let_in:
                work = provider.mean * math.exp(random.gauss(-0.125, 0.5))
                # With a queue the next free worker takes it.
                start = now if len(ends) < workers else sorted(ends)[len(ends) - workers]
                heapq.heappush(ends, start + work)
                what, at = "answered", start + work + 0.01
                if at > now + provider.time_out:
                    what, at = "lost", now + provider.time_out
            heapq.heappush(events, (at, order := order + 1, what, now, in_flight))
        now, _, what, sent_at, then = heapq.heappop(events)
        if what == "wake":
            continue
        in_flight -= 1
        told: dict[str, Any] = {"sent_at": sent_at, "in_flight_then": then, "in_flight": in_flight}
        if what == "answered":
            outcome.done += 1
            limit.succeeded(now, **told)
        elif what == "lost":
            outcome.timed_out += 1
            limit.timed_out(now, **told)
        else:
            outcome.refused += 1
            wait = 1.0 if provider.whole_seconds else None
            outcome.waits += wait or 0.0
            limit.refused(now, **told, retry_after=wait)
        outcome.values.append(limit.value)
    outcome.seconds = now
    return outcome


def succeed(
    limit: Limit, times: int, *, took: float = 0.1, start: float = 0.0, in_flight: int | None = None
) -> float:
    """Answers one after the other, each to a request that filled the limit; the time after the last."""
    now = start
    for _ in range(times):
        then = limit.value if in_flight is None else in_flight
        limit.sent(now, in_flight=then)
        now += took
        limit.succeeded(now, sent_at=now - took, in_flight_then=then, in_flight=then - 1)
    return now


def refuse(
    limit: Limit, now: float, *, sent_at: float | None = None, then: int | None = None, **more: Any
) -> None:
    then = limit.value if then is None else then
    limit.refused(
        now,
        sent_at=now - 0.01 if sent_at is None else sent_at,
        in_flight_then=then,
        in_flight=then - 1,
        **more,
    )

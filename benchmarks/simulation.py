"""A provider that refuses, on a clock of its own: what a limit makes of it, thousands of requests a second.

The requests are all there at the start, or come as a Poisson stream. The whole round trip is put after the
provider's answer: with an even RTT the limit sees the same as if half of it came before.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from aioseflow import Limit


@dataclass(frozen=True, slots=True)
class Provider:
    """What the requests meet.

    - `phases`: (from second, workers, places in the queue), the first from 0.
    - `service`: seconds of work of one request.
    - `rate`, `burst`: a token bucket in front of the workers.
    - `says`: what a refusal by the rate says: nothing, the true wait, or that in whole seconds.
    """

    phases: Sequence[tuple[float, float, float]]
    service: Callable[[Random], float]
    rate: float | None = None
    burst: int = 1
    says: Literal["nothing", "true", "whole"] = "nothing"
    rtt: float = 0.010
    time_out: float = 30.0


@dataclass(slots=True)
class Run:
    """What became of it; seconds. `waits` is what all refusals asked for, `waited` without the overlaps."""

    done: int = 0
    refused: int = 0
    timed_out: int = 0
    sent: int = 0
    until_95: float = math.inf
    seconds: float = 0.0
    waits: float = 0.0
    waited: float = 0.0
    cut_short: bool = False

    @property
    def refused_share(self) -> float:
        """Of all that was sent."""
        return self.refused / max(1, self.sent)

    @property
    def timed_out_share(self) -> float:
        """Of all that was sent."""
        return self.timed_out / max(1, self.sent)


@dataclass(slots=True, eq=False)
class _Request:
    sent_at: float = 0.0
    in_flight_then: int = 0
    open: bool = True


_ANSWER, _REFUSAL, _WORKED, _WAKE, _PHASE, _BACK = range(6)


def lognormal(mean: float, sigma: float) -> Callable[[Random], float]:
    """Service times with this mean."""
    mu = math.log(mean) - sigma * sigma / 2
    return lambda random: math.exp(random.gauss(mu, sigma))


def three_kinds() -> Callable[[Random], float]:
    """Reads, actions and builds of a hosting panel in one stream."""

    def draw(random: Random) -> float:
        kind = random.random()
        if kind < 0.7:
            return 0.15 * math.exp(random.gauss(0, 0.3))
        return random.uniform(1, 6) if kind < 0.95 else random.uniform(8, 30)

    return draw


def run(
    limit: Limit,
    provider: Provider,
    requests: int,
    seed: int,
    *,
    backoff: bool = False,
    arrivals: float | None = None,
    most_sent: int | None = None,
    until: Callable[[float, Limit], None] | None = None,
) -> Run:
    """Send `requests` through `limit`; with `backoff` a refused one sleeps first (0.5 s doubling to 8 s).

    `most_sent` ends a run that only hammers. `until` is called at every change of phase.
    """
    random = Random(seed)
    result = Run()
    events: list[tuple[float, int, int, _Request | None]] = []
    order = 0
    waiting = requests if arrivals is None else 0
    to_come = requests - waiting
    in_flight = 0
    busy = 0
    queue: deque[_Request] = deque()
    outstanding: deque[_Request] = deque()
    workers, places = provider.phases[0][1:]
    phases = deque(provider.phases[1:])
    tokens, counted_at = float(provider.burst), 0.0
    wake_at = math.inf
    held_until = 0.0
    goal = math.ceil(0.95 * requests)
    most_sent = most_sent if most_sent is not None else 60 * requests
    rtt, service = provider.rtt, provider.service
    push, pop = heapq.heappush, heapq.heappop
    for start, *_ in phases:
        push(events, (start, order, _PHASE, None))
        order += 1
    if to_come and arrivals is not None:
        push(events, (random.expovariate(arrivals), order, _BACK, _Request()))
        order += 1
    now = 0.0
    while True:
        # Send what may go.
        while waiting and in_flight < limit.value:
            if now < limit.not_before:
                if wake_at > limit.not_before or wake_at <= now:
                    wake_at = limit.not_before
                    push(events, (wake_at, order, _WAKE, None))
                    order += 1
                break
            waiting -= 1
            in_flight += 1
            result.sent += 1
            request = _Request(now, in_flight)
            limit.sent(now, in_flight=in_flight)
            order += 1
            if provider.rate is not None:
                tokens = min(provider.burst, tokens + (now - counted_at) * provider.rate)
                counted_at = now
                if tokens < 1 - 1e-9:
                    push(events, (now + rtt, order, _REFUSAL, request))
                    continue
                tokens -= 1
            if busy < workers:
                busy += 1
                push(events, (now + service(random), order, _WORKED, request))
            elif len(queue) < places:
                queue.append(request)
            else:
                push(events, (now + rtt, order, _REFUSAL, request))
                continue
            outstanding.append(request)
        if result.done >= requests or result.sent > most_sent:
            break
        while outstanding and not outstanding[0].open:
            outstanding.popleft()
        if outstanding and (not events or outstanding[0].sent_at + provider.time_out < events[0][0]):
            request = outstanding.popleft()
            now = request.sent_at + provider.time_out
            request.open = False
            in_flight -= 1
            waiting += 1
            result.timed_out += 1
            limit.timed_out(
                now, sent_at=request.sent_at, in_flight_then=request.in_flight_then, in_flight=in_flight
            )
            continue
        now, _, kind, event = pop(events)
        if kind == _WORKED:
            assert event is not None
            order += 1
            push(events, (now + rtt, order, _ANSWER, event))
            busy -= 1
            if queue and busy < workers:
                busy += 1
                order += 1
                push(events, (now + service(random), order, _WORKED, queue.popleft()))
        elif kind == _ANSWER:
            assert event is not None
            if event.open:
                event.open = False
                in_flight -= 1
                result.done += 1
                if result.done == goal:
                    result.until_95 = now
                limit.succeeded(
                    now, sent_at=event.sent_at, in_flight_then=event.in_flight_then, in_flight=in_flight
                )
        elif kind == _REFUSAL:
            assert event is not None
            in_flight -= 1
            result.refused += 1
            wait: float | None = None
            if provider.rate is not None and provider.says != "nothing":
                wait = max(0.0, 1 - tokens - (now - counted_at) * provider.rate) / provider.rate
                if provider.says == "whole":
                    wait = max(1.0, math.ceil(wait))
                result.waits += wait
                result.waited += max(0.0, now + wait - max(now, held_until))
                held_until = max(held_until, now + wait)
            limit.refused(
                now,
                sent_at=event.sent_at,
                in_flight_then=event.in_flight_then,
                in_flight=in_flight,
                retry_after=wait,
            )
            if backoff:
                # One request is like another, so how often each was tried is taken from all of them.
                k = min(4.0, math.log2(1 + result.refused / requests))
                pause = random.random() * min(8.0, 0.5 * 2.0**k)
                order += 1
                push(events, (now + pause, order, _BACK, None))
            else:
                waiting += 1
        elif kind == _BACK:
            waiting += 1
            if event is not None and arrivals is not None:
                to_come -= 1
                if to_come:
                    order += 1
                    push(events, (now + random.expovariate(arrivals), order, _BACK, event))
        elif kind == _PHASE:
            _, workers, places = phases.popleft()
            while queue and busy < workers:
                busy += 1
                order += 1
                push(events, (now + service(random), order, _WORKED, queue.popleft()))
            if until is not None:
                until(now, limit)
    result.seconds = now
    if result.done < goal:
        # What is left is taken to go on at the same pace.
        result.cut_short = True
        result.until_95 = now * goal / max(1, result.done)
    return result

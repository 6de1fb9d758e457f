"""What an account's calls did so far: counters, and latencies in buckets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import attrs

_PER_OCTAVE: Final = 8  # buckets for each doubling: a quantile is off by 4.5 % at most
_LEAST: Final = 1e-4


@attrs.frozen(kw_only=True)
class Latency:
    """How long the answers of one call took, in seconds, from leaving the gate to the last byte."""

    count: int
    p50: float
    p90: float
    p99: float
    longest: float


@attrs.frozen(kw_only=True)
class Stats:
    """Where an account stands.

    Attributes:
        calls: calls begun; ``attempts`` requests tried for them, ``retries`` of these after a failure.
        refusals: attempts that the panel turned away for now.
        unknown: calls that ended as `OutcomeUnknown`.
        waited: seconds spent before repeats; ``queued`` at the concurrency gate. Sums over all calls.
        in_flight: requests under way; ``waiting`` those at the gate.
        limit: how many may be in flight, and ``limit_why`` why it last moved.
        held: seconds for which nobody sends, because the panel asked for it or its pace demands it.
        retry_budget: tokens left for repeats, of 100; a repeat costs 10.
        circuit: ``"open"`` after the credentials were refused, else ``"closed"``.
        panel: ``"down"`` while it does not answer, else ``"up"``.
        latency: by call.
    """

    calls: int
    attempts: int
    retries: int
    refusals: int
    unknown: int
    waited: float
    queued: float
    in_flight: int
    waiting: int
    limit: int
    limit_why: str
    held: float
    retry_budget: float
    circuit: str
    panel: str
    latency: Mapping[str, Latency]


class Histogram:
    """Durations in buckets that grow by a constant factor: small, and exact enough for quantiles."""

    __slots__ = ("_buckets", "_longest")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        bucket = math.ceil(_PER_OCTAVE * math.log2(seconds / _LEAST)) if seconds > _LEAST else 0
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        if seconds > self._longest:
            self._longest = seconds

    def summary(self) -> Latency:
        """The quantiles of what was counted, which must be something."""
        buckets = sorted(self._buckets.items())
        count = sum(number for _, number in buckets)

        def quantile(share: float) -> float:
            remaining = iter(buckets)
            rank, seen, bucket = math.ceil(share * count), 0, 0
            while seen < rank:
                bucket, number = next(remaining)
                seen += number
            # The middle of the bucket, on the scale of its factor.
            return float(min(self._longest, _LEAST * 2.0 ** ((bucket - 0.5) / _PER_OCTAVE)))

        return Latency(
            count=count,
            p50=quantile(0.5),
            p90=quantile(0.9),
            p99=quantile(0.99),
            longest=self._longest,
        )


@attrs.define
class Counters:
    """The numbers behind `Stats`, counted where they happen."""

    calls: int = 0
    attempts: int = 0
    retries: int = 0
    refusals: int = 0
    unknown: int = 0
    waited: float = 0.0
    queued: float = 0.0
    latency: dict[str, Histogram] = attrs.Factory(dict)

    def answered(self, call: str, seconds: float) -> None:
        """An answer came after so many seconds."""
        histogram = self.latency.get(call)
        if histogram is None:
            histogram = self.latency[call] = Histogram()
        histogram.add(seconds)

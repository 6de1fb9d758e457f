"""Counters of an account's calls, and their latencies in buckets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import attrs

_BUCKETS_PER_DOUBLING: Final = 8  # a quantile is off by 4.5 % at most
_FIRST_BUCKET_MAX_SECONDS: Final = 1e-4


@attrs.frozen(kw_only=True)
class Latency:
    """Answer times of one call, in seconds, from leaving the gate to the last byte."""

    count: int
    p50: float
    p90: float
    p99: float
    longest: float


@attrs.frozen(kw_only=True)
class Stats:
    """Counters and state of an account.

    Attributes:
        calls: calls begun; ``attempts`` are the requests tried for them, ``retries`` those after a failure.
        refusals: attempts that the panel refused for now.
        unknown: calls that ended as `OutcomeUnknown`.
        waited: seconds spent before retries; ``queued`` at the gate. Sums over all calls.
        in_flight: requests under way; ``waiting`` those at the gate.
        limit: how many may be in flight; ``limit_why`` is the reason for its last change.
        held: seconds for which nothing is sent, because the panel asked for it or its request rate is kept.
        retry_budget: tokens left for retries, of 100; a retry costs 10.
        circuit: ``"open"`` after the credentials were refused, else ``"closed"``.
        panel: ``"down"`` while it does not answer, else ``"up"``.
        latency: answer times by call.
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
    """Durations in buckets of constant ratio: small, and exact enough for quantiles."""

    __slots__ = ("_buckets", "_longest")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        bucket = (
            math.ceil(_BUCKETS_PER_DOUBLING * math.log2(seconds / _FIRST_BUCKET_MAX_SECONDS))
            if seconds > _FIRST_BUCKET_MAX_SECONDS
            else 0
        )
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        if seconds > self._longest:
            self._longest = seconds

    def summary(self) -> Latency:
        """Return the quantiles. At least one duration must have been counted."""
        buckets = sorted(self._buckets.items())
        count = sum(number for _, number in buckets)

        def quantile(share: float) -> float:
            remaining = iter(buckets)
            rank, seen, bucket = math.ceil(share * count), 0, 0
            while seen < rank:
                bucket, number = next(remaining)
                seen += number
            # The middle of the bucket, on the scale of its factor.
            return float(
                min(
                    self._longest, _FIRST_BUCKET_MAX_SECONDS * 2.0 ** ((bucket - 0.5) / _BUCKETS_PER_DOUBLING)
                )
            )

        return Latency(
            count=count,
            p50=quantile(0.5),
            p90=quantile(0.9),
            p99=quantile(0.99),
            longest=self._longest,
        )


@attrs.define
class Counters:
    """The counters behind `Stats`."""

    calls: int = 0
    attempts: int = 0
    retries: int = 0
    refusals: int = 0
    unknown: int = 0
    waited: float = 0.0
    queued: float = 0.0
    latency: dict[str, Histogram] = attrs.Factory(dict)

    def answered(self, call: str, seconds: float) -> None:
        """Count an answer to a call, and the seconds that it took."""
        histogram = self.latency.get(call)
        if histogram is None:
            histogram = self.latency[call] = Histogram()
        histogram.add(seconds)

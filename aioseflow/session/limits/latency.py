"""The guard against a provider that never refuses and queues silently: is latency work, or a queue?

A queue's latency grows with the number in flight when the request was sent; work does not. So when latency is
high, the limit is lowered for a while: what falls in proportion was a queue.
"""

from __future__ import annotations

import enum
import math
from typing import Any, Final

import attrs

_FEW: Final = 6  # so many in flight tell what the work takes
_FEWEST: Final = 16  # answers of a window ...
_MOST: Final = 64
_SMOOTH: Final = 0.1
_NEAR: Final = math.log(1.15)
_DRAINED: Final = math.log(1.43)
_GROWTH: Final = math.log(2.2)
_DOUBT: Final = math.log(2.5)
_RAISE: Final = math.log(1.5)
_WINDOWS_BETWEEN_PROBES: Final = 4


class _ProbeDirection(enum.Enum):
    DOWN = "down"
    UP = "up"


@attrs.frozen
class _LimitProbe:
    way: _ProbeDirection
    mean: float  # logarithm of seconds
    in_flight: float
    size: float


class QueueDetector:
    """What latency says of the limit: whether it may grow, how far, and when it should be tried lower."""

    __slots__ = (
        "_base", "_count", "_few", "_few_sum", "_in_flight", "_probe", "_recent", "_start", "_sum",
        "_windows", "cap", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        self.cap = math.inf  # the limit does not grow above this by itself
        self.why = ""
        self._base: float | None = None  # logarithm of what the work alone takes
        self._few = 0
        self._few_sum = 0.0
        self._recent: float | None = None
        # The window: answers to requests sent since its start.
        self._start = -math.inf
        self._sum = 0.0
        self._in_flight = 0
        self._count = 0
        self._windows = 0
        self._probe: _LimitProbe | None = None

    @property
    def recent(self) -> float:
        """What an answer took lately, in seconds; 0 before the first."""
        return 0.0 if self._recent is None else math.exp(self._recent)

    @property
    def lets_grow(self) -> bool:
        """Whether the limit may grow by itself now."""
        if self._probe is not None:
            return False
        return self._base is None or self._recent is None or self._recent <= self._base + _GROWTH

    def state(self) -> dict[str, Any]:
        """What was learned, fit for JSON."""
        return {
            "base": None if self._base is None else math.exp(self._base),
            "cap": None if math.isinf(self.cap) else max(1.0, self.cap),
        }

    def restore(self, base: float | None, cap: float | None) -> None:
        """Start from what was learned."""
        self._base = None if base is None else math.log(base)
        self.cap = math.inf if cap is None else cap

    def answered(self, now: float, sent_at: float, in_flight_then: int, size: float) -> float | None:
        """Count an answer; the new size, if there is reason for one."""
        seconds = now - sent_at
        took = math.log(seconds if 1e-6 < seconds < 1e6 else min(1e6, max(seconds, 1e-6)))
        self._recent = took if self._recent is None else self._recent + _SMOOTH * (took - self._recent)
        if self._base is None:
            if in_flight_then <= _FEW:
                self._few += 1
                self._few_sum += took
                if self._few == _FEW:
                    self._base = self._few_sum / _FEW
                    self._restart(now)
            return None
        if sent_at < self._start:
            return None
        self._sum += took
        self._in_flight += in_flight_then
        self._count = count = self._count + 1
        # So many as the limit, but at least and at most; written so that no call of every call pays for it.
        if count < _FEWEST or (count < _MOST and count < size):
            return None
        mean, in_flight = self._sum / self._count, self._in_flight / self._count
        self._restart(now)
        return self._judged(self._base, mean, in_flight, size)

    def disturbed(self) -> None:
        """A refusal moved the limit: a probe under way proves nothing any more."""
        self._probe = None

    def timed_out(self, size: float) -> None:
        """A time-out cut the limit to this size; do not grow above it unless latency says that it is free."""
        self.cap = size
        self._probe = None

    def _restart(self, now: float) -> None:
        self._start, self._sum, self._in_flight, self._count = now, 0.0, 0, 0

    def _judged(self, base: float, mean: float, in_flight: float, size: float) -> float | None:
        probe, self._probe = self._probe, None
        if probe is not None:
            # Half of the way between "in proportion to the number in flight" and "not at all".
            below = math.exp(mean - probe.mean) <= (1 + in_flight / max(1.0, probe.in_flight)) / 2
            if probe.way is _ProbeDirection.UP:
                return self._after_up(probe, size, free=below)
            return self._after_down(probe, base, mean, in_flight, size, queued=below)
        if mean > base + _DOUBT:
            return self._down(base, mean, in_flight, size, "latency looks like a queue: trying less")
        if math.isinf(self.cap):
            return None
        if mean < base + _NEAR:
            self.cap = 1.5 * max(self.cap, size) + 1
        self._windows += 1
        if self._windows < _WINDOWS_BETWEEN_PROBES or size < 0.9 * self.cap:
            return None  # below the cap it grows by itself, and refusals say how far
        self._windows = 0
        self._probe = _LimitProbe(_ProbeDirection.UP, mean, in_flight, size)
        self.why = "trying more"
        return 1.3 * size + 1

    def _after_up(self, probe: _LimitProbe, size: float, *, free: bool) -> float | None:
        if free:
            self.cap = max(self.cap, size)
            return None
        self.why = "more only queued"
        return min(size, probe.size)

    def _after_down(
        self, probe: _LimitProbe, base: float, mean: float, in_flight: float, size: float, *, queued: bool
    ) -> float | None:
        if not queued:
            self.cap = math.inf
            self._base = base + min(_RAISE, max(0.0, mean - base))
            self.why = "latency is work, not a queue"
            return max(size, probe.size)
        if mean > base + _DRAINED and size > 1:
            return self._down(base, mean, in_flight, size, "the queue is not yet drained")
        self.cap = size
        return None

    def _down(self, base: float, mean: float, in_flight: float, size: float, why: str) -> float:
        self._probe = _LimitProbe(_ProbeDirection.DOWN, mean, in_flight, size)
        self.why = why
        return size * max(0.5, 1.3 * math.exp(base - mean))

"""How much a provider takes at once, learned from what it refuses. Pure: no loop and no clock inside.

Refusals steer; latency only guards against a provider that queues silently, because latency here is mostly
the work itself (a power call takes 8 to 30 s), not a queue. Two rules matter most: a fixed budget of refusals
(``+step`` a success, ``-1`` a refusal, so that about ``step`` of all requests is refused) instead of halving,
and latency compared with the number in flight *when that request was sent*.

Times are seconds of the caller's clock. ``in_flight`` is how many are in flight once the event is counted
(``sent`` includes this one); ``in_flight_then`` is what ``sent`` was told for that request. Events are O(1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ...errors import ConfigurationError
from ...policy import MAX_IN_FLIGHT, check_whole
from .latency import QueueDetector
from .limit import requested_wait
from .noise import NoiseFilter
from .rate import FASTEST, SLOWEST, RateController

_START: Final = 16.0
_FIRST_STEP: Final = 1.25  # until something is refused: a little more than twice a round
_STEADY_STEP: Final = 0.013  # and so the share that is refused for the sake of knowing
_RAMP_STEP: Final = 0.25
_RETREAT: Final = 0.06  # of the step, at the first refusal of an episode
_PATIENCE: Final = 1.1  # slots' worth of successes in a row before the step doubles
_HEARD: Final = 3.3  # times that a refusal takes, until the last step's would have been heard of
_KNOWN: Final = 0.75  # of the most that was ever taken: up to there, full speed
_FAR_BELOW: Final = 0.3  # of it: what fell so far comes back as far, as a rule
_FEW: Final = 6.0
_FASTER: Final = 4.0  # grows the step then, instead of twice
_OUTAGE: Final = 0.6  # refused, and ...
_SPENT: Final = 0.15  # ... of what was carried before: less would not help, it takes nothing at all
_BACK: Final = 0.5  # of that, once it takes requests again
_EPISODE_FLOOR: Final = 0.6
_SHARE_OF_ONE: Final = 1 / 24
_MOSTLY_REFUSED: Final = 0.4
_FEW_LOST: Final = 2.5 / 24
_BITE: Final = 0.05
_LONGEST_REFILL: Final = 10.0


def _number(name: str, value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be a number from {least:.3g} to {most:g}, not {value!r}")
    return float(value)


class AdaptiveLimit:
    """Finds how many requests a provider takes at once, or how many a second.

    Attributes:
        value: how many requests may be in flight, from 1 to ``maximum``.
        not_before: nobody sends earlier.
        why: why the limit last moved, in words.

    ``max_per_second`` is a pace that is never exceeded, for those who know theirs. ``state`` is what another
    limit's `state` returned; `ConfigurationError` if it, or another argument, makes no sense.
    """

    __slots__ = (
        "_carried", "_cut_at", "_doubled_at", "_episode", "_episode_size", "_held", "_latency",
        "_lost_share", "_noise", "_outage_of", "_pace", "_proven", "_refill_gap", "_refill_until",
        "_refusal_takes", "_refused_share", "_row", "_size", "_step", "_step_cap", "maximum", "not_before",
        "value", "why",
    )  # fmt: skip

    def __init__(
        self,
        maximum: int = MAX_IN_FLIGHT,
        *,
        max_per_second: float | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        check_whole("the limit", maximum)
        if max_per_second is not None:
            max_per_second = _number("max_per_second", max_per_second, 0.001, FASTEST)
        self.maximum = maximum
        self.not_before = 0.0
        self.why = "start"
        self._latency = QueueDetector()
        self._noise = NoiseFilter()
        self._pace = RateController(max_per_second)
        self._size = min(_START, float(maximum))
        self._step = self._step_cap = _FIRST_STEP
        self._row = 0  # successes since a refusal or since the step doubled
        self._refused_share = self._lost_share = 0.0  # of what was sent lately
        self._doubled_at = -math.inf  # when the step last did
        self._refusal_takes = 0.0  # seconds
        self._proven = 0.0  # the most that was ever taken
        self._carried = 0.0  # the most that was in flight lately when something was taken
        self._outage_of = 0.0  # what was carried before nothing was taken any more
        # An episode is what comes of one overload: refusals of requests sent before anything was cut.
        self._episode = self._cut_at = -math.inf
        self._episode_size = self._size
        self._held = 0.0  # by a wait that was asked for
        self._refill_until = -math.inf
        self._refill_gap = 0.0
        self.value = int(self._size)
        if state:
            self.recall(state)

    def state(self) -> dict[str, Any]:
        """What was learned, fit for JSON: give it to the next `AdaptiveLimit`."""
        return {
            "version": 1,
            "limit": round(self._size, 3),
            "steady": self._step_cap < _FIRST_STEP,
            "per_second": self._pace.rate,
            **self._latency.state(),
        }

    def recall(self, state: Mapping[str, Any]) -> None:
        """Start from another limit's `state`. Raises `ConfigurationError` if it makes no sense."""
        self._restore(state)
        self.value = int(self._size)

    def sent(self, now: float, *, in_flight: int) -> None:
        """Count a request that goes out, and say in `not_before` when the next may."""
        self._refused_share *= 1 - _SHARE_OF_ONE
        self._lost_share *= 1 - _SHARE_OF_ONE
        self._noise.sent(self._size)
        if now < self._refill_until:
            self._held = max(self._held, now + self._refill_gap)
        pace = self._pace
        if pace.rate is None and pace.most is None:
            # Most providers have no pace, and this is a part of every call.
            self.not_before = self._held
        else:
            pace.sent(now)
            self.not_before = max(self._held, pace.following)

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Count an answer; the limit grows while it binds."""
        binds = in_flight + 1 >= self.value or in_flight_then >= self.value
        pace = self._pace
        if pace.succeeded(now, sent_at, in_flight_then, binds):
            self.why = "the pace no longer binds"
        unpaced = pace.rate is None and pace.most is None
        self.not_before = self._held if unpaced else max(self._held, pace.following)
        size = self._latency.answered(now, sent_at, in_flight_then, self._size)
        self._row += 1
        if in_flight_then > self._carried:
            self._carried = float(in_flight_then)
        else:
            self._carried -= self._carried / 1024
        if self._outage_of and self._row >= max(4.0, 2 * self._size):
            self._move(max(self._size, _BACK * self._outage_of), "it takes requests again")
            self._outage_of = 0.0
        if self._row * self._step >= _PATIENCE and now >= self._doubled_at + _HEARD * self._refusal_takes:
            self._row, self._doubled_at = 0, now
            known = self._size < _KNOWN * self._proven
            # A few at a time may be a rate's doing, and would be refused again.
            faster = _FASTER if _FEW < self._size < _FAR_BELOW * self._proven else 2.0
            self._step = min(faster * self._step, 1.0 if known else self._step_cap)
        if self._step > self._step_cap and self._size >= _KNOWN * self._proven:
            self._step = self._step_cap
        if size is not None:
            self._move(size, self._latency.why)
        elif (
            binds
            and (self._size < self.maximum or self._size > self._proven)  # else it would stay as it is
            and self._latency.lets_grow
        ):
            self._move(
                min(self._size + self._step, max(self._size, self._latency.cap)), "grown: nothing refused"
            )

    def refused(
        self,
        now: float,
        *,
        sent_at: float,
        in_flight_then: int,
        in_flight: int,
        retry_after: float | None = None,
    ) -> None:
        """Count a refusal; ``retry_after`` holds everybody back."""
        self._refused_share += _SHARE_OF_ONE
        self._refusal_takes += 0.25 * (now - sent_at - self._refusal_takes)
        told = requested_wait(retry_after)
        if told:
            self._held = self.not_before = max(self.not_before, now + told)
            # Meanwhile what is in flight comes home; all of it sent anew at once would be a burst of its own.
            took = min(self._latency.recent, _LONGEST_REFILL)
            self._refill_until, self._refill_gap = self._held + took, took / self._size
        paced = self._pace.rate is not None
        if self._pace.refused(now, sent_at, in_flight_then, in_flight, self._size, told):
            if not paced:
                self._move(max(self._size, _START), "refusals follow a rate")
            self.not_before = max(self._held, self._pace.following)
            self.why = "the pace was refused" if paced else "refusals follow a rate"
            return
        if self._noise.forgives():
            return
        if self._step > self._step_cap:
            self._proven = self._size
        if sent_at >= self._episode:
            self._episode, self._episode_size = now, self._size
            self._step = max(_STEADY_STEP, _RETREAT * self._step)
        self._step_cap, self._row = _RAMP_STEP, 0
        self._latency.disturbed()
        cut = 1.0 if self._refused_share < _MOSTLY_REFUSED else max(1.0, _BITE * self._size)
        self._move(max(self._size - cut, _EPISODE_FLOOR * self._episode_size), "refused")
        if self._refused_share > _OUTAGE and self._size <= max(1.0, _SPENT * self._carried):
            self._outage_of, self._carried = self._carried, self._size
        if self._noise.explains(self._size):
            # Half of it was given up, and the refusals went on as before: they have another reason.
            self._move(self._noise.high, "refusals do not follow the number in flight")

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Count a request that was never answered: halved, once for all that were under way."""
        if sent_at < self._cut_at:
            return
        self._lost_share += _SHARE_OF_ONE
        if self._lost_share < _FEW_LOST and self._latency.lets_grow:
            # One in many, and the others are as quick as ever: it was the work, or the wire.
            self._move(self._size - 1, "timed out")
            return
        self._cut_at = now
        self._step, self._step_cap, self._row = _STEADY_STEP, _RAMP_STEP, 0
        self._move(0.5 * self._size, "timed out")
        self._latency.timed_out(self._size)

    def _move(self, size: float, why: str) -> None:
        size = min(float(self.maximum), max(1.0, size))
        if size != self._size:
            self.why = why
        self._size = size
        if size > self._proven:
            self._proven = size
        self.value = int(size)

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state.get("version") != 1:
            raise ConfigurationError("the limit's state is not one that this version wrote")
        size = _number("the state's limit", state.get("limit"), 1, 1e9)
        self._size = self._proven = self._episode_size = min(size, float(self.maximum))
        if state.get("steady"):
            self._step, self._step_cap = _STEADY_STEP, _RAMP_STEP
        if (pace := state.get("per_second")) is not None:
            self._pace.rate = _number("the state's per_second", pace, SLOWEST, FASTEST)
        base, cap = state.get("base"), state.get("cap")
        self._latency.restore(
            None if base is None else _number("the state's base", base, 1e-6, 1e6),
            None if cap is None else _number("the state's cap", cap, 1, 1e9),
        )
        self.why = "remembered"

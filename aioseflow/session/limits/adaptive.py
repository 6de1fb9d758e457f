"""The adaptive limit: the package's docstring explains how it works. Pure: no loop and no clock inside.

Times are seconds of the caller's clock. ``in_flight`` counts the requests in flight after the event (`sent`
includes the new one); ``in_flight_then`` is the count that `sent` was given for the same request. Each event
costs O(1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ...errors import ConfigurationError
from ...policy import MAX_IN_FLIGHT, check_whole
from .latency import ANSWER_MAX_SECONDS, ANSWER_MIN_SECONDS, QueueDetector
from .limit import requested_wait
from .noise import NoiseFilter
from .rate import MAX_RATE_PER_SECOND, MIN_RATE_PER_SECOND, RateController

# A panel that takes 32 is filled after one round trip, and one that takes 2 refuses a dozen requests, once.
_INITIAL_LIMIT_REQUESTS: Final = 16.0

# The gain: how many slots the limit grows for each answer while it binds.
_STARTUP_GAIN_SLOTS: Final = 1.25  # until the first refusal: times 2.25 per round trip (slow start)
_STEADY_GAIN_SLOTS: Final = 0.013  # the set point: a refusal costs a slot, so 1.3 % are refused
_RAMP_GAIN_MAX_SLOTS: Final = 0.25  # after the first refusal: the limit times 1.25 each round trip at most
_RECOVERY_GAIN_MAX_SLOTS: Final = 1.0  # below the proven limit: doubles each round trip
_GAIN_CUT_FACTOR: Final = 0.06  # at the first refusal of an episode: from the ramp to about the steady gain
_GAIN_RAISE_FACTOR: Final = 2.0  # the gain doubles
_GAIN_RAISE_SLOTS: Final = 1.1  # growth without a refusal that raises the gain; in equilibrium it is 1.0
_GAIN_RAISE_DEAD_TIMES: Final = 3.3  # between two raises: the refusals due to the last one have come in
_DEAD_TIME_EWMA_WEIGHT: Final = 0.25  # of one refusal

# The proven limit: the highest that was reached since a steep rise last ended in a refusal.
_RECOVERY_SHARE: Final = 0.75  # of the proven limit: below it the gain may reach its recovery maximum
_COLLAPSE_SHARE: Final = 0.3  # of the proven limit: after so deep a fall the capacity is back soon, as a rule
_COLLAPSE_GAIN_RAISE_FACTOR: Final = 4.0  # instead of doubling
_COLLAPSE_MIN_REQUESTS: Final = 6.0  # a smaller limit may follow a request rate, and would be refused again

# The decrease. An episode is one overload: refusals of requests that were sent before the first cut showed.
_REFUSAL_COST_SLOTS: Final = 1.0  # the refused request found no place, so one fewer fits
_EPISODE_FLOOR_SHARE: Final = 0.6  # of the limit at the episode's start
_SHARE_EWMA_WEIGHT: Final = 1 / 24  # of one request, in the shares that are refused or time out
_MASS_REFUSAL_SHARE: Final = 0.4  # refused: the capacity has dropped, and slots are too slow a step
_MASS_REFUSAL_COST_FACTOR: Final = 0.05  # of the limit, for each refusal
_TIMEOUT_FACTOR: Final = 0.5  # of the limit, once for all requests under way at the time
_LONE_TIMEOUT_SHARE: Final = 2.5 / 24  # timed out: below it the work or the network was slow, not the panel

# An outage: nothing is accepted at any limit, which says nothing about the load.
_OUTAGE_REFUSED_SHARE: Final = 0.6  # of the requests
_OUTAGE_LIMIT_SHARE: Final = 0.15  # of the peak in flight before
_OUTAGE_END_MIN_ANSWERS: Final = 4.0  # in a row
_OUTAGE_END_ROUNDS: Final = 2  # round trips of answers in a row
_OUTAGE_RETURN_SHARE: Final = 0.5  # of the peak before, when it ends
_PEAK_TIME_CONSTANT_ANSWERS: Final = 1024  # the peak of long ago is no measure of a fall

_REFILL_MAX_SECONDS: Final = 10.0  # after a wait, over which the slots are filled again

_MAX_PER_SECOND_MIN: Final = 0.001  # of the user's rate: a request in 17 minutes
_STATE_LIMIT_MAX_REQUESTS: Final = 1e9  # in a restored state; a greater number is a mistake


class AdaptiveLimit:
    """Finds how many requests a panel accepts at once, or how many a second.

    Attributes:
        maximum: the highest value.
        value: how many requests may be in flight, from 1 to ``maximum``.
        not_before: the earliest time of the next request.
        why: the reason for the last change, in words.

    ``max_per_second`` is a request rate that is never exceeded, for users who know theirs. ``state`` is what
    `state` of another limit returned. Raises `ConfigurationError` for an argument that makes no sense.
    """

    __slots__ = (
        "_answers_in_row", "_dead_time", "_episode_began", "_episode_limit", "_gain", "_gain_max",
        "_gain_raised_at", "_latency", "_limit", "_limit_before_outage", "_noise", "_peak_in_flight",
        "_proven", "_rate", "_refill_gap", "_refill_until", "_refused_share", "_timed_out_share",
        "_timeout_cut_at", "_wait_until", "maximum", "not_before", "value", "why",
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
            max_per_second = _number(
                "max_per_second", max_per_second, _MAX_PER_SECOND_MIN, MAX_RATE_PER_SECOND
            )
        self.maximum = maximum
        self.not_before = 0.0
        self.why = "start"
        self._latency = QueueDetector()
        self._noise = NoiseFilter()
        self._rate = RateController(max_per_second)
        self._limit = min(_INITIAL_LIMIT_REQUESTS, float(maximum))
        self._gain = self._gain_max = _STARTUP_GAIN_SLOTS
        self._answers_in_row = 0  # since a refusal, or since the gain was raised
        self._gain_raised_at = -math.inf
        self._refused_share = self._timed_out_share = 0.0
        self._dead_time = 0.0  # seconds from sending a request to its refusal
        self._proven = 0.0
        self._peak_in_flight = 0.0  # of requests that were answered, with decay
        self._limit_before_outage = 0.0  # 0 while there is no outage
        self._episode_began = self._timeout_cut_at = -math.inf
        self._episode_limit = self._limit
        self._wait_until = 0.0  # the wait that the panel asked for
        self._refill_until = -math.inf
        self._refill_gap = 0.0
        self.value = int(self._limit)
        if state:
            self.recall(state)

    def state(self) -> dict[str, Any]:
        """Return what was learned, fit for JSON and for another `AdaptiveLimit`."""
        return {
            "version": 1,
            "limit": round(self._limit, 3),
            "steady": self._gain_max < _STARTUP_GAIN_SLOTS,
            "per_second": self._rate.learned,
            **self._latency.state(),
        }

    def recall(self, state: Mapping[str, Any]) -> None:
        """Start from the `state` of another limit. Raises `ConfigurationError` if it makes no sense."""
        if state.get("version") != 1:
            raise ConfigurationError("the limit's state was not written by this version")
        limit = _number("the state's limit", state.get("limit"), 1, _STATE_LIMIT_MAX_REQUESTS)
        self._limit = self._proven = self._episode_limit = min(limit, float(self.maximum))
        if state.get("steady"):
            self._gain, self._gain_max = _STEADY_GAIN_SLOTS, _RAMP_GAIN_MAX_SLOTS
        if (rate := state.get("per_second")) is not None:
            self._rate.learned = _number(
                "the state's per_second", rate, MIN_RATE_PER_SECOND, MAX_RATE_PER_SECOND
            )
        base, cap = state.get("base"), state.get("cap")
        self._latency.restore(
            None
            if base is None
            else _number("the state's base", base, ANSWER_MIN_SECONDS, ANSWER_MAX_SECONDS),
            None if cap is None else _number("the state's cap", cap, 1, _STATE_LIMIT_MAX_REQUESTS),
        )
        self.why = "restored"
        self.value = int(self._limit)

    def sent(self, now: float, *, in_flight: int) -> None:
        """Count a request that is about to be sent, and set `not_before` for the next."""
        self._refused_share *= 1 - _SHARE_EWMA_WEIGHT
        self._timed_out_share *= 1 - _SHARE_EWMA_WEIGHT
        self._noise.sent(self._limit)
        if now < self._refill_until:
            self._wait_until = max(self._wait_until, now + self._refill_gap)
        rate = self._rate
        if rate.learned is None and rate.maximum is None:
            # Most panels have no rate, and every call passes here.
            self.not_before = self._wait_until
        else:
            rate.sent(now)
            self.not_before = max(self._wait_until, rate.next_at)

    def succeeded(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Count an answer. The limit grows if it binds: otherwise an answer says nothing about more."""
        binds = in_flight + 1 >= self.value or in_flight_then >= self.value
        rate = self._rate
        if rate.succeeded(now, sent_at, in_flight_then, binds):
            self.why = "the request rate no longer limits"
        unpaced = rate.learned is None and rate.maximum is None
        self.not_before = self._wait_until if unpaced else max(self._wait_until, rate.next_at)
        limit = self._latency.answered(now, sent_at, in_flight_then, self._limit)
        self._answers_in_row += 1
        if in_flight_then > self._peak_in_flight:
            self._peak_in_flight = float(in_flight_then)
        else:
            self._peak_in_flight -= self._peak_in_flight / _PEAK_TIME_CONSTANT_ANSWERS
        if self._limit_before_outage:
            self._leave_outage()
        if (
            self._answers_in_row * self._gain >= _GAIN_RAISE_SLOTS
            and now >= self._gain_raised_at + _GAIN_RAISE_DEAD_TIMES * self._dead_time
        ):
            self._raise_gain(now)
        if self._gain > self._gain_max and self._limit >= _RECOVERY_SHARE * self._proven:
            self._gain = self._gain_max
        if limit is not None:
            self._move(limit, self._latency.why)
        elif (
            binds
            and (self._limit < self.maximum or self._limit > self._proven)  # else it stays as it is
            and self._latency.lets_grow
        ):
            self._move(
                min(self._limit + self._gain, max(self._limit, self._latency.cap)), "nothing was refused"
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
        """Count a refusal. ``retry_after`` holds all requests back for that many seconds."""
        self._refused_share += _SHARE_EWMA_WEIGHT
        self._dead_time += _DEAD_TIME_EWMA_WEIGHT * (now - sent_at - self._dead_time)
        wait = requested_wait(retry_after)
        if wait:
            self._wait_until = self.not_before = max(self.not_before, now + wait)
            # During the wait the requests in flight end. To fill all slots at once would be a burst.
            refill = min(self._latency.recent_seconds, _REFILL_MAX_SECONDS)
            self._refill_until, self._refill_gap = self._wait_until + refill, refill / self._limit
        was_paced = self._rate.learned is not None
        if self._rate.refused(now, sent_at, in_flight_then, in_flight, self._limit, wait):
            if not was_paced:
                self._move(max(self._limit, _INITIAL_LIMIT_REQUESTS), "")
            self.not_before = max(self._wait_until, self._rate.next_at)
            self.why = "the request rate was refused" if was_paced else "refusals follow the request rate"
            return
        if self._noise.forgives():
            return
        if self._gain > self._gain_max:
            self._proven = self._limit
        if sent_at >= self._episode_began:
            self._episode_began, self._episode_limit = now, self._limit
            self._gain = max(_STEADY_GAIN_SLOTS, _GAIN_CUT_FACTOR * self._gain)
        self._gain_max, self._answers_in_row = _RAMP_GAIN_MAX_SLOTS, 0
        self._latency.disturbed()
        cost = _REFUSAL_COST_SLOTS
        if self._refused_share >= _MASS_REFUSAL_SHARE:
            cost = max(cost, _MASS_REFUSAL_COST_FACTOR * self._limit)
        self._move(max(self._limit - cost, _EPISODE_FLOOR_SHARE * self._episode_limit), "refused")
        if self._refused_share > _OUTAGE_REFUSED_SHARE and self._limit <= max(
            1.0, _OUTAGE_LIMIT_SHARE * self._peak_in_flight
        ):
            self._limit_before_outage, self._peak_in_flight = self._peak_in_flight, self._limit
        if self._noise.explains_fall_to(self._limit):
            self._move(self._noise.fall_start, "refusals do not depend on the number in flight")

    def timed_out(self, now: float, *, sent_at: float, in_flight_then: int, in_flight: int) -> None:
        """Count a request that got no answer: the limit is halved, once for all that were under way."""
        if sent_at < self._timeout_cut_at:
            return
        self._timed_out_share += _SHARE_EWMA_WEIGHT
        if self._timed_out_share < _LONE_TIMEOUT_SHARE and self._latency.lets_grow:
            # A single one while the others are as quick as before.
            self._move(self._limit - _REFUSAL_COST_SLOTS, "timed out")
            return
        self._timeout_cut_at = now
        self._gain, self._gain_max, self._answers_in_row = _STEADY_GAIN_SLOTS, _RAMP_GAIN_MAX_SLOTS, 0
        self._move(_TIMEOUT_FACTOR * self._limit, "timed out")
        self._latency.timed_out(self._limit)

    def _raise_gain(self, now: float) -> None:
        self._answers_in_row, self._gain_raised_at = 0, now
        collapsed = _COLLAPSE_MIN_REQUESTS < self._limit < _COLLAPSE_SHARE * self._proven
        factor = _COLLAPSE_GAIN_RAISE_FACTOR if collapsed else _GAIN_RAISE_FACTOR
        recovers = self._limit < _RECOVERY_SHARE * self._proven
        self._gain = min(factor * self._gain, _RECOVERY_GAIN_MAX_SLOTS if recovers else self._gain_max)

    def _leave_outage(self) -> None:
        """End the outage after enough answers in a row, with a part of the limit from before."""
        if self._answers_in_row >= max(_OUTAGE_END_MIN_ANSWERS, _OUTAGE_END_ROUNDS * self._limit):
            limit = max(self._limit, _OUTAGE_RETURN_SHARE * self._limit_before_outage)
            self._move(limit, "the panel accepts requests again")
            self._limit_before_outage = 0.0

    def _move(self, limit: float, why: str) -> None:
        limit = min(float(self.maximum), max(1.0, limit))
        if limit != self._limit:
            self.why = why
        self._limit = limit
        if limit > self._proven:
            self._proven = limit
        self.value = int(limit)


def _number(name: str, value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be a number from {least:.3g} to {most:g}, not {value!r}")
    return float(value)

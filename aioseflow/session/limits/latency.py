"""The guard against a panel that refuses nothing and queues instead: is a long answer time work or waiting?

The time in a queue grows in proportion to the number in flight when the request was sent; work does not. So
when answers take much longer than the work alone once took, the limit is lowered for one window of answers:
an answer time that falls with it was a queue. Where a queue was found, the limit is capped, and a window at a
higher limit shows from time to time whether the cap still holds.

Answer times are compared by their logarithms, that is by ratios: they spread over orders of magnitude.
"""

from __future__ import annotations

import enum
import math
from typing import Any, Final

import attrs

ANSWER_MIN_SECONDS: Final = 1e-6  # bounds of what is believed, for the logarithm
ANSWER_MAX_SECONDS: Final = 1e6
_RECENT_EWMA_WEIGHT: Final = 0.1  # of one answer: about the last ten
_BASE_ANSWERS: Final = 6  # to requests with at most _BASE_IN_FLIGHT_MAX in flight: what the work alone takes
_BASE_IN_FLIGHT_MAX: Final = 6  # so few wait for each other on no panel that is worth a client
# A window is as many answers as the limit has slots, so that each slot contributes one, within these bounds.
_WINDOW_MIN_ANSWERS: Final = 16  # fewer are no mean
_WINDOW_MAX_ANSWERS: Final = 64  # more only delay the decision
# Ratios of an answer time to the base, as logarithms. Answer times vary by about half, hence the wide bands.
_FREE_RATIO: Final = math.log(1.15)  # up to here nothing queues, and the cap is lifted
_DRAINED_RATIO: Final = math.log(1.43)  # up to here a lowered limit has emptied the queue
_GROWTH_RATIO: Final = math.log(2.2)  # up to here the limit may grow: just below the trigger
_TRIGGER_RATIO: Final = math.log(2.5)  # from here on a lower limit is tried
_BASE_RAISE_MAX: Final = math.log(1.5)  # of the base, by one trial that found work and no queue
_LOWERED_MIN_FACTOR: Final = 0.5  # of the limit, in one trial
_LOWERED_MARGIN_FACTOR: Final = 1.3  # over the limit at which the base would be met: nothing runs empty
_RAISED_FACTOR: Final = 1.3  # of the limit, in a trial, and one slot more: 1 has to become 2
_CAP_LIFT_FACTOR: Final = 1.5  # of the cap or the limit, and one slot more
_WINDOWS_BETWEEN_RAISES: Final = 4  # a trial that only queues slows one window of five
_AT_CAP_SHARE: Final = 0.9  # below it the limit grows by itself, and refusals show how far


class _TrialDirection(enum.Enum):
    LOWER = "lower"
    HIGHER = "higher"


@attrs.frozen
class _LimitTrial:
    """Trial: a window at another limit, and the measurements from before it."""

    direction: _TrialDirection
    mean: float  # logarithm of seconds
    in_flight: float
    limit: float


class QueueDetector:
    """Decides by answer times whether the limit may grow, how far, and when another one is tried."""

    __slots__ = (
        "_answers", "_base", "_base_answers", "_base_sum", "_in_flight_sum", "_log_sum", "_recent", "_trial",
        "_window_began", "_windows", "cap", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        self.cap = math.inf  # the limit does not grow above it without a trial
        self.why = ""  # the reason for the last limit that `answered` returned
        self._base: float | None = None  # logarithm of the seconds that the work alone takes
        self._base_answers = 0
        self._base_sum = 0.0
        self._recent: float | None = None
        # The window: answers to requests that were sent since it began.
        self._window_began = -math.inf
        self._log_sum = 0.0
        self._in_flight_sum = 0
        self._answers = 0
        self._windows = 0
        self._trial: _LimitTrial | None = None

    @property
    def recent_seconds(self) -> float:
        """The answer time of late; 0 before the first answer."""
        return 0.0 if self._recent is None else math.exp(self._recent)

    @property
    def lets_grow(self) -> bool:
        """Whether the limit may grow by itself: no trial runs, and answers are not slow."""
        if self._trial is not None:
            return False
        return self._base is None or self._recent is None or self._recent <= self._base + _GROWTH_RATIO

    def state(self) -> dict[str, Any]:
        """Return what was learned, fit for JSON."""
        return {
            "base": None if self._base is None else math.exp(self._base),
            "cap": None if math.isinf(self.cap) else max(1.0, self.cap),
        }

    def restore(self, base_seconds: float | None, cap: float | None) -> None:
        """Start from a state that was learned before."""
        self._base = None if base_seconds is None else math.log(base_seconds)
        self.cap = math.inf if cap is None else cap

    def answered(self, now: float, sent_at: float, in_flight_then: int, limit: float) -> float | None:
        """Count an answer. Return the limit that follows from it, or None to leave it as it is."""
        seconds = now - sent_at
        if not ANSWER_MIN_SECONDS < seconds < ANSWER_MAX_SECONDS:
            seconds = min(ANSWER_MAX_SECONDS, max(seconds, ANSWER_MIN_SECONDS))
        took = math.log(seconds)
        self._recent = (
            took if self._recent is None else self._recent + _RECENT_EWMA_WEIGHT * (took - self._recent)
        )
        if self._base is None:
            if in_flight_then <= _BASE_IN_FLIGHT_MAX:
                self._base_answers += 1
                self._base_sum += took
                if self._base_answers == _BASE_ANSWERS:
                    self._base = self._base_sum / _BASE_ANSWERS
                    self._begin_window(now)
            return None
        if sent_at < self._window_began:
            return None
        self._log_sum += took
        self._in_flight_sum += in_flight_then
        self._answers = answers = self._answers + 1
        # Every call passes here, hence no min() and max().
        if answers < _WINDOW_MIN_ANSWERS or (answers < _WINDOW_MAX_ANSWERS and answers < limit):
            return None
        mean, in_flight = self._log_sum / answers, self._in_flight_sum / answers
        self._begin_window(now)
        return self._judge_window(self._base, mean, in_flight, limit)

    def disturbed(self) -> None:
        """End a trial without a result, because a refusal moved the limit."""
        self._trial = None

    def timed_out(self, limit: float) -> None:
        """Cap the limit where a time-out has cut it, until answer times show that more is free."""
        self.cap = limit
        self._trial = None

    def _begin_window(self, now: float) -> None:
        self._window_began, self._log_sum, self._in_flight_sum, self._answers = now, 0.0, 0, 0

    def _judge_window(self, base: float, mean: float, in_flight: float, limit: float) -> float | None:
        trial, self._trial = self._trial, None
        if trial is not None:
            # Half way between "in proportion to the number in flight" (a queue) and "not at all" (work).
            threshold = (1 + in_flight / max(1.0, trial.in_flight)) / 2
            below = math.exp(mean - trial.mean) <= threshold
            if trial.direction is _TrialDirection.HIGHER:
                return self._after_higher(trial, limit, is_free=below)
            return self._after_lower(trial, base, mean, in_flight, limit, is_queue=below)
        if mean > base + _TRIGGER_RATIO:
            return self._try_lower(base, mean, in_flight, limit, "answers got slow: a lower limit is tried")
        if math.isinf(self.cap):
            return None
        if mean < base + _FREE_RATIO:
            self.cap = _CAP_LIFT_FACTOR * max(self.cap, limit) + 1
        self._windows += 1
        if self._windows < _WINDOWS_BETWEEN_RAISES or limit < _AT_CAP_SHARE * self.cap:
            return None
        self._windows = 0
        self._trial = _LimitTrial(_TrialDirection.HIGHER, mean, in_flight, limit)
        self.why = "a higher limit is tried"
        return _RAISED_FACTOR * limit + 1

    def _after_higher(self, trial: _LimitTrial, limit: float, *, is_free: bool) -> float | None:
        if is_free:
            self.cap = max(self.cap, limit)
            return None
        self.why = "the higher limit only made a queue"
        return min(limit, trial.limit)

    def _after_lower(
        self, trial: _LimitTrial, base: float, mean: float, in_flight: float, limit: float, *, is_queue: bool
    ) -> float | None:
        if not is_queue:
            self.cap = math.inf
            self._base = base + min(_BASE_RAISE_MAX, max(0.0, mean - base))
            self.why = "slow answers are work, not a queue"
            return max(limit, trial.limit)
        if mean > base + _DRAINED_RATIO and limit > 1:
            return self._try_lower(base, mean, in_flight, limit, "the queue is not yet empty")
        self.cap = limit
        return None

    def _try_lower(self, base: float, mean: float, in_flight: float, limit: float, why: str) -> float:
        self._trial = _LimitTrial(_TrialDirection.LOWER, mean, in_flight, limit)
        self.why = why
        return limit * max(_LOWERED_MIN_FACTOR, _LOWERED_MARGIN_FACTOR * math.exp(base - mean))

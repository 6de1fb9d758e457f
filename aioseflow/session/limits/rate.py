"""The rate controller, for a panel that counts requests per second: finds, keeps and gives up a rate.

The package's docstring explains how it works. Times are seconds of the caller's clock.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

MIN_RATE_PER_SECOND: Final = 1 / 2  # while everything is refused: an outage ends without notice
MAX_RATE_PER_SECOND: Final = 10_000.0  # a rate that does not limit any more

# Detection while no rate is known.
_LONE_REFUSALS_MIN: Final = 2.5  # refusals with nothing else in flight, less the leak: no capacity does that
_LONE_REFUSALS_DECAY: Final = 0.93  # per answer: a time constant of 14 answers
_LONE_REFUSALS_MAX: Final = 40.0  # the threshold after repeated mistakes
_LONE_REFUSALS_MISTAKE_FACTOR: Final = 2  # of the threshold, after each mistake
# Weak signs: a wait that was asked for, or a refusal at a number in flight that was always accepted.
_WEAK_SIGNS_MIN: Final = 3
_WEAK_SIGNS_MAX: Final = 200  # the threshold after repeated mistakes
_WEAK_SIGNS_MISTAKE_FACTOR: Final = 4  # they mislead more often than lone refusals do
_LEVELS_MAX_REQUESTS: Final = 4  # up to so many in flight, acceptance is recorded for each number
_LEVEL_DECAY: Final = 0.98  # per event: a time constant of 50 events
_LEVEL_MIN_ACCEPTED: Final = 20  # before a number in flight counts as always accepted,
_LEVEL_ACCEPTED_PER_REFUSAL: Final = 6  # with so many for each refusal
_MARK_SPACING_REQUESTS: Final = 32  # between the two counting points while no rate is known
_FIRST_SPAN_SECONDS: Final = 1.0  # assumed where there is no earlier refusal to count from

# The trial of a rate that was taken up on weak signs: it must not lower the throughput.
_TRIAL_ANSWERS: Final = 64  # enough to measure a throughput
_TRIAL_THROUGHPUT_SHARE: Final = 0.9  # of the throughput before

# The pace: when the next request goes.
_TIMER_SLACK_SECONDS: Final = 0.02  # a timer is late by a millisecond or more; that is made up for
_LATE_SHARE: Final = 0.5  # of a gap: a later request was not held back by the rate
_CATCH_UP_SHARE: Final = 0.5  # of a gap, at least, between requests that make up for a late timer

# The upward probe: after a window of answers without a refusal the rate rises by a step.
_WINDOW_ANSWERS: Final = 12.0  # one refusal in so many answers, at worst, for the sake of knowing
_STEP_AFTER_REFUSAL: Final = 0.01  # of the rate; doubles from window to window
_STEP_MAX: Final = 0.20  # of the rate
_UNCONFIRMED_WINDOW_ANSWERS: Final = 6.0  # while no refusal has confirmed the rate
_UNCONFIRMED_STEP: Final = 0.25  # a refusal too many shows whether it was a rate, or an outage that is over
# The first estimate over waits is far too low, and few answers come at that rate.
_WAITED_WINDOW_ANSWERS: Final = 4.0
_WAITED_STEP: Final = 0.4
_CAUTIOUS_STEP: Final = 0.05  # the next one, after a wait or at the start
# Near the rate that was last refused a probe risks a refusal.
_CEILING_BAND_MIN_SHARE: Final = 0.9
_CEILING_BAND_MAX_SHARE: Final = 1.2
_CEILING_TRUST_MAX: Final = 32.0  # a ceiling that was confirmed again and again is probed ever more rarely
_REFUSAL_COSTS_PER_WINDOW: Final = 2  # a window is twice as many answers as the wait of a refusal costs

# The correction at a refusal: both ends of the span since the last one were an empty token bucket.
_SPAN_MIN_SECONDS: Final = 1e-3  # the resolution of a clock
_SPAN_MIN_SHARE: Final = 0.1  # of the span that is left when the waits are taken off
_SAMPLE_MIN_ACCEPTED: Final = 8  # fewer are no measurement
_NO_SAMPLE_MAX_ACCEPTED: Final = 2  # hardly anything was accepted: lower the rate without a measurement
_NO_SAMPLE_FACTOR: Final = 0.9  # of the rate
_MEASURED_FACTORS: Final = (0.5, 1.2)  # bounds of a measured rate, as shares of the rate before
_WAITED_MIN_FACTOR: Final = 0.97  # of the rate, where a part of the span was a wait
# After a wait that filled the bucket the sample says little about the rate: a small cut, in proportion to it.
_FULL_BUCKET_CUT: Final = 0.03  # of the rate
_FULL_BUCKET_REQUESTS: Final = 20  # that the wait is worth, for the whole cut
_FULL_BUCKET_CUT_MIN_SHARE: Final = 0.2  # of the cut

# The rate is given up when refusals do not follow it.
_SHARE_EWMA_WEIGHT: Final = 1 / 24  # of one request
_REFUSED_SHARE_MAX: Final = 0.15  # of the paced requests; a rate that is known refuses a few per cent
_REFUSED_SHARE_MIN_REQUESTS: Final = 48  # a share of fewer is no share
_FAR_BELOW_SHARE: Final = 0.75  # of a rate that was kept
_FAR_BELOW_REFUSALS: Final = 3  # one or two may be a burst of another client
_OUTAGE_REFUSALS: Final = 6  # in a row: nothing was accepted, which says nothing about a rate


@attrs.define
class _CountingPoint:
    """A refusal to count from: ``count`` requests were accepted, or in flight and not refused later."""

    sent_at: float
    seen_at: float
    count: int


class RateController:
    """Requests per second. `learned` is None until refusals can only come from a rate."""

    __slots__ = (
        "_accepted", "_best", "_ceiling", "_ceiling_trust", "_far_below", "_last_wait", "_late_sends",
        "_levels", "_lone_refusals", "_lone_refusals_needed", "_marks", "_next_at", "_paced_requests",
        "_quiet_answers", "_refusals_in_row", "_refused_at", "_refused_share", "_step",
        "_throughput_before", "_trial", "_waited", "_weak_signs", "_weak_signs_needed", "learned",
        "maximum",
    )  # fmt: skip

    def __init__(self, maximum: float | None = None, learned: float | None = None) -> None:
        self.maximum = maximum  # the user's
        self.learned = learned
        self._next_at = 0.0
        self._accepted = 0
        self._lone_refusals = 0.0
        self._lone_refusals_needed = _LONE_REFUSALS_MIN
        self._weak_signs = 0
        self._weak_signs_needed = _WEAK_SIGNS_MIN
        self._levels = [[0.0, 0.0] for _ in range(_LEVELS_MAX_REQUESTS + 1)]  # accepted and refused
        self._marks: tuple[_CountingPoint, _CountingPoint] | None = None  # older and newer
        self._waited = 0.0  # seconds asked for since the newer mark
        self._last_wait = 0.0
        self._refusals_in_row = 0
        self._refused_at = -math.inf
        self._ceiling, self._ceiling_trust = math.inf, 1.0
        self._throughput_before = 0.0
        self._trial: tuple[float, int] | None = None  # its start, and the answers since
        self._paced_requests = 0
        self._refused_share = 0.0
        self._best = 0.0  # the highest rate that was kept for a window
        self._far_below = 0
        self._step = _STEP_AFTER_REFUSAL
        self._quiet_answers = 0
        self._late_sends = 0

    @property
    def per_second(self) -> float | None:
        """The rate that is kept: the lower one of the panel's and the user's, None without one."""
        if self.learned is None or self.maximum is None:
            return self.learned or self.maximum
        return min(self.learned, self.maximum)

    @property
    def next_at(self) -> float:
        """The earliest time of the next request."""
        return 0.0 if self.learned is None and self.maximum is None else self._next_at

    def sent(self, now: float) -> None:
        """Count a request that is about to be sent."""
        rate = self.per_second
        if rate is None:
            return
        self._paced_requests += 1
        self._refused_share *= 1 - _SHARE_EWMA_WEIGHT
        gap = 1 / rate
        late = now - self._next_at
        tolerance = max(gap, _TIMER_SLACK_SECONDS)
        if late > _LATE_SHARE * tolerance:
            self._late_sends += 1
        # A late timer is made up for; a pause saves up no burst.
        if late <= tolerance:
            self._next_at = max(self._next_at + gap, now + _CATCH_UP_SHARE * gap)
        else:
            self._next_at = now + gap

    def succeeded(self, now: float, sent_at: float, in_flight_then: int, binds: bool) -> bool:
        """Count an answer. Return True if the rate has just been given up."""
        self._accepted += 1
        if self.learned is None:
            self._lone_refusals *= _LONE_REFUSALS_DECAY
            if in_flight_then <= _LEVELS_MAX_REQUESTS:
                level = self._levels[in_flight_then]
                level[0] = _LEVEL_DECAY * level[0] + 1
                level[1] *= _LEVEL_DECAY
            return False
        if self._refusals_in_row >= _OUTAGE_REFUSALS:
            return self._give_up()
        self._refusals_in_row = 0
        if self._trial is not None and sent_at >= self._trial[0]:
            began, answers = self._trial
            self._trial = (began, answers + 1)
        if self._trial is not None and self._trial[1] >= _TRIAL_ANSWERS:
            began, answers = self._trial
            self._trial = None
            throughput = answers / max(sent_at - began, _SPAN_MIN_SECONDS)
            if throughput < _TRIAL_THROUGHPUT_SHARE * self._throughput_before:
                return self._give_up_as_mistake()
        return self._probe(self.learned, binds)

    def _probe(self, rate: float, binds: bool) -> bool:
        """Raise the rate after a window without a refusal. Return True if the rate has just been given up."""
        self._quiet_answers += 1
        window = _WINDOW_ANSWERS
        if self._is_near_ceiling(rate):
            refusal_cost = self._last_wait * rate  # in requests
            window = max(window, _REFUSAL_COSTS_PER_WINDOW * refusal_cost * self._ceiling_trust)
        waited = self._last_wait > 0 and math.isinf(self._ceiling)
        if waited:
            window, self._step = _WAITED_WINDOW_ANSWERS, _WAITED_STEP
        elif math.isinf(self._ceiling):
            window, self._step = _UNCONFIRMED_WINDOW_ANSWERS, _UNCONFIRMED_STEP
        if self._quiet_answers < window:
            return False
        self._best = max(self._best, rate)
        late_sends, self._late_sends = self._late_sends, 0
        answers, self._quiet_answers = self._quiet_answers, 0
        if late_sends > answers / 2:
            # Requests come more slowly than the rate: because of the panel's capacity, which needs no rate,
            # or because there are no more.
            return binds and self._give_up()
        self.learned = rate * (1 + self._step)
        self._step = _CAUTIOUS_STEP if waited else min(_STEP_MAX, 2 * self._step)
        return self.learned >= MAX_RATE_PER_SECOND and self._give_up()

    def refused(
        self, now: float, sent_at: float, in_flight_then: int, in_flight: int, limit: float, wait: float
    ) -> bool:
        """Count a refusal. Return True if it follows the rate, so that the limit in flight stays."""
        self._uncount(sent_at)
        if self.learned is None:
            if not self._is_rate(now, sent_at, in_flight_then, limit, wait):
                self._mark(now, sent_at, in_flight, spacing=_MARK_SPACING_REQUESTS)
                return False
            self._begin(now, sent_at, in_flight, wait)
            return True
        if sent_at < self._refused_at:
            return True  # of the same burst as the last refusal
        self._refused_share += _SHARE_EWMA_WEIGHT
        if wait <= 0 and self._is_unrelated(self.learned):
            self._give_up_as_mistake()
            return False
        self._correct(self.learned, now, sent_at, in_flight, wait)
        return True

    def _correct(self, rate: float, now: float, sent_at: float, in_flight: int, wait: float) -> None:
        """Set the rate to what was accepted since the last refusal, divided by the time."""
        self._refused_at = now
        self._refusals_in_row += 1
        self._step = _STEP_AFTER_REFUSAL
        self._quiet_answers = self._late_sends = 0
        self._last_wait = wait
        mark = (
            self._marks[1]
            if self._marks is not None
            else _CountingPoint(sent_at - _FIRST_SPAN_SECONDS, now, self._accepted)
        )
        accepted = self._accepted + in_flight - mark.count
        span = max(_SPAN_MIN_SECONDS, sent_at - mark.sent_at)
        self._ceiling_trust = (
            min(_CEILING_TRUST_MAX, 2 * self._ceiling_trust) if self._is_near_ceiling(rate) else 1.0
        )
        # Nothing was sent during the waits, but the bucket was filled: the truth is between the two.
        low, high = accepted / span, accepted / max(span - self._waited, _SPAN_MIN_SHARE * span)
        least, most = _MEASURED_FACTORS
        if wait * rate > 1 and self._refusals_in_row == 1 and accepted > _NO_SAMPLE_MAX_ACCEPTED:
            self._ceiling = rate
            cut = _FULL_BUCKET_CUT * min(
                1.0, max(_FULL_BUCKET_CUT_MIN_SHARE, wait * rate / _FULL_BUCKET_REQUESTS)
            )
            self.learned = max(MIN_RATE_PER_SECOND, least * rate, min((1 - cut) * rate, high))
        elif accepted >= _SAMPLE_MIN_ACCEPTED:
            self._ceiling = rate
            measured = low if self._waited <= 0 else min(high, max(low, _WAITED_MIN_FACTOR * rate))
            self.learned = max(MIN_RATE_PER_SECOND, min(most * rate, max(least * rate, measured)))
        else:
            if accepted <= _NO_SAMPLE_MAX_ACCEPTED:
                self.learned = max(MIN_RATE_PER_SECOND, _NO_SAMPLE_FACTOR * rate)
            self._waited += wait
            return
        self._mark(now, sent_at, in_flight)
        self._waited = wait

    def _is_near_ceiling(self, rate: float) -> bool:
        return _CEILING_BAND_MIN_SHARE * self._ceiling < rate < _CEILING_BAND_MAX_SHARE * self._ceiling

    def _is_unrelated(self, rate: float) -> bool:
        """Return True if refusals go on far below a rate that was kept: they have another reason."""
        if self._refusals_in_row == 0:
            self._far_below = self._far_below + 1 if rate < _FAR_BELOW_SHARE * self._best else 0
        hopeless = (
            self._paced_requests >= _REFUSED_SHARE_MIN_REQUESTS
            and self._refused_share > _REFUSED_SHARE_MAX
            and self._refusals_in_row < _OUTAGE_REFUSALS
        )
        return hopeless or self._far_below >= _FAR_BELOW_REFUSALS

    def _is_rate(self, now: float, sent_at: float, in_flight_then: int, limit: float, wait: float) -> bool:
        """Count what a refusal shows. Return True if there is evidence enough for a rate."""
        if in_flight_then <= 1:
            self._lone_refusals += 1.0
        if wait > 0:
            if sent_at >= self._refused_at:
                self._weak_signs += 1
                self._refused_at = now
        elif in_flight_then <= _LEVELS_MAX_REQUESTS:
            accepted, refused = self._levels[in_flight_then]
            if (
                limit < _LEVELS_MAX_REQUESTS + 1
                and accepted >= _LEVEL_MIN_ACCEPTED
                and accepted >= _LEVEL_ACCEPTED_PER_REFUSAL * (refused + 1)
            ):
                self._weak_signs += 1
            self._levels[in_flight_then] = [_LEVEL_DECAY * accepted, _LEVEL_DECAY * refused + 1]
        return (
            self._lone_refusals >= self._lone_refusals_needed or self._weak_signs >= self._weak_signs_needed
        )

    def _mark(self, now: float, sent_at: float, in_flight: int, *, spacing: int = 0) -> None:
        here = _CountingPoint(sent_at, now, self._accepted + in_flight)
        if self._marks is None:
            self._marks = (here, here)
        elif here.count - self._marks[1].count >= spacing:
            self._marks = (self._marks[1], here)
        self._waited = 0.0

    def _uncount(self, sent_at: float) -> None:
        """Take a refused request off the marks that counted it as in flight."""
        if self._marks is None:
            return
        older, newer = self._marks
        if sent_at < newer.seen_at:
            newer.count -= 1
        if older is not newer and sent_at < older.seen_at:
            older.count -= 1

    def _begin(self, now: float, sent_at: float, in_flight: int, wait: float) -> None:
        """Take up a rate, with the throughput since the older mark as its first estimate."""
        mark = (
            self._marks[0]
            if self._marks is not None
            else _CountingPoint(now - _FIRST_SPAN_SECONDS, now, self._accepted)
        )
        accepted = max(1, self._accepted + in_flight - mark.count)
        throughput = accepted / max(now - mark.sent_at, _SPAN_MIN_SECONDS)
        rate = min(MAX_RATE_PER_SECOND, max(MIN_RATE_PER_SECOND, throughput))
        self.learned = self._throughput_before = rate
        self._next_at = now + 1 / rate
        self._quiet_answers = self._late_sends = self._refusals_in_row = 0
        self._step = _CAUTIOUS_STEP
        self._ceiling, self._ceiling_trust = math.inf, 1.0
        self._best, self._far_below = 0.0, 0
        self._paced_requests, self._refused_share = 0, 0.0
        is_certain = self._lone_refusals >= self._lone_refusals_needed
        self._trial = None if is_certain else (now + wait, 0)
        self._weak_signs = 0
        self._refused_at = now
        self._last_wait = wait
        self._mark(now, sent_at, in_flight)
        self._waited = wait

    def _give_up_as_mistake(self) -> bool:
        """Give the rate up, and ask for more evidence the next time."""
        self._weak_signs_needed = min(_WEAK_SIGNS_MAX, _WEAK_SIGNS_MISTAKE_FACTOR * self._weak_signs_needed)
        self._lone_refusals_needed = min(
            _LONE_REFUSALS_MAX, _LONE_REFUSALS_MISTAKE_FACTOR * self._lone_refusals_needed
        )
        return self._give_up()

    def _give_up(self) -> bool:
        self.learned = None
        self._lone_refusals = 0.0
        self._weak_signs = 0
        self._trial = None
        self._marks = None
        return True

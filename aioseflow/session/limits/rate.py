"""A provider that counts requests per second: find its pace, keep it, and give it up again.

Refusals tell a rate from a capacity: with nothing else in flight there is no capacity to run out of, and a
level of concurrency that was accepted all the time is within the capacity. Between two refusals a token
bucket was empty at both ends, so what was accepted in between, divided by the time, *is* the rate; no probing
finds it as exactly. A pace taken up on weaker evidence is on trial: if less gets through than before, it is
given up. It is given up, too, when something else holds the requests back, or when only a crowd is refused.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

SLOWEST: Final = 1 / 2  # requests a second while everything is refused: an outage ends unannounced
FASTEST: Final = 10_000.0
_CERTAIN: Final = 2.5  # suspicion at which a rate is taken for a fact
_LEVELS: Final = 4
_FIRST_STEP: Final = 0.01
_OPENING_STEP: Final = 0.05
_GUESS_STEP: Final = 0.4
_UNCONFIRMED_STEP: Final = 0.25  # one refusal too many tells a rate from an outage that is over
_FAR_BELOW: Final = 0.75  # of a pace that was kept: what is refused there is not refused for its sake
_STRANGE: Final = 3
_HOPELESS: Final = 0.15  # refused while a pace is kept: it is not what the provider counts
_TRUST: Final = 48  # requests before that is said
_SHARE_OF_ONE: Final = 1 / 24
_LONGEST_STEP: Final = 0.20
_OUTAGE: Final = 6  # refusals with no success between
_SMOOTH: Final = 0.05
_CROWDED: Final = 0.8  # deviations
_TRIAL: Final = 64  # answers


@attrs.define
class _CountingPoint:
    """A refusal to count from; `count` is what had been accepted, or was in flight and not refused later."""

    sent_at: float
    seen_at: float
    count: int


class RateController:
    """Requests a second, unknown (``rate is None``) until refusals can only be a rate's."""

    __slots__ = (
        "_accepted", "_before", "_best", "_ceiling", "_certain", "_crowd", "_crowds", "_faith", "_kept",
        "_levels", "_marks", "_needed", "_next", "_proof", "_quiet", "_refused_at", "_refused_share",
        "_row", "_step", "_strange", "_suspicion", "_trial", "_unbound", "_usual", "_wait", "_waited",
        "most", "rate",
    )  # fmt: skip

    def __init__(self, most: float | None = None, rate: float | None = None) -> None:
        self.most = most
        self.rate = rate
        self._next = 0.0
        self._accepted = 0
        # What speaks for a rate while none is known: refusals with nothing else in flight, and weaker proofs,
        # among them refusals at a small number in flight that was accepted all the time.
        self._suspicion = 0.0
        self._proof = 0
        self._needed = 3
        self._levels = [[0.0, 0.0] for _ in range(_LEVELS + 1)]
        self._marks: tuple[_CountingPoint, _CountingPoint] | None = None  # older and newer
        self._waited = 0.0  # seconds asked for since the newer mark
        self._wait = 0.0
        self._row = 0  # refusals with no success between
        self._refused_at = -math.inf
        self._ceiling, self._faith = math.inf, 1.0  # the pace that was last refused, and how often near there
        self._before = 0.0  # what got through a second before there was a pace
        self._trial: tuple[float, int] | None = None
        self._certain = _CERTAIN
        self._kept = 0  # requests since the pace was taken up
        self._refused_share = 0.0  # of them, lately
        self._best = 0.0  # the highest pace that was kept for a window without a refusal
        self._strange = 0  # refusals far below it
        self._step = _FIRST_STEP
        self._quiet = 0  # answers since a refusal or since the pace changed
        # How many are in flight as a rule, and by how many deviations it was more when something was refused.
        self._usual = 1.0
        self._crowd = 0.0
        self._crowds = 0
        self._unbound = 0  # requests among them that went later than the pace allowed

    @property
    def per_second(self) -> float | None:
        """What is kept to: the provider's pace, the user's, or none."""
        if self.rate is None or self.most is None:
            return self.rate or self.most
        return min(self.rate, self.most)

    @property
    def following(self) -> float:
        """When the next may go."""
        return 0.0 if self.rate is None and self.most is None else self._next

    def sent(self, now: float) -> None:
        """Count one."""
        pace = self.per_second
        if pace is None:
            return
        self._kept += 1
        self._refused_share *= 1 - _SHARE_OF_ONE
        gap = 1 / pace
        late = now - self._next
        if late > 0.5 * max(gap, 0.02):
            self._unbound += 1
        # A timer is late by a millisecond or more: that is made up for, but a pause saves up no burst.
        made_up = late <= max(gap, 0.02)
        self._next = max(self._next + gap, now + 0.5 * gap) if made_up else now + gap

    def succeeded(self, now: float, sent_at: float, in_flight_then: int, binds: bool) -> bool:
        """Count an answer; True if the pace has just been given up."""
        self._accepted += 1
        if self.rate is None:
            self._suspicion *= 0.93
            if in_flight_then <= _LEVELS:
                level = self._levels[in_flight_then]
                level[0] = 0.98 * level[0] + 1
                level[1] *= 0.98
            return False
        if self._row >= _OUTAGE:
            # Nothing at all was let in for a while, and now it is: that was no rate, and taught none.
            return self._give_up()
        self._usual += _SMOOTH * (in_flight_then - self._usual)
        self._row = 0
        if self._trial is not None and sent_at >= self._trial[0]:
            since, count = self._trial
            self._trial = (since, count + 1)
        if self._trial is not None and self._trial[1] >= _TRIAL:
            since, count = self._trial
            self._trial = None
            if count / max(sent_at - since, 1e-3) < 0.9 * self._before:
                return self._doubt()
        self._quiet += 1
        near = self._is_near(self.rate)
        # What one refusal costs decides how soon to dare the next; a ceiling that held is believed longer.
        costly = self._wait * self.rate
        window = max(12.0, 2 * costly * self._faith) if near else 12.0
        # A first guess that was made over waits is far too low, and few answers come in at that pace.
        guessed = self._wait > 0 and math.isinf(self._ceiling)
        if guessed:
            window, self._step = 4.0, _GUESS_STEP
        elif math.isinf(self._ceiling):
            window, self._step = 6.0, _UNCONFIRMED_STEP
        if self._quiet < window:
            return False
        self._best = max(self._best, self.rate)
        unbound, self._unbound = self._unbound, 0
        quiet, self._quiet = self._quiet, 0
        if 2 * unbound > quiet:
            # Slower than the pace: by its own capacity, and then the pace is not needed, or for want of work.
            return binds and self._give_up()
        if near and costly > 1:
            self._step = min(0.02, self._step)
        self.rate *= 1 + self._step
        self._step = _OPENING_STEP if guessed else min(_LONGEST_STEP, 2 * self._step)
        return self.rate >= FASTEST and self._give_up()

    def refused(
        self, now: float, sent_at: float, in_flight_then: int, in_flight: int, size: float, wait: float
    ) -> bool:
        """Count a refusal; True if it is the rate's, so that concurrency need not answer for it."""
        self._uncount(sent_at)
        if self.rate is None:
            if not self._is_rate(now, sent_at, in_flight_then, size, wait):
                self._mark(now, sent_at, in_flight, least=32)
                return False
            self._begin(now, sent_at, in_flight, wait)
            return True
        if sent_at < self._refused_at:
            return True  # one of those that were under way when the last refusal came
        self._refused_share += _SHARE_OF_ONE
        # After a wait a crowd is nothing unusual.
        if wait <= 0 and (self._is_crowd(in_flight_then) or self._is_strange(self.rate)):
            self._doubt()
            return False
        self._cut(self.rate, now, sent_at, in_flight, wait)
        return True

    def _cut(self, rate: float, now: float, sent_at: float, in_flight: int, wait: float) -> None:
        self._refused_at = now
        self._row += 1
        self._step = _FIRST_STEP
        self._quiet = self._unbound = 0
        self._wait = wait
        mark = (
            self._marks[1] if self._marks is not None else _CountingPoint(sent_at - 1.0, now, self._accepted)
        )
        accepted = self._accepted + in_flight - mark.count
        span = max(1e-3, sent_at - mark.sent_at)
        self._faith = min(32.0, 2 * self._faith) if self._is_near(rate) else 1.0
        # Nothing was sent in the waits, but tokens came in: the truth is between the two.
        low, high = accepted / span, accepted / max(span - self._waited, 0.1 * span)
        if self._row >= 3:
            self.rate = max(SLOWEST, 0.7 * rate)
        elif wait * rate > 1 and self._row == 1 and accepted > 2:
            # A wait that is longer than the gap fills the bucket: what came through says little of the rate.
            self._ceiling = rate
            cut = 0.03 * min(1.0, max(0.2, wait * rate / 20))
            self.rate = max(SLOWEST, 0.5 * rate, min((1 - cut) * rate, high))
        elif accepted >= 8:
            self._ceiling = rate
            true = low if self._waited <= 0 else min(high, max(low, 0.97 * rate))
            self.rate = max(SLOWEST, min(1.2 * rate, max(0.5 * rate, true)))
        else:
            if accepted <= 2:
                self.rate = max(SLOWEST, 0.9 * rate)
            self._waited += wait
            return
        self._mark(now, sent_at, in_flight)
        self._waited = wait

    def _is_near(self, rate: float) -> bool:
        return 0.9 * self._ceiling < rate < 1.2 * self._ceiling

    def _is_strange(self, rate: float) -> bool:
        """Whether refusals go on far below a pace that was kept: then they have another reason."""
        if self._row == 0:
            self._strange = self._strange + 1 if rate < _FAR_BELOW * self._best else 0
        hopeless = self._kept >= _TRUST and self._refused_share > _HOPELESS and self._row < _OUTAGE
        return hopeless or self._strange >= _STRANGE

    def _is_crowd(self, in_flight_then: int) -> bool:
        off = (in_flight_then - self._usual) / math.sqrt(max(1.0, self._usual))
        self._crowd += 0.125 * (min(3.0, off) - self._crowd)
        self._crowds += 1
        return self._crowds >= 12 and self._crowd > _CROWDED

    def _is_rate(self, now: float, sent_at: float, in_flight_then: int, size: float, wait: float) -> bool:
        if in_flight_then <= 1:
            self._suspicion += 1.0
        if wait > 0:
            if sent_at >= self._refused_at:
                self._proof += 1
                self._refused_at = now
        elif in_flight_then <= _LEVELS:
            accepted, refused = self._levels[in_flight_then]
            if size < _LEVELS + 1 and accepted >= 20 and accepted >= 6 * (refused + 1):
                self._proof += 1
            self._levels[in_flight_then] = [0.98 * accepted, 0.98 * refused + 1]
        return self._suspicion >= self._certain or self._proof >= self._needed

    def _mark(self, now: float, sent_at: float, in_flight: int, *, least: int = 0) -> None:
        here = _CountingPoint(sent_at, now, self._accepted + in_flight)
        if self._marks is None:
            self._marks = (here, here)
        elif here.count - self._marks[1].count >= least:
            self._marks = (self._marks[1], here)
        self._waited = 0.0

    def _uncount(self, sent_at: float) -> None:
        if self._marks is None:
            return
        older, newer = self._marks
        if sent_at < newer.seen_at:
            newer.count -= 1
        if older is not newer and sent_at < older.seen_at:
            older.count -= 1

    def _begin(self, now: float, sent_at: float, in_flight: int, wait: float) -> None:
        mark = self._marks[0] if self._marks is not None else _CountingPoint(now - 1.0, now, self._accepted)
        accepted = max(1, self._accepted + in_flight - mark.count)
        self.rate = self._before = min(FASTEST, max(SLOWEST, accepted / max(now - mark.sent_at, 1e-3)))
        self._next = now + 1 / self.rate
        self._quiet = self._unbound = self._row = 0
        self._step = _OPENING_STEP
        self._ceiling, self._faith = math.inf, 1.0
        self._crowd, self._crowds = 0.0, 0
        self._usual = float(max(1, in_flight))
        self._best, self._strange = 0.0, 0
        self._kept, self._refused_share = 0, 0.0
        self._trial = None if self._suspicion >= self._certain else (now + wait, 0)
        self._proof = 0
        self._refused_at = now
        self._wait = wait
        self._mark(now, sent_at, in_flight)
        self._waited = wait

    def _doubt(self) -> bool:
        """Give the pace up as a mistake, which takes more to be made again."""
        self._needed = min(200, 4 * self._needed)
        self._certain = min(40.0, 2 * self._certain)
        return self._give_up()

    def _give_up(self) -> bool:
        self.rate = None
        self._suspicion = 0.0
        self._proof = 0
        self._trial = None
        self._marks = None
        return True

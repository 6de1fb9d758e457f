"""A run that is shown: since when it goes on, how fast it is, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import attrs

from ... import Progress, Run

_RATE_WINDOW_SECONDS: Final = 10.0
_SAMPLE_EVERY_SECONDS: Final = 0.5
_RATE_AFTER_SECONDS: Final = 1.0
_TIME_LEFT_AFTER_SECONDS: Final = 5.0


@attrs.define(eq=False)
class ShownRun:
    """A run with its clock; call `sample` with each progress, and `rate` and `seconds_left` afterwards."""

    action: str
    run: Run
    clock: Callable[[], float] = time.monotonic
    ended: float | None = None
    _samples: deque[tuple[float, int]] = attrs.field(factory=deque, init=False)
    _moving: bool = attrs.field(default=False, init=False)
    _began: float = attrs.field(init=False, default=attrs.Factory(lambda self: self.clock(), takes_self=True))

    @property
    def took(self) -> float:
        """Seconds from the first look to the end, or to now."""
        return (self.clock() if self.ended is None else self.ended) - self._began

    def sample(self, progress: Progress) -> None:
        """Note how many VMs are done now."""
        now, samples = self.clock(), self._samples
        if not self._moving:
            # VMs that an earlier run execution did, or that needed nothing, took no time.
            self._moving = bool(progress.in_flight or progress.settling)
            samples.clear()
        if not samples or now - samples[-1][0] >= _SAMPLE_EVERY_SECONDS:
            samples.append((now, progress.done))
        while len(samples) > 1 and now - samples[1][0] >= _RATE_WINDOW_SECONDS:
            samples.popleft()

    def rate(self, progress: Progress) -> float | None:
        """Return VMs done per second over the last ten seconds; None while there is less than one second."""
        return self._rate(progress, _RATE_AFTER_SECONDS)

    def seconds_left(self, progress: Progress) -> float | None:
        """Return the seconds until all VMs are done at this rate; None where that cannot be known."""
        rate = self._rate(progress, _TIME_LEFT_AFTER_SECONDS)
        if not rate or progress.discovering or progress.paused or progress.stopping is not None:
            return None
        return (progress.targets - progress.done) / rate

    def _rate(self, progress: Progress, at_least: float) -> float | None:
        if not self._samples:
            return None
        then, done = self._samples[0]
        seconds = self.clock() - then
        return None if seconds < at_least else max(0, progress.done - done) / seconds

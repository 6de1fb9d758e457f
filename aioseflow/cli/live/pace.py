"""How fast a run is, over the last seconds, and how long it will take at that."""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from ...fleet import Progress

_WINDOW: Final = 10.0
_OFTEN: Final = 0.5
_SHORTEST: Final = 1.0  # seconds of which a rate can be told
_KNOWN: Final = 5.0  # seconds from which on what is left can be guessed


@attrs.define(eq=False)
class Pace:
    """Told where a run stands, it says how many VMs a second have become done lately."""

    _seen: deque[tuple[float, int]] = attrs.Factory(deque)
    _begun: bool = False

    def note(self, now: float, progress: Progress) -> None:
        """So it stands at this time."""
        seen = self._seen
        if not self._begun:
            # What was done before, by an earlier sitting or because it was so already, took no time.
            self._begun = bool(progress.in_flight or progress.settling)
            seen.clear()
        if not seen or now - seen[-1][0] >= _OFTEN:
            seen.append((now, progress.done))
        while len(seen) > 1 and now - seen[1][0] >= _WINDOW:
            seen.popleft()

    def rate(self, now: float, progress: Progress) -> float | None:
        """VMs a second; None while too little of it was seen."""
        if not self._seen:
            return None
        then, done = self._seen[0]
        return None if now - then < _SHORTEST else max(0, progress.done - done) / (now - then)

    def left(self, now: float, progress: Progress) -> float | None:
        """Seconds until all is done; None where nobody can know."""
        rate = self.rate(now, progress)
        if not rate or not self._seen or now - self._seen[0][0] < _KNOWN:
            return None
        if progress.discovering or progress.paused or progress.stopping is not None:
            return None
        return (progress.targets - progress.done) / rate

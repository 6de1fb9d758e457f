"""Refusals that have nothing to do with the load: one broken worker of the provider's answers 503 to some.

A limit that gives a slot up for each of them ends at one request at a time, and the refusals go on. So what
they are is seen by giving up: where half of the limit is gone and few were refused on the way, the refusals
did not follow the number in flight. As many as that are then forgiven.
"""

from __future__ import annotations

from typing import Final

import attrs

_MOST: Final = 0.12  # a capacity that is exceeded by half refuses several times more
_LEAST: Final = 4  # refusals
_SMALLEST: Final = 6.0  # a smaller height falls by half for a refusal or two
_FADING: Final = 1 / 512  # of what is forgiven, a request: the reason may be gone
_STALE: Final = 1 / 256
_SAVED_UP: Final = 2.0


@attrs.define(eq=False)
class NoiseFilter:
    """The share of refusals that lowering the limit did not change; so many are forgiven."""

    share: float = 0.0
    high: float = 0.0  # the size from which it has been falling
    _sent: int = 0
    _refused: int = 0
    _saved: float = 0.0

    def sent(self, size: float) -> None:
        """Count a request that goes out at this size of the limit."""
        if size >= self.high:
            self.high = size
            self._sent = self._refused = 0
        else:
            self._sent += 1
            # A height of long ago is no measure of a fall.
            self.high -= _STALE * (self.high - size)
        if self.share:
            self.share -= _FADING * self.share
            self._saved = min(_SAVED_UP, self._saved + self.share)

    def forgives(self) -> bool:
        """Count a refusal; whether the limit need not answer for it."""
        self._refused += 1
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

    def explains(self, size: float) -> bool:
        """Whether a fall to this size has just shown that the refusals do not follow the load."""
        if self.high < _SMALLEST or size > 0.5 * self.high or self._refused < _LEAST:
            return False
        share = self._refused / max(1, self._sent)
        if share <= _MOST:
            self.share = max(self.share, share)
            self._saved = 1.0
            self._sent = self._refused = 0
            return True
        self.share = self._saved = 0.0
        self._start(size)
        return False

    def _start(self, size: float) -> None:
        self.high = size
        self._sent = self._refused = 0

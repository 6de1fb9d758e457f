"""The noise filter: refusals that have another reason than the load, such as one broken worker of the panel.

A limit that gives up a slot for each of them ends at one request at a time, and the refusals go on. The fall
itself is the experiment that separates them: when half of the limit is gone and few requests were refused
on the way down, the refusals do not depend on the number in flight. The share that was refused is the noise
floor; as many refusals are then forgiven.
"""

from __future__ import annotations

from typing import Final

import attrs

_NOISE_SHARE_MAX: Final = 0.12  # refused during the fall; a capacity exceeded by half refuses far more
_FALL_REFUSALS_MIN: Final = 4  # fewer are no sample
_FALL_START_MIN_REQUESTS: Final = 6.0  # a smaller limit falls by half for one or two refusals
_FALL_END_SHARE: Final = 0.5  # of the limit from which it fell
_FALL_START_DECAY_PER_REQUEST: Final = 1 / 256  # towards the limit of now: an old peak is no start of a fall
_NOISE_DECAY_PER_REQUEST: Final = 1 / 512  # the panel's fault may have been repaired
_CREDIT_MAX_REFUSALS: Final = 2.0  # forgiven in a row: a real overload refuses more


@attrs.define(eq=False)
class NoiseFilter:
    """The share of the requests that is refused at any limit, and how many refusals it excuses now."""

    share: float = 0.0
    fall_start: float = 0.0  # the limit from which it has been falling
    _sent: int = 0
    _refused: int = 0
    _credit: float = 0.0

    def sent(self, limit: float) -> None:
        """Count a request that is sent at this limit."""
        if limit >= self.fall_start:
            self.fall_start = limit
            self._sent = self._refused = 0
        else:
            self._sent += 1
            self.fall_start -= _FALL_START_DECAY_PER_REQUEST * (self.fall_start - limit)
        if self.share:
            self.share -= _NOISE_DECAY_PER_REQUEST * self.share
            self._credit = min(_CREDIT_MAX_REFUSALS, self._credit + self.share)

    def forgives(self) -> bool:
        """Count a refusal. Return True if it is within the noise, so that the limit stays."""
        self._refused += 1
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def explains_fall_to(self, limit: float) -> bool:
        """Return True if the fall to this limit shows that the refusals do not follow the load.

        The caller then goes back to `fall_start`. Called after each decrease of the limit.
        """
        if (
            self.fall_start < _FALL_START_MIN_REQUESTS
            or limit > _FALL_END_SHARE * self.fall_start
            or self._refused < _FALL_REFUSALS_MIN
        ):
            return False
        share = self._refused / max(1, self._sent)
        self._sent = self._refused = 0
        if share > _NOISE_SHARE_MAX:
            self.share = self._credit = 0.0
            self.fall_start = limit
            return False
        self.share = max(self.share, share)
        self._credit = 1.0
        return True

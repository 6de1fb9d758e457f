"""How much may be repeated: a dead panel gets hardly more requests than there are calls. Pure data."""

from __future__ import annotations

import math
from typing import Final

import attrs

TOKENS: Final = 100.0
_COST: Final = 10.0  # of one repeat: ten in a row, and then one for every ten answers
_FOR_AN_ANSWER: Final = 1.0
_PER_SECOND: Final = 1.0
_PAUSE: Final = 10.0  # seconds; what is shorter is the same trouble going on


@attrs.define(eq=False)
class RetryBudget:
    """Tokens for repeats after lost answers and 5xx; refusals by throttle cost nothing.

    They come back with every answer, and with time in which nothing was tried. Time while calls still fail
    gives none: a panel that is down for an hour would get its load doubled again.
    """

    tokens: float = attrs.field(default=TOKENS, init=False)
    _lost_at: float = attrs.field(default=-math.inf, init=False)

    def answered(self) -> None:
        """An answer came."""
        if self.tokens < TOKENS:
            self.tokens = min(TOKENS, self.tokens + _FOR_AN_ANSWER)

    def lost(self, now: float, *, sent_at: float) -> None:
        """No answer came to what was sent at ``sent_at``, or a 5xx."""
        pause = sent_at - self._lost_at
        if pause > _PAUSE:
            self.tokens = min(TOKENS, self.tokens + _PER_SECOND * pause)
        self._lost_at = max(self._lost_at, now)

    def take(self) -> bool:
        """Pay for one repeat; False if there is not enough left."""
        if self.tokens < _COST:
            return False
        self.tokens -= _COST
        return True

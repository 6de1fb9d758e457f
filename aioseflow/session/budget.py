"""The retry budget: a dead panel gets hardly more requests than there are calls. Pure data, no loop."""

from __future__ import annotations

import math
from typing import Final

import attrs

MAX_TOKENS: Final = 100.0
_TOKENS_PER_RETRY: Final = 10.0  # ten retries in a row, and then one for every ten answers
_TOKENS_PER_ANSWER: Final = 1.0
_TOKENS_PER_IDLE_SECOND: Final = 1.0
_IDLE_MIN_SECONDS: Final = 10.0  # a shorter pause between failures belongs to the same disturbance


@attrs.define(eq=False)
class RetryBudget:
    """Tokens that pay for retries after lost answers and 5xx; retries after a throttle cost nothing.

    Answers give tokens back, and so does time in which nothing failed. Time between failures gives none:
    otherwise a panel that is down for an hour would get its load doubled again.
    """

    tokens: float = attrs.field(default=MAX_TOKENS, init=False)
    _failed_at: float = attrs.field(default=-math.inf, init=False)

    def answered(self) -> None:
        """Count an answer."""
        if self.tokens < MAX_TOKENS:
            self.tokens = min(MAX_TOKENS, self.tokens + _TOKENS_PER_ANSWER)

    def failed(self, now: float, *, sent_at: float) -> None:
        """Count a request, sent at ``sent_at``, that got no answer or a 5xx."""
        idle = sent_at - self._failed_at
        if idle > _IDLE_MIN_SECONDS:
            self.tokens = min(MAX_TOKENS, self.tokens + _TOKENS_PER_IDLE_SECOND * idle)
        self._failed_at = max(self._failed_at, now)

    def take(self) -> bool:
        """Pay for one retry. Return False, and pay nothing, if too few tokens are left."""
        if self.tokens < _TOKENS_PER_RETRY:
            return False
        self.tokens -= _TOKENS_PER_RETRY
        return True

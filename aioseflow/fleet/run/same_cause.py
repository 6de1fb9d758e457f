"""Same cause: notices that the panel refuses the VMs of a service for one reason, one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from ...errors import ApiError, GatewayError, PermissionDenied
from ..model.outcome import Status

if TYPE_CHECKING:
    from ..model.outcome import Outcome, TargetKey

_ERRORS_OF_A_SERVICE: Final = (ApiError, GatewayError, PermissionDenied)
"""Errors that may be those of a service, so that each of its VMs fails for the same cause."""

_FAILURES_PER_OTHER: Final = 4
"""Failures for one cause that outweigh one other outcome: 5 of the last 6, 8 of the last 10."""


@attrs.define(eq=False)
class SameCause:
    """Counts, for one service, how many of its last answers are refusals for one cause.

    An accepted request counts when it is accepted, which is long before its VM has an outcome.

    Attributes:
        most: that many refusals end the work on the service.
    """

    most: int
    _accepted: set[TargetKey] = attrs.field(factory=set, init=False)
    _last: deque[str | None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._last = deque(maxlen=self.most + self.most // _FAILURES_PER_OTHER)

    def accept(self, key: TargetKey) -> None:
        """Note that the panel accepted a request for a VM, which is read back now."""
        if key not in self._accepted:
            self._accepted.add(key)
            self._last.append(None)

    def note(self, outcome: Outcome) -> bool:
        """Note an outcome; return whether too many of the last answers are refusals for its cause."""
        if outcome.key in self._accepted:
            self._accepted.discard(outcome.key)
            return False
        if outcome.status is Status.NOT_ATTEMPTED:
            return False
        is_refused = outcome.status is Status.FAILED and isinstance(outcome.error, _ERRORS_OF_A_SERVICE)
        cause = outcome.cause if is_refused else None
        self._last.append(cause)
        return cause is not None and self._last.count(cause) >= self.most

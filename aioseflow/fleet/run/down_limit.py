"""Down limit: how many VMs of one service a run may have taken down at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..model.outcome import Status, cause_of

if TYPE_CHECKING:
    from ..model.outcome import Outcome, TargetKey
    from ..model.target import TargetState


@attrs.define(eq=False)
class DownLimit:
    """Counts the VMs of a service that the run has taken down and that were not seen running again.

    Attributes:
        most: no further VM is taken down while that many are.
    """

    most: int
    _down: set[TargetKey] = attrs.field(factory=set, init=False)
    _left_down: int = attrs.field(default=0, init=False)

    @property
    def is_reached(self) -> bool:
        """Whether no further VM may begin now."""
        return len(self._down) >= self.most

    @property
    def keys(self) -> frozenset[TargetKey]:
        """The VMs that count."""
        return frozenset(self._down)

    def begin(self, key: TargetKey) -> None:
        """Count a VM that is acted on from now on."""
        self._down.add(key)

    def release(self, key: TargetKey) -> None:
        """Count a VM no more that went back to its queue before anything was sent for it."""
        self._down.discard(key)

    def note(self, state: TargetState, outcome: Outcome) -> bool:
        """Note an outcome; return whether so many VMs may be down for good that no other can ever begin."""
        if outcome.key not in self._down:
            return False
        if self._was_left_down(state, outcome):
            self._left_down += 1
        else:
            self._down.discard(outcome.key)
        return self._left_down >= self.most

    @staticmethod
    def _was_left_down(state: TargetState, outcome: Outcome) -> bool:
        if outcome.status in (Status.CHANGED, Status.UNCHANGED, Status.NOT_ATTEMPTED):
            return False
        error = outcome.error
        is_refused = error is not None and not error.may_have_acted and outcome.cause == cause_of(error)
        return not is_refused or state.changed_before

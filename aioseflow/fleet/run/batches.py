"""Batches of a run: the targets that begin only when those before them have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from ..plan.rollout import Rollout, in_order

if TYPE_CHECKING:
    from ..model.target import TargetState


@attrs.define(eq=False)
class Batches:
    """The batches that have not begun, and the counts of the present one.

    Attributes:
        sizes: number of targets of each batch; empty for a run without batches.
        number: index of the present batch.
        unfinished: targets of the present batch without an outcome.
        failures: outcomes of the present batch that count as failures.
    """

    sizes: tuple[int, ...] = ()
    number: int = 0
    unfinished: int = 0
    failures: int = 0
    _waiting: deque[list[TargetState]] = attrs.field(factory=deque, init=False)

    def split(self, states: Sequence[TargetState], rollout: Rollout) -> None:
        """Split targets into batches, each with targets of all services."""
        self.sizes = rollout.sizes(len(states))
        ordered = in_order(states, lambda state: state.key[:2])
        for number, size in enumerate(self.sizes):
            batch = [next(ordered) for _ in range(size)]
            for state in batch:
                state.batch = number
            self._waiting.append(batch)

    @property
    def size(self) -> int:
        """Number of targets of the present batch."""
        return self.sizes[min(self.number, len(self.sizes) - 1)]

    @property
    def has_more(self) -> bool:
        """Whether a batch has not begun."""
        return bool(self._waiting)

    @property
    def is_between(self) -> bool:
        """Whether the present batch has ended and the next one has not begun."""
        return bool(self._waiting) and not self.unfinished

    def start_next(self) -> list[TargetState]:
        """Make the next batch the present one and return its targets."""
        batch = self._waiting.popleft()
        self.number = batch[0].batch or 0
        self.unfinished, self.failures = len(batch), 0
        return batch

    def count(self, state: TargetState, *, is_bad: bool) -> None:
        """Count the outcome of a target, if it is one of the present batch."""
        if state.batch == self.number:
            self.unfinished -= 1
            self.failures += is_bad

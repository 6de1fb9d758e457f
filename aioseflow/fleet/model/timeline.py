"""How a run went: a few hundred moments of it, however long it took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from .outcome import Status

MOMENTS_MAX: Final = 240
"""Moments that are kept; when there are more, every second one goes, and the spacing doubles."""

SPACING_SECONDS: Final = 1.0
"""Seconds between two moments, to begin with."""


@attrs.frozen(kw_only=True)
class Moment:
    """Where a run stood at one moment.

    Attributes:
        seconds: since the run began; a run that was resumed goes on counting from its first beginning.
        changed, unchanged, failed, unknown, not_attempted: how many VMs had ended so.
        in_flight, settling: how many VMs were under way, and how many were being read back.
        limit: how many requests might be in flight, None where no account says.
        refused: how many requests the providers had turned away since the run, or its last sitting, began.
    """

    seconds: float
    changed: int
    unchanged: int
    failed: int
    unknown: int
    not_attempted: int
    in_flight: int
    settling: int
    limit: int | None
    refused: int

    @property
    def done(self) -> int:
        """VMs with an outcome."""
        return self.changed + self.unchanged + self.failed + self.unknown + self.not_attempted

    @property
    def counts(self) -> dict[Status, int]:
        """How many VMs had ended in each of the five statuses."""
        return {status: getattr(self, status.value) for status in Status}


_FIELDS: Final = tuple(field.name for field in attrs.fields(Moment))


@attrs.define(eq=False)
class Timeline:
    """Moments in their order, never more than `MOMENTS_MAX`."""

    spacing: float = SPACING_SECONDS
    moments: list[Moment] = attrs.Factory(list)

    def add(self, moment: Moment) -> None:
        """One more, later than all others; one of the same time takes the place of the last."""
        moments = self.moments
        if moments and moment.seconds <= moments[-1].seconds:
            moment = attrs.evolve(moment, seconds=moments[-1].seconds)
            moments.pop()
        moments.append(moment)
        if len(moments) > MOMENTS_MAX:
            # The first stays, and the newest does.
            del moments[1:-1:2]
            self.spacing *= 2

    def extend(self, earlier: Iterable[Moment]) -> None:
        """What an earlier sitting of the run had; the spacing is what that had come to."""
        for moment in earlier:
            self.add(moment)
        if len(self.moments) > 1:
            while self.moments[-1].seconds / self.spacing >= MOMENTS_MAX:
                self.spacing *= 2


def rows_of(moments: Iterable[Moment]) -> list[list[Any]]:
    """Moments as JSON can hold them: the values in the order of the fields."""
    return [[getattr(moment, name) for name in _FIELDS] for moment in moments]


def moments_of(rows: Iterable[Any]) -> tuple[Moment, ...]:
    """The moments again; a row that is not one (of another version) is left out."""
    return tuple(
        Moment(**dict(zip(_FIELDS, row, strict=True)))
        for row in rows
        if isinstance(row, list) and len(row) == len(_FIELDS)
    )

"""Timeline of a run: a few hundred moments, however long the run takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from .outcome import Status

MOMENTS_MAX: Final = 240
"""Largest number of moments. With more, every second one is deleted and the spacing doubles."""

SPACING_SECONDS: Final = 1.0
"""Time between two moments at the beginning of a run."""


@attrs.frozen(kw_only=True)
class Moment:
    """Progress of a run at one moment of its past.

    Attributes:
        seconds: time since the run began, for a resumed run since its first execution began.
        changed, unchanged, failed, unknown, not_attempted: number of outcomes with this status.
        in_flight: targets that requests were made for; ``settling`` those that were being read back.
        limit: requests that might be in flight, None where no account has a limit.
        refused: requests that the panels had refused for now since the run execution began.
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
        """Number of targets with an outcome."""
        return self.changed + self.unchanged + self.failed + self.unknown + self.not_attempted

    @property
    def counts(self) -> dict[Status, int]:
        """Number of outcomes by status."""
        return {status: getattr(self, status.value) for status in Status}


_FIELDS: Final = tuple(field.name for field in attrs.fields(Moment))


@attrs.define(eq=False)
class Timeline:
    """Moments in their order, at most `MOMENTS_MAX`; ``spacing`` is the time between two, in seconds."""

    spacing: float = SPACING_SECONDS
    moments: list[Moment] = attrs.Factory(list)

    def add(self, moment: Moment) -> None:
        """Append a moment; one that is not later than the last one replaces it."""
        moments = self.moments
        if moments and moment.seconds <= moments[-1].seconds:
            moment = attrs.evolve(moment, seconds=moments[-1].seconds)
            moments.pop()
        moments.append(moment)
        if len(moments) > MOMENTS_MAX:
            # Not the first and the newest.
            del moments[1:-1:2]
            self.spacing *= 2

    def extend(self, earlier: Iterable[Moment]) -> None:
        """Append the moments of earlier run executions, and take over their spacing."""
        for moment in earlier:
            self.add(moment)
        if len(self.moments) > 1:
            while self.moments[-1].seconds / self.spacing >= MOMENTS_MAX:
                self.spacing *= 2


def rows_of(moments: Iterable[Moment]) -> list[list[Any]]:
    """Return moments as JSON has them: lists of their values, in the order of the fields."""
    return [[getattr(moment, name) for name in _FIELDS] for moment in moments]


def moments_of(rows: Iterable[Any]) -> tuple[Moment, ...]:
    """Return the moments of `rows_of`, without rows that are damaged or of another version."""
    return tuple(
        Moment(**dict(zip(_FIELDS, row, strict=True)))
        for row in rows
        if isinstance(row, list) and len(row) == len(_FIELDS) and _are_numbers(row)
    )


def _are_numbers(row: list[Any]) -> bool:
    return all(
        isinstance(value, int | float) or (value is None and name == "limit")
        for name, value in zip(_FIELDS, row, strict=True)
    )

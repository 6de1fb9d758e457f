"""How figures are said to people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from ..fleet import Status

PENDING: Final = "pending"
"""A target without an outcome yet, beside the five words of `Status`."""

WORST_FIRST: Final = (
    Status.FAILED.value,
    Status.UNKNOWN.value,
    Status.NOT_ATTEMPTED.value,
    PENDING,
    Status.CHANGED.value,
    Status.UNCHANGED.value,
)
"""What a row can say, in the order in which a reader wants to know."""

_PREFIXES: Final = ("", "k", "M", "G", "T")


def words(name: str) -> str:
    """A stable word as people write it."""
    return "no outcome yet" if name == PENDING else name.replace("_", " ")


def moment(time: datetime) -> str:
    """``2026-01-01 03:00:00 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def prefix_of(values: Iterable[float]) -> tuple[str, float]:
    """One SI prefix for all values, the one that suits the largest, and what to divide by."""
    largest = max(values, default=0.0)
    power = 0
    while largest >= 1000 and power < len(_PREFIXES) - 1:
        largest /= 1000
        power += 1
    return _PREFIXES[power], 1000.0**power


def figure(value: float, places: int) -> str:
    """A rate with as many decimals as all others of its plot have: ``0.42``, ``1,250``."""
    least = 10.0**-places
    return f"under {least:g}" if 0 < value < least else f"{value:,.{places}f}"

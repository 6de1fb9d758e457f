"""Words and figures of the page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from .. import Status

PENDING: Final = "pending"
"""The status of a target without an outcome, in addition to the five of `Status`."""

WORST_FIRST: Final = (
    Status.FAILED.value,
    Status.UNKNOWN.value,
    Status.NOT_ATTEMPTED.value,
    PENDING,
    Status.CHANGED.value,
    Status.UNCHANGED.value,
)
"""The statuses of a row, in the order of the table."""

_PREFIXES: Final = ("", "k", "M", "G", "T")


def words(name: str) -> str:
    """Return a status for people: ``not attempted``."""
    return "no outcome yet" if name == PENDING else name.replace("_", " ")


def moment(time: datetime) -> str:
    """Return a time as ``2026-01-01 03:00:00 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def prefix_of(values: Iterable[float]) -> tuple[str, float]:
    """Return the SI prefix that suits the largest value, and the divisor for all values."""
    largest = max(values, default=0.0)
    power = 0
    while largest >= 1000 and power < len(_PREFIXES) - 1:
        largest /= 1000
        power += 1
    return _PREFIXES[power], 1000.0**power


def figure(value: float, places: int) -> str:
    """Return a rate with a number of decimals: ``0.42``, ``1,250``."""
    least = 10.0**-places
    return f"under {least:g}" if 0 < value < least else f"{value:,.{places}f}"

"""Faults of the engine that the simulation finds and that are not fixed yet.

A violation of a kind that is listed here is counted and shown, and breaks nothing. The list must be empty
before a release.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

KNOWN_FAULTS: Final[tuple[str, ...]] = ()
"""The kinds of violations (`Violation.kind`) that the engine is known to have."""


@attrs.frozen
class Violation:
    """An invariant that does not hold: which ``kind``, and where."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"[{self.kind}] {self.where}"


def open_faults(found: Iterable[Violation]) -> tuple[list[str], list[str]]:
    """Sort violations into new ones and those of a known fault."""
    new: list[str] = []
    known: list[str] = []
    for violation in found:
        (known if violation.kind in KNOWN_FAULTS else new).append(str(violation))
    return new, known

"""A bar that shows which share of a service's VMs has which outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from ... import Status
from .styled_row import StyledRow

BarSigns: TypeAlias = Mapping[Status | None, str]
"""A sign for each outcome, so that a bar can be read without colours; None for VMs without an outcome."""

LINES: Final[BarSigns] = {
    Status.CHANGED: "━",
    Status.UNCHANGED: "═",
    Status.FAILED: "x",
    Status.UNKNOWN: "?",
    Status.NOT_ATTEMPTED: "╌",
    None: "·",
}
ASCII: Final[BarSigns] = {
    Status.CHANGED: "#",
    Status.UNCHANGED: "=",
    Status.FAILED: "x",
    Status.UNKNOWN: "?",
    Status.NOT_ATTEMPTED: "-",
    None: ".",
}
_WORST_FIRST: Final = (
    *(Status.UNKNOWN, Status.FAILED, Status.NOT_ATTEMPTED),
    *(Status.CHANGED, Status.UNCHANGED),
)


def bar(counts: Mapping[Status, int], targets: int, width: int, signs: BarSigns = LINES) -> StyledRow:
    """Return a bar of ``width`` cells; every outcome that occurs takes at least one."""
    row = StyledRow()
    for status, share in _shares(counts, targets, width).items():
        row.add(signs[status] * share, status.value, share)
    rest = width - row.width
    return row.add(signs[None] * rest, "faint", rest)


def _shares(counts: Mapping[Status, int], targets: int, width: int) -> dict[Status, int]:
    done = sum(counts.values())
    if not done:
        return {}
    # Until all are done, one cell stays free.
    room = width if done >= targets else min(width - 1, max(1, width * done // targets))
    shares = {status: max(1, room * number // done) for status, number in counts.items() if number}
    if len(shares) > room:
        worst = [status for status in _WORST_FIRST if status in shares][:width]
        return {status: 1 for status in shares if status in worst}
    while (left := room - sum(shares.values())) < 0:
        shares[max(shares, key=shares.__getitem__)] -= 1
    shares[max(shares, key=lambda status: counts[status])] += left
    return shares

"""The five outcomes as shares of a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from ...fleet import Status
from .styled_row import StyledRow


@attrs.frozen
class BarSigns:
    """What a bar is made of: a sign for each outcome, so that it can be read without colours; the rest."""

    outcomes: Mapping[Status, str]
    rest: str


LINES: Final = BarSigns(
    {
        Status.CHANGED: "━",
        Status.UNCHANGED: "═",
        Status.FAILED: "x",
        Status.UNKNOWN: "?",
        Status.NOT_ATTEMPTED: "╌",
    },
    "·",
)
ASCII: Final = BarSigns(
    {
        Status.CHANGED: "#",
        Status.UNCHANGED: "=",
        Status.FAILED: "x",
        Status.UNKNOWN: "?",
        Status.NOT_ATTEMPTED: "-",
    },
    ".",
)


def bar(counts: Mapping[Status, int], targets: int, width: int, signs: BarSigns = LINES) -> StyledRow:
    """The outcomes' shares of a line; every outcome that there is takes at least one place."""
    row = StyledRow()
    shares = _shares(counts, targets, width)
    for status, share in shares.items():
        row.add(signs.outcomes[status] * share, status.value, share)
    rest = width - row.width
    return row.add(signs.rest * rest, "faint", rest)


def _shares(counts: Mapping[Status, int], targets: int, width: int) -> dict[Status, int]:
    done = sum(counts.values())
    if not done:
        return {}
    # Of what is done, one place remains for what is not.
    room = width if done >= targets else min(width - 1, max(1, width * done // targets))
    shares = {status: max(1, room * number // done) for status, number in counts.items() if number}
    while sum(shares.values()) > room and len(shares) <= room:
        shares[max(shares, key=shares.__getitem__)] -= 1
    if len(shares) > room:
        # Too narrow for all: the worst are told.
        worst = [status for status in _WORST if status in shares][: max(0, min(width, len(shares)))]
        return {status: 1 for status in shares if status in worst}
    if (left := room - sum(shares.values())) > 0:
        shares[max(shares, key=lambda status: counts[status])] += left
    return shares


_WORST: Final = (Status.UNKNOWN, Status.FAILED, Status.NOT_ATTEMPTED, Status.CHANGED, Status.UNCHANGED)

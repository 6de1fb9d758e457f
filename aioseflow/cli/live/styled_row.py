"""A line of the live view: pieces of text, each with a style, and its width in cells; a bar is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

from ... import Status
from ...text import cells, cut

# The eight colours of every terminal that can be read on dark and on light; a sign or a word says the same.
_COLOURS: Final = {
    "changed": "32",
    "unchanged": "36",
    "failed": "1;31",
    "unknown": "1;35",
    "not_attempted": "2",
    "faint": "2",
    "strong": "1",
}

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


@attrs.define
class StyledRow:
    """Pieces of text with the names of their styles, ``""`` for none."""

    pieces: list[tuple[str, str]] = attrs.Factory(list)
    width: int = 0

    def add(self, text: str, style: str = "", width: int | None = None) -> StyledRow:
        """Append a piece and return the row. A known ``width`` in cells saves counting it."""
        if text:
            self.pieces.append((text, style))
            self.width += cells(text) if width is None else width
        return self

    def join(self, other: StyledRow) -> StyledRow:
        """Append the pieces of another row and return this one."""
        self.pieces += other.pieces
        self.width += other.width
        return self

    @property
    def plain(self) -> str:
        """The text without styles."""
        return "".join(text for text, _ in self.pieces)

    def cut(self, width: int) -> StyledRow:
        """Return the row in at most ``width`` cells; an ellipsis stands for what is left out."""
        if self.width <= width:
            return self
        kept = StyledRow()
        for text, style in self.pieces:
            size = cells(text)
            if kept.width + size < width:
                kept.add(text, style, size)
                continue
            # Longer by a blank: the ellipsis also stands for the pieces that follow.
            return kept.add(cut(f"{text} ", width - kept.width), style)
        return kept

    def written(self, *, colours: bool) -> str:
        """Return the text with the terminal's escape sequences."""
        return "".join(
            f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if colours and style in _COLOURS else text
            for text, style in self.pieces
        )


def padded(text: str, width: int) -> str:
    """Return a text in exactly ``width`` cells."""
    text = cut(text, width)
    return text + " " * (width - cells(text))


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

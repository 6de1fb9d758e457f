"""A line of a picture: pieces of text, each with its style, and never wider than there is room."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

import attrs

from ..terminal import cells

# Of the eight colours that every terminal has those that can be read on dark and on light; what matters is
# told by a sign or a word as well.
_COLOURS: Final = {
    "changed": "32",
    "unchanged": "36",
    "failed": "1;31",
    "unknown": "1;35",
    "not_attempted": "2",
    "faint": "2",
    "strong": "1",
}
_PLAIN: Final = {"failed": "1", "unknown": "1", "strong": "1"}


@attrs.define
class StyledRow:
    """Pieces of text with the names of their styles, ``""`` for none."""

    pieces: list[tuple[str, str]] = attrs.Factory(list)
    width: int = 0

    def add(self, text: str, style: str = "", width: int | None = None) -> StyledRow:
        """One more piece; its ``width`` need not be counted where it is known."""
        if text:
            self.pieces.append((text, style))
            self.width += cells(text) if width is None else width
        return self

    def join(self, other: StyledRow) -> StyledRow:
        """The pieces of another row."""
        self.pieces += other.pieces
        self.width += other.width
        return self

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(text for text, _ in self.pieces)

    def cut(self, width: int) -> StyledRow:
        """The same in at most so many columns."""
        if self.width <= width:
            return self
        kept, left = StyledRow(), width
        for text, style in self.pieces:
            size = cells(text)
            if size >= left:
                kept.add(fitted(text, left) if size > left else text, style)
                if size == left and kept.plain != self.plain:
                    last, style = kept.pieces.pop()
                    kept.add(fitted(f"{last} ", left), style)
                break
            kept.add(text, style)
            left -= size
        return kept

    def written(self, *, colours: bool) -> str:
        """With the sequences of a terminal."""
        styles = _COLOURS if colours else _PLAIN
        return "".join(
            f"\x1b[{styles[style]}m{text}\x1b[0m" if style in styles else text for text, style in self.pieces
        )


def fitted(text: str, width: int) -> str:
    """The text in at most so many columns; what is cut off is marked."""
    if cells(text) <= width:
        return text
    used, kept = 0, []
    for character in text:
        size = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used + size > width - 1:
            break
        kept.append(character)
        used += size
    return "".join(kept) + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """The text in exactly so many columns."""
    text = fitted(text, width)
    return text + " " * (width - cells(text))


def folded(parts: Sequence[str], width: int, style: str = "", between: str = ", ") -> list[StyledRow]:
    """Parts on as many lines as they need; none is torn unless it is wider than a line."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{between}{part}" if lines else ""
        if longer and cells(longer) + len(between.rstrip()) <= width:
            lines[-1] = longer
            continue
        if lines:
            lines[-1] += between.rstrip()
        lines.append(part)
    return [StyledRow().add(line, style).cut(width) for line in lines]

"""Frames at the bottom of a terminal, each written over the one before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TextIO

import attrs

from .styled_row import StyledRow

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_DO_NOT_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
_SIGNS: Final = "━═╌·…"
_COLUMNS_MIN, _LINES_MIN = 20, 4


@attrs.define(eq=False)
class TerminalFrame:
    """The rows that are drawn on a terminal now.

    rich.live draws the same; a frame of a table takes it twenty times as long. A terminal that goes away (a
    connection that is cut) ends the drawing and nothing else.
    """

    stream: TextIO
    colours: bool = attrs.field(init=False, factory=lambda: not os.environ.get("NO_COLOR"))
    _lines: list[str] = attrs.field(init=False, factory=list)
    _widths: list[int] = attrs.field(init=False, factory=list)
    _size: tuple[int, int] = attrs.field(init=False, default=(0, 0))
    _gone: bool = attrs.field(init=False, default=False)

    @property
    def plain_signs(self) -> bool:
        """Whether the terminal's encoding lacks the signs of bars."""
        return self._encoded(_SIGNS) != _SIGNS

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal now; ``COLUMNS`` and ``LINES`` win."""
        try:
            columns, lines = os.get_terminal_size(self.stream.fileno())
        except (OSError, ValueError):
            columns = lines = 0
        columns, lines = _variable("COLUMNS") or columns or 80, _variable("LINES") or lines or 24
        return max(_COLUMNS_MIN, columns), max(_LINES_MIN, lines)

    def show(self, rows: Sequence[StyledRow]) -> None:
        """Draw rows that fit in the place of the last ones."""
        if self._gone or getattr(self.stream, "is_behind", False) or not self._is_in_front():
            return
        size = self.size
        lines = [self._encoded(row.written(colours=self.colours)) for row in rows]
        if lines == self._lines and size == self._size:
            return
        before = self._lines if size == self._size else []
        parts = [_HIDE_CURSOR, _DO_NOT_WRAP, self._up(size), "" if before else _ERASE_BELOW]
        for number, line in enumerate(lines):
            changed = number >= len(before) or before[number] != line
            parts += ["\r\n" if number else "", line + _ERASE_LINE if changed else ""]
        if len(before) > len(lines):
            # After the last line: erasing begins at the cursor.
            parts.append(f"\r\n{_ERASE_BELOW}\x1b[A")
        self._lines, self._widths, self._size = lines, [row.width for row in rows], size
        self._write("".join([*parts, _WRAP]))

    def say(self, text: str) -> None:
        """Write a line above the frame that is drawn next."""
        self.clear()
        self._write(self._encoded(text) + "\r\n")

    def clear(self) -> None:
        """Erase the frame and show the cursor again."""
        if self._lines:
            back = self._up(self.size)
            self._lines, self._widths = [], []
            self._write(f"{back}{_ERASE_BELOW}{_SHOW_CURSOR}")

    def _up(self, size: tuple[int, int]) -> str:
        """Return the sequence that moves to the first row; a narrower terminal has folded its lines."""
        columns, lines = size
        folded = (max(1, -(-width // columns)) if columns < self._size[0] else 1 for width in self._widths)
        up = min(sum(folded), lines) - 1
        return f"\r\x1b[{up}A" if up > 0 else "\r"

    def _is_in_front(self) -> bool:
        """Whether this is the terminal's foreground process: one in the background must not draw."""
        try:
            return os.tcgetpgrp(self.stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return True

    def _encoded(self, text: str) -> str:
        encoding = self.stream.encoding or "ascii"
        return text.encode(encoding, "replace").decode(encoding)

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self._gone = True


def _variable(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else 0

"""Frames at the bottom of a terminal, each written over the one before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TextIO

import attrs

from .styled_row import StyledRow

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_DO_NOT_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_REST_OF_LINE, _REST_OF_SCREEN = "\x1b[K", "\x1b[J"
_SIGNS: Final = "━═╌·…"
_NARROWEST: Final = 20
_LOWEST: Final = 4


@attrs.define(eq=False)
class TerminalFrame:
    """A terminal that is drawn on, and left as it was.

    One that goes away (a connection that is cut) ends the drawing and nothing else.
    """

    stream: TextIO
    plain_signs: bool = attrs.field(init=False)
    colours: bool = attrs.field(init=False)
    _frame: list[str] = attrs.field(factory=list, init=False)
    _widths: list[int] = attrs.field(factory=list, init=False)
    _size: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    _gone: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.colours = not os.environ.get("NO_COLOR")
        try:
            _SIGNS.encode(self._encoding)
        except UnicodeEncodeError:
            self.plain_signs = True
        else:
            self.plain_signs = False

    @property
    def _encoding(self) -> str:
        return self.stream.encoding or "ascii"

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        try:
            columns, lines = os.get_terminal_size(self.stream.fileno())
        except (OSError, ValueError):
            columns, lines = 80, 24
        columns, lines = _number("COLUMNS") or columns or 80, _number("LINES") or lines or 24
        return max(_NARROWEST, columns), max(_LOWEST, lines)

    def show(self, rows: Sequence[StyledRow]) -> None:
        """Put these rows, which must fit, in the place of the last ones."""
        if self._gone or not self._is_ours():
            return
        size = self.size
        frame = [self._encoded(row.written(colours=self.colours)) for row in rows]
        if frame == self._frame and size == self._size:
            return
        before = self._frame if size == self._size else []
        parts = [_HIDE, _DO_NOT_WRAP, self._up(size)]
        if not before:
            parts.append(_REST_OF_SCREEN)
        for number, line in enumerate(frame):
            if number:
                parts.append("\r\n")
            if number >= len(before) or before[number] != line:
                parts.append(line + _REST_OF_LINE)
        if len(before) > len(frame):
            # Not before the last line is written: erasing takes the place where the cursor is, too.
            parts.append(f"\r\n{_REST_OF_SCREEN}\x1b[A")
        parts.append(_WRAP)
        self._widths = [row.width for row in rows]
        self._frame, self._size = frame, size
        self._write("".join(parts))

    def say(self, text: str) -> None:
        """Write a line above what is drawn from now on."""
        self.clear()
        self._write(self._encoded(text) + "\r\n")

    def clear(self) -> None:
        """Take away what was drawn, and show the cursor again."""
        if self._frame:
            back = self._up(self.size)
            self._frame, self._widths = [], []
            self._write(f"{back}{_REST_OF_SCREEN}{_SHOW}")

    def _up(self, size: tuple[int, int]) -> str:
        """To where the last frame begins; a terminal that became narrower has folded its lines."""
        if not self._frame:
            return "\r"
        columns, lines = size
        rows = len(self._frame)
        if columns < self._size[0]:
            rows = sum(max(1, -(-width // columns)) for width in self._widths)
        rows = min(rows, lines) - 1
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _is_ours(self) -> bool:
        """Whether this process is in front: one that was sent to the background must not draw over others."""
        try:
            return os.tcgetpgrp(self.stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return True

    def _encoded(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding)

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self._gone = True


def _number(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else 0

"""Tables and sheets: coloured and fitted to the width on a terminal, whole elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from ..text import cells, cut, wrap
from .terminal import columns, echo, echo_text, is_terminal, line_room

if TYPE_CHECKING:
    from rich.text import Text

_GAP: Final = "  "
_TEXT_CELLS_MIN: Final = (8, 3)
_SHEET_CELLS_MIN: Final = 16
_HEAD_STYLE: Final = "bold underline"
_NAME_STYLE: Final = "bold"
_DIM: Final = "dim"
_NOTHING: Final = "-"


@attrs.frozen
class Column:
    """A heading; ``right`` aligns figures, and ``alarm`` colours figures other than 0.

    Text is cut where a line would be too long; figures and ``whole`` columns are not.
    """

    heading: str
    right: bool = False
    alarm: str = ""
    whole: bool = False


@attrs.frozen
class Table:
    """Rows of cells, which must be fit for a terminal already (`text.escape`)."""

    head: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def lines(self, room: int = sys.maxsize) -> list[str]:
        """Return aligned lines, the headings first, of at most ``room`` cells if that is possible."""
        return ["".join(parts).rstrip() for parts in self._parts(room)]

    def print(self) -> None:
        """Write the table to stdout; columns for which a terminal has no room are named on stderr."""
        shown, left_out = self.within(line_room())
        styles = (
            [_HEAD_STYLE] * len(shown.head),
            *([_style(*pair) for pair in zip(shown.head, row, strict=True)] for row in shown.rows),
        )
        print_styled(zip(shown._parts(line_room()), styles, strict=True))
        if left_out:
            echo_text(f"No room for {', '.join(left_out)}: use --columns, --output, or a wider terminal.")

    def within(self, room: int) -> tuple[Table, list[str]]:
        """Return the table without the last columns that do not fit, and their headings.

        A column of text goes before one that is never cut.
        """
        places = list(range(len(self.head)))
        left_out: list[int] = []
        while room < sys.maxsize and len(places) > 1:
            head = [self.head[at] for at in places]
            widths = _fitted(head, [[row[at] for at in places] for row in self._texts], room)
            if sum(widths) + len(_GAP) * (len(widths) - 1) <= room:
                break
            texts = [at for at in places[1:] if not (self.head[at].whole or self.head[at].right)]
            left_out.append((texts or places)[-1])
            places.remove(left_out[-1])
        if not left_out:
            return self, []
        rows = [[row[at] for at in places] for row in self.rows]
        return Table([self.head[at] for at in places], rows), [
            self.head[at].heading for at in sorted(left_out)
        ]

    @property
    def _texts(self) -> list[Sequence[str]]:
        return [[column.heading for column in self.head], *self.rows]

    def _parts(self, room: int) -> list[list[str]]:
        texts = self._texts
        widths = _fitted(self.head, texts, room)
        return [_aligned(self.head, widths, row) for row in texts]


@attrs.frozen
class Sheet:
    """Names with the lines of their values, without lines for a heading; fit for a terminal already."""

    facts: Sequence[tuple[str, Sequence[str]]]

    def lines(self, room: int = sys.maxsize) -> list[str]:
        """Return a line for each name, or more where a value is folded to ``room`` cells."""
        return ["".join(parts).rstrip() for parts in self._parts(room)]

    def print(self) -> None:
        """Write the sheet to stdout."""
        print_styled(
            (parts, (_NAME_STYLE, "", _DIM if parts[2] == _NOTHING else ""))
            for parts in self._parts(line_room())
        )

    def _parts(self, room: int) -> list[list[str]]:
        indent = max((cells(name) for name, values in self.facts if values), default=0)
        width = max(room - indent - len(_GAP), _SHEET_CELLS_MIN)
        parts = []
        for name, values in self.facts:
            lines = [line for value in values for line in wrap(value, width) or [""]]
            gap = " " * (indent - cells(name)) + _GAP if lines else ""
            parts.append([name, gap, lines[0] if lines else ""])
            parts += [["", " " * indent + _GAP, line] for line in lines[1:]]
        return parts


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout."""
    echo("".join(f"{line}\n" for line in lines))


def print_styled(lines: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Write lines to stdout, each of pieces with a style of rich for each of them.

    Plain to a file, and with ``NO_COLOR``.
    """
    if not is_terminal(sys.stdout) or os.environ.get("NO_COLOR"):
        print_lines("".join(parts).rstrip() for parts, _ in lines)
        return
    from rich.console import Console

    console = Console(width=columns(), markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for parts, styles in lines:
            console.print(_styled(parts, styles), soft_wrap=True)
    echo(captured.get())


def _styled(parts: Sequence[str], styles: Sequence[str]) -> Text:
    from rich.text import Text

    text = Text()
    for part, style in zip(parts, styles, strict=True):
        bare = part.strip(" ")
        before, _, after = part.partition(bare) if bare else (part, "", "")
        text.append(before).append(bare, style).append(after)
    text.rstrip()
    return text


def _style(column: Column, text: str) -> str:
    return _DIM if text == _NOTHING or (column.right and text == "0") else column.alarm


def _fitted(head: Sequence[Column], texts: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return a width for each column: the widest text gives way first, then the headings of figures."""
    sizes = [[cells(text) for text in texts_of] for texts_of in zip(*texts, strict=True)]
    widths = [max(of) for of in sizes]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    kept = [column.right or column.whole for column in head]
    for least in _TEXT_CELLS_MIN:
        for bodies in (False, True):
            floors = [
                (max(of[1:], default=0) if bodies else width) if whole else least
                for of, width, whole in zip(sizes, widths, kept, strict=True)
            ]
            while excess > 0:
                wide = [at for at, width in enumerate(widths) if width > max(floors[at], 1)]
                if not wide:
                    break
                widths[max(wide, key=widths.__getitem__)] -= 1
                excess -= 1
    return widths


def _aligned(head: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> list[str]:
    padded = []
    for at, (column, width, text) in enumerate(zip(head, widths, row, strict=True)):
        kept = cut(text, width)
        blank = " " * (width - cells(kept))
        padded.append((_GAP if at else "") + (blank + kept if column.right else kept + blank))
    return padded

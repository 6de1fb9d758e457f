"""Tables: coloured and cut to the width on a terminal, whole elsewhere; the same cells in both."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from ..text import cells, cut, wrap
from .terminal import columns, echo, is_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_GAP: Final = "  "
_NARROW: Final = 8
_NARROWEST: Final = 3
_HEAD: Final = "bold underline"
_NAME: Final = "bold"
_DIM: Final = "dim"
_NOTHING: Final = "-"


@attrs.frozen
class Column:
    """A heading; figures stand to the right. ``alarm`` colours figures other than 0.

    Where a line would be too long, text gives way; figures and what is to be kept ``whole`` do not.
    """

    heading: str
    right: bool = False
    alarm: str = ""
    whole: bool = False


@attrs.frozen
class Table:
    """Cells must be fit for a terminal already (`text.escape`)."""

    head: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def lines(self, room: int = sys.maxsize) -> list[str]:
        """Aligned text, a line for the headings and each row, of ``room`` cells at most if that can be."""
        return ["".join(parts).rstrip() for parts in self._parts(room)]

    def print(self) -> None:
        """Write it to stdout."""
        if is_terminal(sys.stdout):
            styles = (
                [_HEAD] * len(self.head),
                *([_style(*pair) for pair in zip(self.head, row, strict=True)] for row in self.rows),
            )
            print_styled(zip(self._parts(columns()), styles, strict=True))
        else:
            print_lines(self.lines())

    def _parts(self, room: int) -> list[list[str]]:
        texts = [[column.heading for column in self.head], *self.rows]
        widths = _fitted(self.head, texts, room)
        return [_aligned(self.head, widths, row) for row in texts]


@attrs.frozen
class Sheet:
    """Names, each with the lines of its value (none for a heading); fit for a terminal already."""

    facts: Sequence[tuple[str, Sequence[str]]]

    def lines(self, room: int = sys.maxsize) -> list[str]:
        """A line for each name, or more where a value is folded to ``room`` cells."""
        return ["".join(parts).rstrip() for parts in self._parts(room)]

    def print(self) -> None:
        """Write it to stdout."""
        if is_terminal(sys.stdout):
            print_styled(
                (parts, (_NAME, "", _DIM if parts[2] == _NOTHING else "")) for parts in self._parts(columns())
            )
        else:
            print_lines(self.lines())

    def _parts(self, room: int) -> list[list[str]]:
        indent = max((cells(name) for name, values in self.facts if values), default=0)
        width = max(room - indent - len(_GAP), 2 * _NARROW)
        parts = []
        for name, values in self.facts:
            told = [line for value in values for line in _folded(value, width)]
            blank = " " * (indent - cells(name))
            parts.append([name, blank + _GAP if told else "", told[0] if told else ""])
            parts += [["", " " * indent + _GAP, line] for line in told[1:]]
        return parts


def console_of_stdout() -> Console:
    """A console that interprets nothing in a text."""
    from rich.console import Console

    return Console(width=columns(), markup=False, highlight=False, emoji=False)


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout."""
    echo("".join(f"{line}\n" for line in lines))


def print_styled(lines: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Write lines to stdout, each of pieces with a style of rich for each of them; plain to a file."""
    if not is_terminal(sys.stdout):
        print_lines("".join(parts).rstrip() for parts, _ in lines)
        return
    console = console_of_stdout()
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
    if text == _NOTHING or (column.right and text == "0"):
        return _DIM
    return column.alarm


def _folded(text: str, width: int) -> list[str]:
    if cells(text) <= width:
        return [text]
    # Wide characters take two cells each.
    return wrap(text, width if text.isascii() else width // 2) or [text]


def _fitted(head: Sequence[Column], texts: Sequence[Sequence[str]], room: int) -> list[int]:
    """A width for each column: the widest text gives way first, then the headings of figures."""
    sizes = [[cells(text) for text in texts_of] for texts_of in zip(*texts, strict=True)]
    widths = [max(of) for of in sizes]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    kept = [column.right or column.whole for column in head]
    for least in (_NARROW, _NARROWEST):
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
        told = cut(text, width)
        blank = " " * (width - cells(told))
        gap = _GAP if at else ""
        padded.append(gap + (blank + told if column.right else told + blank))
    return padded

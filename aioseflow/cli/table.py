"""Tables: of rich on a terminal, aligned text elsewhere; the same cells in both."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import attrs

from .terminal import cells, columns, emit, is_terminal

if TYPE_CHECKING:
    from rich.console import Console

_GAP = "  "


@attrs.frozen
class Column:
    """A heading; figures stand to the right. ``alarm`` colours figures other than 0."""

    heading: str
    right: bool = False
    alarm: str = ""


@attrs.frozen
class Table:
    """Cells must be fit for a terminal already (`terminal.shown`)."""

    head: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def lines(self) -> list[str]:
        """Aligned text, a line for each row and one for the headings."""
        texts = [[column.heading for column in self.head], *self.rows]
        widths = [max(cells(text) for text in texts_of) for texts_of in zip(*texts, strict=True)]
        return [_aligned(self.head, widths, row) for row in texts]

    def print(self) -> None:
        """Write it to stdout."""
        if is_terminal(sys.stdout):
            self._print_rich()
        else:
            emit("".join(f"{line}\n" for line in self.lines()))

    def _print_rich(self) -> None:
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold underline"
        )
        for column in self.head:
            table.add_column(
                Text(column.heading),
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in self.rows:
            table.add_row(
                *(Text(text, _style(column, text)) for column, text in zip(self.head, row, strict=True))
            )
        console = console_of_stdout()
        with console.capture() as captured:
            console.print(table)
        emit("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def console_of_stdout() -> Console:
    """A console that interprets nothing in a text."""
    from rich.console import Console

    return Console(width=columns(), markup=False, highlight=False, emoji=False)


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout."""
    emit("".join(f"{line}\n" for line in lines))


def _style(column: Column, text: str) -> str:
    if column.right and text == "0":
        return "dim"
    return column.alarm


def _aligned(head: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    padded = []
    for column, width, text in zip(head, widths, row, strict=True):
        blank = " " * (width - cells(text))
        padded.append(blank + text if column.right else text + blank)
    return _GAP.join(padded).rstrip()

"""What was found, and how it is printed: tables at most 120 columns wide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

WIDTH: Final = 120
NOT_THERE: Final = "not installed"
CANNOT: Final = "—"

Cell = float | str | None


@attrs.frozen
class Table:
    """One thing, of everybody.

    Attributes:
        title: what it is, with its unit.
        columns: what was measured.
        rows: who, and one cell for each column; None where it was not measured, a text where it cannot be.
        base: the row to which the numbers of the others are given as a ratio, beside the number.
        digits: behind the point.
        note: what a reader must know.
    """

    title: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[Cell, ...]]
    base: str | None = None
    digits: int = 1
    note: str = ""

    def ratio(self, who: str, column: int) -> float | None:
        """A number over the one of `base`."""
        if self.base is None or who == self.base or self.base not in self.rows:
            return None
        mine, its = self.rows[who][column], self.rows[self.base][column]
        return mine / its if isinstance(mine, float) and isinstance(its, float) and its else None

    def number(self, who: str, column: int = 0) -> float | None:
        """A cell, where it is a number."""
        cell = self.rows[who][column] if who in self.rows else None
        return cell if isinstance(cell, float) else None


@attrs.frozen
class Bound:
    """What is to hold. ``value`` is None where it could not be measured."""

    what: str
    value: float | None
    limit: float
    unit: str = "x"
    at_most: bool = True

    @property
    def holds(self) -> bool | None:
        """None where nobody knows."""
        if self.value is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@attrs.frozen
class Findings:
    """Of one group of rows."""

    tables: list[Table] = attrs.field(factory=list)
    bounds: list[Bound] = attrs.field(factory=list)


def ratio(one: float | None, other: float | None) -> float | None:
    """The one over the other, where both are known."""
    return None if one is None or not other else one / other


def printed(table: Table) -> str:
    """A table as text."""
    wide = max(map(len, [*table.rows, ""]))
    cells = {who: [_cell(table, who, column) for column in range(len(table.columns))] for who in table.rows}
    widths = [
        max(len(name), *(len(row[column]) for row in cells.values())) if cells else len(name)
        for column, name in enumerate(table.columns)
    ]
    title = table.title + (f"; behind it, over {table.base}" if table.base else "")
    lines = [*wrapped(title), _line("", table.columns, wide, widths)]
    lines += [_line(who, row, wide, widths) for who, row in cells.items()]
    if table.note:
        lines += wrapped(table.note, "  ")
    return "\n".join(lines)


def _line(who: str, cells: Iterable[str], wide: int, widths: list[int]) -> str:
    texts = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"  {who:{wide}}  {'   '.join(texts)}".rstrip()


def _cell(table: Table, who: str, column: int) -> str:
    cell = table.rows[who][column]
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    share = table.ratio(who, column)
    beside = "" if table.base is None else f" {share:6.3f}" if share is not None else " " * 7
    return f"{cell:,.{table.digits}f}{beside}"


def wrapped(text: str, indent: str = "") -> list[str]:
    """A text in lines that are not too wide."""
    lines = [indent]
    for word in text.split():
        if len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append(indent)
        lines[-1] += word if lines[-1] == indent else f" {word}"
    return lines


def judged(bounds: Iterable[Bound]) -> str:
    """The bounds and whether they hold, as text."""
    bounds = list(bounds)
    wide = max((len(bound.what) for bound in bounds), default=0)
    said = {True: "holds", False: "DOES NOT HOLD", None: "not measured"}
    lines = []
    for bound in bounds:
        value = (
            "" if bound.value is None else f"{bound.value:,.{0 if bound.value >= 100 else 3}f} {bound.unit}"
        )
        limit = f"{'≤' if bound.at_most else '≥'} {bound.limit:,g} {bound.unit}".rstrip()
        lines.append(f"  {bound.what:{wide}}  {value:>10}  {limit:>10}  {said[bound.holds]}")
    return "\n".join(lines)

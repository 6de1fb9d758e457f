"""Lists and objects on stdout, in each format."""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from ...plain import ABOUT_OTHER_FIELDS
from ...text import cells
from ..table import Column, Sheet, Table
from ..terminal import echo
from .cell import cell, is_nothing
from .columns import Row, check, ordered, pick, reach, row_of
from .formats import OutputFormat, as_csv, as_yaml, dumps, line

_NEVER_CUT: Final = re.compile(r"(.*[._])?(id|number|run|ip|ipaddress)")
_AMOUNT: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_SHORT_CHARACTERS: Final = 40
_TEXT_MAX: Final = 20_000
_TABLE_CELLS_MAX: Final = 60
_INDENT: Final = "  "


def print_list(
    items: Sequence[object],
    default: Sequence[str],
    kind: type | None,
    *,
    form: OutputFormat,
    chosen: Sequence[str],
    sort: str,
) -> None:
    """Write a list; see `OutputOptions.listing`. Raises `Refusal`."""
    pairs = [(row_of(item), item) for item in items]
    rows = [row for row, _ in pairs]
    check(chosen, rows, kind, default)
    if sort:
        check([sort.removeprefix("-")], rows, kind, default)
        pairs = ordered(pairs, sort)
        rows = [row for row, _ in pairs]
    names = chosen or default
    if form is OutputFormat.TABLE:
        # An empty list has a sentence instead of a table.
        if rows:
            table(rows, [item for _, item in pairs], names).print()
    elif form is OutputFormat.CSV:
        echo(as_csv(([reach(row, name) for name in names] for row in rows), names))
    else:
        picked = [pick(row, chosen) for row in rows]
        echo(b"".join(map(line, picked)) if form is OutputFormat.JSONL else _text(picked, form))


def print_object(item: object, *, form: OutputFormat, chosen: Sequence[str]) -> None:
    """Write one object; see `OutputOptions.single`. Raises `Refusal`."""
    row = row_of(item)
    check(chosen, [row])
    row = pick(row, chosen)
    if form is OutputFormat.TABLE:
        Sheet(list(_facts(row))).print()
    elif form is OutputFormat.CSV:
        echo(as_csv([list(row.values())], list(row)))
    else:
        echo(line(row) if form is OutputFormat.JSONL else _text(row, form))


def _text(value: object, form: OutputFormat) -> str | bytes:
    return as_yaml(value) if form is OutputFormat.YAML else dumps(value)


@attrs.frozen
class LineStream:
    """Lines of JSON on stdout; see `OutputOptions.stream`."""

    columns: tuple[str, ...] = ()

    def add(self, item: object) -> None:
        """Write an object and flush it; a reader that is gone is no error."""
        echo(line(pick(row_of(item), self.columns)))


def table(rows: Sequence[Row], items: Sequence[object], names: Sequence[str]) -> Table:
    """Return a table of rows. Figures stand to the right; figures, ids and addresses are never cut."""
    texts = [[cell(reach(row, name)) for name in names] for row in rows]
    head = []
    for at, name in enumerate(names):
        # Read from the items, since an amount of money may be any text in JSON.
        values = [value for item in items if (value := reach(item, name)) is not None]
        figures = bool(values) and all(map(_is_figure, values))
        whole = _NEVER_CUT.fullmatch(name) is not None or all(map(_is_word, values))
        short = all(len(row[at]) <= _SHORT_CHARACTERS for row in texts)
        head.append(Column(cell(name), right=figures, whole=whole and short))
    return Table(head, texts)


def _is_figure(value: object) -> bool:
    if isinstance(value, str):
        return _AMOUNT.fullmatch(value) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_word(value: object) -> bool:
    return isinstance(value, bool | enum.Enum | dt.date)


def _facts(row: Row) -> Iterator[tuple[str, list[str]]]:
    """Yield all names of an object with the lines of their values, but no empty `extra` or `unread`."""
    for name, value in row.items():
        if name not in ABOUT_OTHER_FIELDS or not is_nothing(value):
            yield from _lines(name, value, "")


def _lines(name: str, value: Any, indent: str) -> Iterator[tuple[str, list[str]]]:
    """Yield a name, indented by its depth, with the lines of its value; one without lines is a heading."""
    label = indent + cell(name)
    if is_nothing(value) or not isinstance(value, str | Mapping | list):
        yield label, [cell(value)]
    elif isinstance(value, str):
        yield label, [cell(part, _TEXT_MAX) for part in value.splitlines()] or [""]
    elif isinstance(value, Mapping):
        yield label, []
        for inner, part in value.items():
            if not is_nothing(part):
                yield from _lines(inner, part, indent + _INDENT)
    elif not any(isinstance(one, Mapping | list) for one in value):
        yield label, [cell(value, _TEXT_MAX)]
    elif (lines := _small_table(value)) is not None:
        yield label, lines
    else:
        for number, one in enumerate(value, 1):
            yield from _lines(f"{name} {number}", one, indent)


def _small_table(values: Sequence[Any]) -> list[str] | None:
    """Return small objects as a table of the names that any of them has; None where they are not small."""
    if not all(isinstance(one, Mapping) for one in values):
        return None
    names = list(dict.fromkeys(name for one in values for name in one if not is_nothing(one[name])))
    parts = [one.get(name) for one in values for name in names]
    if not names or any(isinstance(part, Mapping | list) or "\n" in str(part) for part in parts):
        return None
    texts = [[cell(one.get(name)) for name in names] for one in values]
    lines = Table([Column(cell(name)) for name in names], texts).lines()
    return lines if max(map(cells, lines)) <= _TABLE_CELLS_MAX else None

"""Lists as tables and objects as sheets, for people."""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from ...plain import ABOUT_OTHER_FIELDS
from ...text import cells
from ..table import Column, Sheet, Table
from .cell import cell, is_nothing
from .columns import Row, reach

_NEVER_CUT: Final = re.compile(r"(.*[._])?(id|number|run|ip|ipaddress)")
_AMOUNT: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_SHORT_CHARACTERS: Final = 40
_TEXT_MAX: Final = 20_000
_TABLE_CELLS_MAX: Final = 60
_INDENT: Final = "  "


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


def sheet(row: Row) -> Sheet:
    """Return all names of an object with the lines of their values, but no empty `extra` or `unread`."""
    empty = [name for name in ABOUT_OTHER_FIELDS if is_nothing(row.get(name))]
    facts = (_lines(name, value, "") for name, value in row.items() if name not in empty)
    return Sheet(list(chain.from_iterable(facts)))


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

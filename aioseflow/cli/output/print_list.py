"""Many things, in each of the forms."""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from ..jsonable import dumps, line
from ..table import Column, Table
from ..terminal import echo, echo_err
from .cell import cell
from .columns import Row, check, chosen, ordered, reach, row_of
from .formats import as_csv, as_yaml

if TYPE_CHECKING:
    from . import OutputOptions

_IDENTITY: Final = re.compile(r"(.*[._])?(id|number|run|ipaddress)")
_AMOUNT: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_SHORT: Final = 40


def write(asked: OutputOptions, items: Sequence[object], columns: Sequence[str], kind: type | None) -> None:
    """Write them to stdout. Raises `Refusal`."""
    pairs = [(row_of(item), item) for item in items]
    rows = [row for row, _ in pairs]
    check(asked.columns, rows, kind, columns)
    if asked.sort:
        check([asked.sort.removeprefix("-")], rows, kind, columns)
        pairs = ordered(pairs, asked.sort)
        rows = [row for row, _ in pairs]
    picked = [chosen(row, asked.columns) for row in rows] if asked.columns else rows
    names = asked.columns or columns
    match asked.form.value:
        case "json":
            echo(dumps(picked))
        case "jsonl":
            echo(b"".join(line(row) for row in picked))
        case "yaml":
            echo(as_yaml(picked))
        case "csv":
            echo(as_csv(([reach(row, name) for name in names] for row in rows), names))
        case _ if rows:
            table(rows, [item for _, item in pairs], names).print()
        case _:
            echo_err("There are none.")


def table(rows: Sequence[Row], items: Sequence[object], names: Sequence[str]) -> Table:
    """The rows as cells; figures stand to the right, and neither they nor ids are ever cut."""
    texts = [[cell(reach(row, name)) for name in names] for row in rows]
    head = []
    for at, name in enumerate(names):
        # Asked of the items, since an amount of money may be any text in JSON.
        values = [value for item in items if (value := _raw(item, name)) is not None]
        figures = bool(values) and all(map(_is_figure, values))
        whole = _IDENTITY.fullmatch(name) is not None or all(map(_is_word, values))
        short = all(len(row[at]) <= _SHORT for row in texts)
        head.append(Column(cell(name), right=figures, whole=whole and short))
    return Table(head, texts)


def _is_figure(value: object) -> bool:
    if isinstance(value, str):
        return _AMOUNT.fullmatch(value) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_word(value: object) -> bool:
    return isinstance(value, bool | enum.Enum | dt.date)


def _raw(item: Any, name: str) -> Any:
    if isinstance(item, Mapping):
        if name in item:
            return item[name]
        head, dot, tail = name.partition(".")
        return _raw(item.get(head), tail) if dot else None
    if not attrs.has(type(item)):
        return None
    head, dot, tail = name.partition(".")
    found = next((getattr(item, one.name) for one in attrs.fields(type(item)) if one.alias == head), None)
    return _raw(found, tail) if dot else found

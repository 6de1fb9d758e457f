"""One thing: a line for each of its names, or as one object of the other forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...plain import ABOUT_OTHER_FIELDS
from ...text import cells
from ..exit_code import Refusal
from ..jsonable import dumps, line
from ..table import Column, Sheet, Table
from ..terminal import echo
from .cell import cell, is_nothing
from .columns import check, chosen, row_of
from .formats import as_csv, as_yaml

if TYPE_CHECKING:
    from . import OutputOptions

_INDENT: Final = "  "
_LONGEST: Final = 20_000
_WIDEST: Final = 60


def write(asked: OutputOptions, item: object) -> None:
    """Write it to stdout. Raises `Refusal`."""
    if asked.sort:
        raise Refusal("this is one thing, and --sort is for lists; leave it out")
    row = row_of(item)
    check(asked.columns, [row])
    if asked.columns:
        row = chosen(row, asked.columns)
    match asked.form.value:
        case "json":
            echo(dumps(row))
        case "jsonl":
            echo(line(row))
        case "yaml":
            echo(as_yaml(row))
        case "csv":
            echo(as_csv([list(row.values())], list(row)))
        case _:
            Sheet(list(_facts(row))).print()


def _facts(row: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """All names of the outermost object, but no `extra` or `unread` in which nothing is."""
    for name, value in row.items():
        if name not in ABOUT_OTHER_FIELDS or not is_nothing(value):
            yield from _told(name, value, "")


def _told(name: str, value: Any, indent: str) -> Iterator[tuple[str, list[str]]]:
    """A name, indented by its depth, with the lines of its value; one with none is a heading."""
    label = indent + cell(name)
    if is_nothing(value) or not isinstance(value, str | Mapping | list):
        yield label, [cell(value)]
    elif isinstance(value, str):
        yield label, [cell(part, _LONGEST) for part in value.splitlines()] or [""]
    elif isinstance(value, Mapping):
        yield label, []
        yield from _parts(value, indent + _INDENT)
    elif not any(isinstance(one, Mapping | list) for one in value):
        yield label, [cell(value, _LONGEST)]
    elif (table := _as_table(value)) is not None:
        yield label, table
    else:
        for number, one in enumerate(value, 1):
            yield from _told(f"{name} {number}", one, indent)


def _parts(value: Mapping[str, Any], indent: str) -> Iterator[tuple[str, list[str]]]:
    for name, part in value.items():
        if not is_nothing(part):
            yield from _told(name, part, indent)


def _as_table(values: Sequence[Any]) -> list[str] | None:
    """Small objects as a table of what any of them has; None where they are not small."""
    if not all(isinstance(one, Mapping) for one in values):
        return None
    names = list(dict.fromkeys(name for one in values for name in one if not is_nothing(one[name])))
    parts = [one.get(name) for one in values for name in names]
    if not names or any(isinstance(part, Mapping | list) or "\n" in str(part) for part in parts):
        return None
    lines = Table(
        [Column(cell(name)) for name in names],
        [[cell(one.get(name)) for name in names] for one in values],
    ).lines()
    return lines if max(map(cells, lines)) <= _WIDEST else None

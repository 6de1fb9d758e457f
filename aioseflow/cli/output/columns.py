"""Columns by name: the value of a name in an object, the known names, and the order by one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs

from ...plain import field_names, fields_of, plain
from ...text import escape, listed, natural_key
from ..exit_code import Refusal
from ..usage_errors import did_you_mean

Row: TypeAlias = Mapping[str, Any]

_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,300}(\.[0-9]{1,300})?")
_NAMES_LISTED: Final = 60


def row_of(item: object) -> Row:
    """Return an item as plain JSON types. Raises ``TypeError`` for what is no object."""
    row = plain(item)
    if not isinstance(row, dict):
        raise TypeError(f"not a row but {type(item).__name__}")
    return row


def reach(value: Any, name: str) -> Any:
    """Return the value of a name in an object, None where there is none; in a list, of each object."""
    if isinstance(value, list):
        return [reach(one, name) for one in value]
    if not isinstance(value, Mapping):
        if not attrs.has(type(value)):
            return None
        value = fields_of(value)
    # A key of the panel may itself have a dot.
    if name in value:
        return value[name]
    head, dot, tail = name.partition(".")
    return reach(value.get(head), tail) if dot else None


def pick(row: Row, names: Sequence[str]) -> Row:
    """Return the values of these names, in this order; the row itself without names."""
    return {name: reach(row, name) for name in names} if names else row


def check(
    names: Iterable[str], rows: Sequence[Row], kind: type | None = None, also: Sequence[str] = ()
) -> None:
    """Raise `Refusal` for a name that no row has. Without rows every name is accepted.

    The names of the class ``kind``, and those in ``also``, are known without a row.
    """
    of_kind = [] if kind is None else field_names(kind)
    known = list(dict.fromkeys([*of_kind, *(name for row in rows for name in row)]))
    for name in names:
        if known and name not in {*known, *also}:
            _check_parts(name, known, rows)


def _check_parts(name: str, known: Sequence[str], rows: Sequence[Any]) -> None:
    """Look for a name part by part: at each part a row must have the next one, or none may have an object."""
    path, at = "", list(rows)
    while name not in known:
        head, dot, tail = name.partition(".")
        if head not in known:
            raise _unknown(f"{path}{name if not dot else head}", path, known)
        if not dot:
            return
        at = [one for one in _flat(reach(row, head) for row in at) if one is not None]
        if not at or not any(isinstance(one, Mapping) and one for one in at):
            if any(not isinstance(one, Mapping) for one in at):
                raise Refusal(f"{escape(path + head)} is no object and has no {escape(tail)}")
            return
        at = [one for one in at if isinstance(one, Mapping)]
        known = list(dict.fromkeys(key for one in at for key in one))
        path, name = f"{path}{head}.", tail


def _unknown(name: str, path: str, known: Sequence[str]) -> Refusal:
    names = [path + one for one in known]
    hint = did_you_mean(name, names)
    known_names = listed([*map(escape, names)], _NAMES_LISTED)
    return Refusal(f"no column {escape(name)}{hint}", fix=f"columns: {known_names}")


def ordered(items: Sequence[tuple[Row, Any]], sort: str) -> list[tuple[Row, Any]]:
    """Return rows with their items, sorted by a name: numbers by size, text in natural order, None last."""
    name = sort.removeprefix("-")
    keyed = [(_key(reach(row, name)), (row, item)) for row, item in items]
    there = [pair for pair in keyed if pair[0] is not None]
    # Stable also when the largest come first, as `sorted` is in both directions.
    there.sort(key=lambda pair: pair[0] or (), reverse=sort.startswith("-"))
    return [item for _, item in there] + [item for key, item in keyed if key is None]


def _key(value: Any) -> tuple[Any, ...] | None:
    match value:
        case None:
            return None
        case Mapping() | list() if not value:
            return None
        case bool() | int() | float():
            return (0, value)
        case str() if _NUMBER.fullmatch(value):
            return (0, Decimal(value))
        case str():
            return (1, natural_key(value))
        case _:
            return (1, natural_key(str(value)))


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value

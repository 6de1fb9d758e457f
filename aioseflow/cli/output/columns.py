"""Columns by name: what a name reaches in an object, which names there are, and the order by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ...plain import field_names, plain
from ...text import escape
from ..exit_code import Refusal
from ..usage_errors import did_you_mean

Row: TypeAlias = Mapping[str, Any]

_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,300}(\.[0-9]{1,300})?")
_DIGITS: Final = re.compile(r"([0-9]+)")
_TOLD: Final = 60


def row_of(item: object) -> Row:
    """The item as parsed JSON. Raises ``TypeError`` for what is no object."""
    row = plain(item)
    if not isinstance(row, dict):
        raise TypeError(f"not a row but {type(item).__name__}")
    return row


def reach(value: Any, name: str) -> Any:
    """What stands under a name, None where nothing does; in a list, what stands there in each."""
    if isinstance(value, list):
        return [reach(one, name) for one in value]
    if not isinstance(value, Mapping):
        return None
    # A key of the panel may itself have a dot.
    if name in value:
        return value[name]
    head, dot, tail = name.partition(".")
    return reach(value.get(head), tail) if dot else None


def chosen(row: Row, names: Sequence[str]) -> dict[str, Any]:
    """Only what was asked for, in this order, under these names."""
    return {name: reach(row, name) for name in names}


def names_of(rows: Iterable[Row], kind: type | None) -> list[str]:
    """Every name of the outermost level, in the order of their coming."""
    of_kind = [] if kind is None else field_names(kind)
    return list(dict.fromkeys([*of_kind, *(name for row in rows for name in row)]))


def check(
    names: Iterable[str], rows: Sequence[Row], kind: type | None = None, also: Sequence[str] = ()
) -> None:
    """Raise `Refusal` for a name that stands in none of the rows; of nothing nothing is known.

    Those of ``kind``, and ``also`` these, are known anyway.
    """
    known = names_of(rows, kind)
    for name in names:
        if known and name not in {*known, *also}:
            _check_parts(name, known, rows)


def _check_parts(name: str, known: Sequence[str], rows: Sequence[Any]) -> None:
    """Look for a name part by part: at each there must be some row that goes on, or none that could."""
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
                raise Refusal(f"{escape(path + head)} is no object, so there is no {escape(tail)} in it")
            return
        at = [one for one in at if isinstance(one, Mapping)]
        known = list(dict.fromkeys(key for one in at for key in one))
        path, name = f"{path}{head}.", tail


def _unknown(name: str, path: str, known: Sequence[str]) -> Refusal:
    names = [path + one for one in known]
    hint = did_you_mean(name, names)
    there = ", ".join(escape(one) for one in names[:_TOLD]) + (", …" if len(names) > _TOLD else "")
    return Refusal(f"there is no column {escape(name)}{hint}; there are {there}")


def ordered(items: Sequence[tuple[Row, Any]], sort: str) -> list[tuple[Row, Any]]:
    """Rows with what belongs to them, by a name: numbers as numbers, text as a person would, None last."""
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
            return (1, _natural(value), value)
        case _:
            return (1, _natural(text := str(value)), text)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """So that web-9 comes before web-10."""
    parts = _DIGITS.split(text.casefold())
    return [
        (0, len(part.lstrip("0")), part.lstrip("0")) if n % 2 else (1, 0, part)
        for n, part in enumerate(parts)
    ]


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value

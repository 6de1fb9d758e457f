"""A value as a cell of a table, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...text import escape

NOTHING: Final = "-"
"""Stands where there is nothing."""

_LONGEST: Final = 200
_CALLED: Final = ("name", "label", "description", "id")


def cell(value: Any, longest: int = _LONGEST) -> str:
    """Parsed JSON on one line, fit for a terminal."""
    return escape(_said(value), longest)


def is_nothing(value: Any) -> bool:
    """Whether there is nothing to be told: None, or an object or list without anything in it."""
    if isinstance(value, Mapping):
        return all(map(is_nothing, value.values()))
    return value is None or value == []


def _said(value: Any) -> str:
    match value:
        case _ if is_nothing(value):
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name}={_said(part)}" for name, part in _parts(value))
        case list():
            return ", ".join(_called(one) for one in value)
        case _:
            return str(value)


def _parts(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, Mapping):
            yield from _parts(part, f"{path}{name}.")
        elif not is_nothing(part):
            yield f"{path}{name}", part


def _called(value: Any) -> str:
    """What an object of a list is called; the object itself where it has no name."""
    if not isinstance(value, Mapping):
        return _said(value)
    name = next((value[key] for key in _CALLED if value.get(key) not in (None, "")), None)
    return f"({_said(value)})" if name is None else _said(name)

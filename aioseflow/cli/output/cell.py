"""A value as a cell of a table, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...text import escape

NOTHING: Final = "-"
"""The cell of a value that is not there."""

_TEXT_MAX: Final = 200
_NAMES: Final = ("name", "label", "description", "id")


def cell(value: Any, most: int = _TEXT_MAX) -> str:
    """Return parsed JSON on one line, fit for a terminal."""
    return escape(_text_of(value), most)


def is_nothing(value: Any) -> bool:
    """Whether a value is None, or an object or list without anything in it."""
    if isinstance(value, Mapping):
        return all(map(is_nothing, value.values()))
    return value is None or value == []


def _text_of(value: Any) -> str:
    match value:
        case _ if is_nothing(value):
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name}={_text_of(part)}" for name, part in _parts(value))
        case list():
            return ", ".join(_name_of(one) for one in value)
        case _:
            return str(value)


def _parts(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, Mapping):
            yield from _parts(part, f"{path}{name}.")
        elif not is_nothing(part):
            yield f"{path}{name}", part


def _name_of(value: Any) -> str:
    """Return the name of an object in a list; the object itself where it has none."""
    if not isinstance(value, Mapping):
        return _text_of(value)
    name = next((value[key] for key in _NAMES if value.get(key) not in (None, "")), None)
    return f"({_text_of(value)})" if name is None else _text_of(name)

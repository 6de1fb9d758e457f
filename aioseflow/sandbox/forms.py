"""Read request bodies as PHP does: `a=b`, `resources[KEY][ITEM]=QTY`, or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl

import orjson

Form: TypeAlias = dict[str, "Value"]
Value: TypeAlias = str | int | float | bool | list["Value"] | dict[str, "Value"] | None


def parse_form(text: str) -> Form:
    """Parse `application/x-www-form-urlencoded` with PHP's brackets; the last value of a name counts."""
    form: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _put(form, _keys(name), value)
    return form


def parse_body(body: bytes, content_type: str) -> Form:
    """Return the fields of a request's body; a JSON body that is no object has none."""
    if not body:
        return {}
    if content_type.partition(";")[0].strip().lower() == "application/json":
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    return parse_form(body.decode("utf-8", "replace"))


def is_truthy(value: Value) -> bool:
    """Return whether PHP takes a value for true: of strings only "" and "0" are false, "false" is true."""
    return value not in ("", "0") and bool(value)


def text(form: Mapping[str, Value], name: str) -> str | None:
    """Return a scalar field as text, None when it is absent, null or no scalar."""
    match form.get(name):
        case str(value):
            return value
        case bool(value):
            return "1" if value else ""
        case int(value) | float(value):
            return str(value)
        case _:
            return None


def mapping(form: Mapping[str, Value], name: str) -> dict[str, Value]:
    """Return an array field, empty when it is absent or no array."""
    value = form.get(name)
    return value if isinstance(value, dict) else {}


def _keys(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket or not head:
        return [name]
    keys = [head]
    while True:
        key, closed, rest = rest.partition("]")
        if not closed:
            # PHP takes an unclosed bracket as part of the name.
            return [name] if len(keys) == 1 else keys
        keys.append(key)
        if not rest.startswith("["):
            return keys
        rest = rest[1:]


def _put(form: Form, keys: list[str], value: str) -> None:
    *outer, last = keys
    place = form
    for key in outer:
        inner = place.get(key)
        if not isinstance(inner, dict):
            inner = place[key] = {}
        place = inner
    # `name[]` appends.
    place[last or str(len(place))] = value

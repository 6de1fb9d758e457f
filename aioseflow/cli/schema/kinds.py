"""JSON Schema of each kind of value, exactly as `jsonable.plain` writes it."""

from __future__ import annotations

import datetime as dt
import enum
import types
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import attrs

from ...models import OpenEnum
from ...secret import HIDDEN, Secret

Schema: TypeAlias = dict[str, Any]

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MERGEABLE: Final = {"type", "pattern", "format", "minimum", "examples"}

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
NOTHING: Final[Schema] = {"type": "null"}
FIGURE: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
# One of more than 64 bits is text: JSON readers end there.
WHOLE: Final[Schema] = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"}
EXACT: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"}
DAY: Final[Schema] = {"type": "string", "format": "date", "pattern": f"^{_DATE}$"}
# The panel's own times have no zone, so that they are no "date-time" of JSON Schema.
TIME: Final[Schema] = {
    "type": "string",
    "pattern": rf"^{_DATE}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?([-+][0-9]{{2}}:[0-9]{{2}})?$",
}
MOMENT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": rf"^{_DATE}T.*[-+][0-9]{{2}}:[0-9]{{2}}$",
}
ANYTHING: Final[Schema] = {}
OPEN: Final[Schema] = {"type": "object"}

_PLAIN: Final[dict[Any, Schema]] = {
    str: TEXT,
    bool: FLAG,
    int: WHOLE,
    float: FIGURE,
    Decimal: EXACT,
    dt.datetime: TIME,
    dt.date: DAY,
    Secret: {"const": HIDDEN},
    None: NOTHING,
    type(None): NOTHING,
    Any: ANYTHING,
}


def kind(hint: Any, defined: dict[str, Any]) -> Schema:
    """The schema of a type hint; attrs classes are put into ``defined`` by their names, for `refer`.

    Raises:
        TypeError: a kind that no answer has.
    """
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return one_of([kind(argument, defined) for argument in arguments])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (tuple, list, Sequence):
        return array(kind(arguments[0], defined))
    if origin in (dict, Mapping):
        of_values = kind(arguments[1], defined)
        return OPEN | ({"additionalProperties": of_values} if of_values else {})
    if isinstance(hint, type) and issubclass(hint, OpenEnum):
        # Each installation has words of its own.
        return TEXT | {"examples": [word.value for word in hint]}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [word.value for word in hint]}
    if attrs.has(hint):
        defined[name_of(hint)] = hint
        return refer(name_of(hint))
    raise TypeError(f"no schema for {hint!r}")


def name_of(model: type) -> str:
    """``service_ip`` for ``ServiceIp``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in model.__name__).lstrip(
        "_"
    )


def refer(name: str) -> Schema:
    """What is defined elsewhere in the same schema."""
    return {"$ref": f"#/$defs/{name}"}


def array(items: Schema) -> Schema:
    """A list of such."""
    return {"type": "array", "items": items}


def or_nothing(schema: Schema) -> Schema:
    """Such, or null."""
    return one_of([schema, NOTHING])


def one_of(choices: Sequence[Schema]) -> Schema:
    """Any of them, briefly where that can be."""
    named = [_types(choice) for choice in choices]
    flat = [name for names in named for name in names]
    brief = all(names and choice.keys() <= _MERGEABLE for names, choice in zip(named, choices, strict=True))
    if not brief or len(set(flat)) < len(flat):
        return {"anyOf": list(choices)}
    merged: Schema = {}
    for choice in choices:
        merged |= choice
    return merged | {"type": flat}


def fixed(properties: Mapping[str, Schema], *, optional: Sequence[str] = (), said: str = "") -> Schema:
    """An object of these names and no others."""
    return ({"description": said} if said else {}) | {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _types(schema: Schema) -> list[str]:
    names = schema.get("type", [])
    return [names] if isinstance(names, str) else list(names)

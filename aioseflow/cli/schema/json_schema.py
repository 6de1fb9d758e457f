"""JSON Schema of a class, made from the types of its fields; the objects are written by `plain`."""

from __future__ import annotations

import datetime as dt
import enum
import types
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints, is_typeddict

import attrs

from ... import CauseGroup
from ...errors import SeFlowError
from ...models import Model, OpenEnum
from ...plain import ErrorDocument, field_names
from ...secret import HIDDEN, Secret

Schema: TypeAlias = dict[str, Any]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = rf"^{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?"
_ZONE: Final = r"[-+][0-9]{2}:[0-9]{2}"
_SCHEMAS: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"},
    dt.date: {"type": "string", "format": "date", "pattern": f"^{_DAY}$"},
    dt.datetime: {"type": "string", "format": "date-time", "pattern": f"{_TIME}{_ZONE}$"},
    Secret: {"const": HIDDEN},
    types.NoneType: {"type": "null"},
    Any: {},
}
# The panel's integers of more than 64 bits are written as text; its times have no zone.
_OF_THE_PANEL: Final[Mapping[Any, Schema]] = {
    int: {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"},
    dt.datetime: {"type": "string", "pattern": f"{_TIME}({_ZONE})?$"},
}
# Modules name it for type checkers alone.
_TYPES_BY_NAME: Final = {"CauseGroup": CauseGroup}


def schema_of(title: str, parts: Iterable[type], optional: Mapping[str, Any], *, array: bool) -> Schema:
    """Return the schema of objects with the fields of all ``parts``, and perhaps the ``optional`` ones."""
    classes: dict[str, type] = {}
    defined: dict[str, Schema] = {}
    body = _object(parts, classes)
    body["properties"] |= {name: _value(hint, classes) for name, hint in optional.items()}
    while missing := classes.keys() - defined.keys():
        name = min(missing)
        defined[name] = _object([classes[name]], classes)
    if array:
        defined[title] = body
        body = {"type": "array", "items": {"$ref": f"#/$defs/{title}"}}
    return {"$schema": _DRAFT, "title": title} | body | {"$defs": dict(sorted(defined.items()))}


def name_of(cls: type) -> str:
    """Return the name of a class in a schema: ``service_ip`` for ``ServiceIp``."""
    name = cls.__name__.removesuffix("Document")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _object(parts: Iterable[type], classes: dict[str, type]) -> Schema:
    """Return the schema of an object; a field of type Any may be missing: its value need not be JSON."""
    properties: Schema = {}
    optional: set[str] = set()
    for part in parts:
        hints = get_type_hints(part, localns=_TYPES_BY_NAME)
        names = {name: name for name in hints} if is_typeddict(part) else field_names(part)
        for name, attribute in names.items():
            properties[name] = _value(hints[attribute], classes, of_panel=issubclass(part, Model))
            if hints[attribute] is Any or name in getattr(part, "__optional_keys__", ()):
                optional.add(name)
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _value(hint: Any, classes: dict[str, type], *, of_panel: bool = False) -> Schema:
    """Return the schema of a type, and add the attrs classes and typed dictionaries in it to ``classes``."""
    if hint in _SCHEMAS:
        return (_OF_THE_PANEL if of_panel else {}).get(hint, _SCHEMAS[hint])
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    schemas = [_value(one, classes, of_panel=of_panel) for one in arguments if one is not Ellipsis]
    if origin in (Union, types.UnionType):
        return {"anyOf": schemas}
    if origin in (tuple, list, Sequence):
        return {"type": "array", "items": schemas[0]}
    if origin in (dict, Mapping) and "enum" in schemas[0]:
        names = schemas[0]["enum"]
        properties = dict.fromkeys(names, schemas[1])
        return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": schemas[1]}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        words = [word.value for word in hint]
        # Each installation has words of its own.
        return {"type": "string", "examples": words} if issubclass(hint, OpenEnum) else {"enum": words}
    cls = ErrorDocument if hint is SeFlowError else hint
    if not (attrs.has(cls) or is_typeddict(cls)):
        raise TypeError(f"no schema for {hint!r}")
    classes[name_of(cls)] = cls
    return {"$ref": f"#/$defs/{name_of(cls)}"}

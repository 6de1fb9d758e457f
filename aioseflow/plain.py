"""The JSON form of every value that the package hands out."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import math
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypedDict

import attrs

from .errors import SeFlowError
from .secret import HIDDEN, Secret

ABOUT_OTHER_FIELDS: Final = ("unread", "extra")
"""Fields of a model that are about its other fields: written last, and shown to people when filled."""

_DEEPEST: Final = 100
_ALREADY_PLAIN: Final = frozenset({str, bool})
# JSON readers, orjson among them, end at 64 bits; str() refuses thousands of digits.
_JSON_BITS: Final = 63
_DECIMAL_BITS: Final = 4096


class ErrorDocument(TypedDict):
    """The facts of an error, without the panel's answer that it came from."""

    type: str
    message: str
    status: int | None
    codes: tuple[str, ...]
    call: str | None
    request: str | None
    attempts: int
    retry_after: float | None


def plain(value: Any, *, depth: int = _DEEPEST) -> Any:
    """Return a value as plain JSON types: secrets hidden, decimals and long integers as text.

    Objects have the names that users know: ``ip`` where the attribute that holds its text is ``ip_texts``.
    An error has its facts, not the panel's answer that it came from.

    Raises:
        TypeError: the value has no JSON form, or it is nested deeper than ``depth`` levels.
    """
    if value is None or type(value) in _ALREADY_PLAIN:
        return value
    match value:
        case enum.Enum():
            return plain(value.value, depth=depth)
        case bool() | str():
            return value
        case int():
            if value.bit_length() <= _JSON_BITS:
                return int(value)
            return str(value) if value.bit_length() <= _DECIMAL_BITS else hex(value)
        case float():
            return value if math.isfinite(value) else None
        case Secret():
            return HIDDEN
        case Decimal() | ipaddress.IPv4Address() | ipaddress.IPv6Address():
            return str(value)
        case dt.date():
            return value.isoformat()
        case SeFlowError():
            return plain(error_document(value))
        case _ if depth <= 0:
            raise TypeError("no JSON for what is nested so deep")
        case Mapping():
            return {str(key): plain(item, depth=depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, depth=depth - 1) for item in value]
        case _ if attrs.has(type(value)):
            return {name: plain(item, depth=depth - 1) for name, item in fields_of(value).items()}
        case _:
            raise TypeError(f"no JSON for {type(value).__name__}")


def error_document(error: BaseException) -> ErrorDocument:
    """Return the facts of an error; a foreign one has a message and no facts of a call."""
    known = error if isinstance(error, SeFlowError) else SeFlowError(str(error))
    return {
        "type": type(error).__name__,
        "message": known.message,
        "status": known.status,
        "codes": known.codes,
        "call": known.call,
        "request": known.request,
        "attempts": known.attempts,
        "retry_after": known.retry_after,
    }


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of an attrs object by the names that users know; those about other fields last."""
    return {name: getattr(value, attribute) for name, attribute in field_names(value.__class__).items()}


@cache
def field_names(cls: type) -> Mapping[str, str]:
    """Map the names of an attrs class that users know to its attributes, in the order of `fields_of`."""
    names = {field.alias or field.name: field.name for field in attrs.fields(cls)}
    return names | {name: names.pop(name) for name in ABOUT_OTHER_FIELDS if name in names}

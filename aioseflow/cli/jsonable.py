"""Answers and reports as JSON with stable names, safe to print: secrets hidden, nothing steers a terminal."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs
import orjson

from ..errors import SeFlowError
from ..fleet import Report
from ..secret import HIDDEN, Secret

_ERROR_FIELDS = (
    "message",
    "call",
    "request",
    "status",
    "codes",
    "attempts",
    "retry_after",
    "may_have_acted",
)
ABOUT_THE_OTHERS = ("unread", "extra")
"""The fields of a model that are about its others: written last, and shown to people when filled."""
_SMALL_ENOUGH = 63
_WRITTEN_BITS = 2048
# What a terminal may take as a command, or as the direction of writing: C1 controls, marks, separators, tags.
UNPRINTABLE = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0001-\U000e007f]"
)
"""In JSON, only these are left to be escaped."""


def dumps(value: Any) -> bytes:
    """Indented JSON in UTF-8 with a line end; what is not printable is escaped, which changes no value."""
    return _written(plain(value), orjson.OPT_INDENT_2)


def line(value: Any) -> bytes:
    """The same on one line."""
    return _written(plain(value), 0)


def _written(value: Any, option: int) -> bytes:
    text = orjson.dumps(value, option=option | orjson.OPT_APPEND_NEWLINE).decode()
    return UNPRINTABLE.sub(_escaped, text).encode()


def plain(value: Any) -> Any:
    """Parsed JSON for a model, a report or anything that they hold."""
    match value:
        case None | bool() | float():
            return value
        case enum.Enum():
            return value.value
        case int():
            # JSON readers, orjson among them, end at 64 bits; str() refuses thousands of digits.
            if value.bit_length() <= _SMALL_ENOUGH:
                return value
            return str(value) if value.bit_length() <= _WRITTEN_BITS else hex(value)
        case str():
            return value
        case Secret():
            return HIDDEN
        case Decimal() | ipaddress.IPv4Address() | ipaddress.IPv6Address():
            return str(value)
        case dt.date():
            return value.isoformat()
        case Report():
            return _report(value)
        case SeFlowError():
            return {"type": type(value).__name__} | {
                name: plain(getattr(value, name)) for name in _ERROR_FIELDS
            }
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if attrs.has(type(value)):
            return _fields(value)
        case _:
            raise TypeError(f"no JSON for {type(value).__name__}")


def place(name: str) -> int:
    """Sorts the names of a model's fields as they are written."""
    return ABOUT_THE_OTHERS.index(name) + 1 if name in ABOUT_THE_OTHERS else 0


def _fields(value: Any) -> dict[str, Any]:
    # The alias is the name that users know: `ip` where the attribute that holds its text is `ip_texts`.
    fields = {field.alias: getattr(value, field.name) for field in attrs.fields(type(value)) if field.alias}
    # What is said of the others stands behind them.
    fields |= {name: fields.pop(name) for name in ABOUT_THE_OTHERS if name in fields}
    return {name: plain(item) for name, item in fields.items()}


def _report(report: Report) -> dict[str, Any]:
    return {
        "run_id": report.run_id,
        "action": report.action,
        "ok": report.ok,
        "started_at": plain(report.started_at),
        "finished_at": plain(report.finished_at),
        "targets": len(report.targets),
        "counts": {status.value: number for status, number in report.counts.items()},
        "undiscovered": plain(report.undiscovered),
        "outcomes": plain(report.outcomes),
    }


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))

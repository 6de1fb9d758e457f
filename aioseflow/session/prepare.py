"""From a `Call` and its values to the request: path, query and body, or `InvalidArgument` with nothing sent.

Bodies are PHP form data: ``resources[1557][9953]=2``. DELETE carries its parameters in the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from ..errors import InvalidArgument
from ..identifiers import check_id
from .call import Call

# Ids that check_id() accepts and quote() leaves unchanged: nearly every id, for a sixth of the instructions.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,99}")


@attrs.define
class Prepared:
    """A request ready to be sent: ``target`` is path and query below the base URL, percent-encoded."""

    target: str
    body: bytes | None


def prepare(call: Call[Any], values: Mapping[str, Any]) -> Prepared:
    """Split ``values`` into path segments and parameters. A parameter that is None is not sent.

    Raises `InvalidArgument` for an id that does not fit one path segment, and for text that is not valid
    Unicode.
    """
    placeholders = call.placeholders
    path = call.path_format % tuple([_segment(values[name], name) for name in placeholders])
    if len(values) == len(placeholders):
        return Prepared(path, None)
    parameters = {
        name: value for name, value in values.items() if value is not None and name not in placeholders
    }
    if not parameters:
        return Prepared(path, None)
    encoded = _encoded(parameters)
    if encoded is None:
        name = next((name for name, value in parameters.items() if _encoded({name: value}) is None), None)
        raise InvalidArgument(f"{name} contains half a surrogate pair; give well-formed text", argument=name)
    if call.method == "DELETE":
        return Prepared(f"{path}?{encoded}", None)
    return Prepared(path, encoded.encode("ascii"))


def _segment(value: Any, name: str) -> str:
    if value.__class__ is int or (value.__class__ is str and _PLAIN_ID.fullmatch(value)):
        return str(value)
    return quote(check_id(value, name), safe="")


def _encoded(parameters: Mapping[str, Any]) -> str | None:
    """Return the parameters as form data; None if one of them cannot be encoded."""
    try:
        return urlencode([pair for name, value in parameters.items() for pair in _pairs(name, value)])
    except UnicodeEncodeError:
        # The error is raised by the caller, because this exception holds the value.
        return None


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _pairs(f"{name}[{key}]", item)
    else:
        yield name, str(value)

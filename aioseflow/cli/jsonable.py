"""JSON on stdout: what is not printable is escaped, so that nothing steers a terminal."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from ..plain import plain

UNPRINTABLE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0001-\U000e007f]"
)
"""What JSON leaves as it is and a terminal may take for a command or the direction of writing: C1 controls,
marks, separators, tags."""


def dumps(value: Any) -> bytes:
    """Return a value as indented JSON in UTF-8 with a line end. Raises ``TypeError`` for what is no JSON."""
    return _dumped(value, orjson.OPT_INDENT_2)


def line(value: Any) -> bytes:
    """Return a value as JSON on one line with a line end. Raises ``TypeError`` for what is no JSON."""
    return _dumped(value, 0)


def _dumped(value: Any, option: int) -> bytes:
    text = orjson.dumps(plain(value), option=option | orjson.OPT_APPEND_NEWLINE).decode()
    return UNPRINTABLE.sub(_escaped, text).encode()


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))

"""Read the values of a PHP panel, which writes numbers as text, and "", [] or false for nothing.

Every function takes one parsed JSON value and returns its meaning, None where it means nothing, or raises
`Mismatch`. The functions are cattrs hooks, hence the unused second argument: the type.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final

from ..secret import Secret, is_secret_key

# Digits and exponent are bounded, so that no answer makes us compute a giant number.
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?"
)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_MAX_WHOLE_DIGITS: Final = 18
_MAX_PLAIN_DIGITS: Final = 40
_WHOLE_LIMIT: Final = 10**_MAX_WHOLE_DIGITS
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
)
# The second: MySQL's zero date, written by PHP's DateTime.
_ZERO_DATES: Final = ("0000-00-00", "-0001-11-30")
# The thread's context belongs to the application: with few digits it would round, or raise.
_EXACT: Final = Context(prec=2000, traps=[])
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TRUE: Final = frozenset({"1", "true", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "n", "off"})
_YES: Final = _TRUE | {
    *("ok", "okay", "success", "successful", "succeeded", "accepted", "done", "completed", "complete"),
}
_NO: Final = _FALSE | {
    *("", "error", "errors", "err", "fail", "failed", "failure", "ko", "nok", "not ok", "unsuccessful"),
    *("denied", "rejected", "refused", "forbidden", "invalid", "aborted", "exception"),
}
_NO_LOCK: Final = frozenset({"unlocked", "not locked", "none", "null"})
# A word begins with a letter: "512 MB" and "N/A" are none.
_WORDS: Final = re.compile(r"[^\W\d_][\w\s:.,()-]*")
_BETWEEN_WORDS: Final = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
_ADDRESS_KEYS: Final = ("ipaddress", "ip", "address")
# The replacement of a byte that could not be decoded, and half of a surrogate pair.
_LOST_CHARACTER: Final = re.compile("[\ufffd\ud800-\udfff]")
_SHOWN_CHARACTERS: Final = 40
_SIMPLE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")

MISSING: Final = object()

Scrub = Callable[[str], str]
"""Removes our own credentials from a text of the panel."""


class Mismatch(Exception):
    """A value cannot be read.

    Attributes:
        expected: the kind of value, in a few words.
        found: the value itself; it may be a secret.
        path: the keys and indexes that lead to it.
    """

    def __init__(self, expected: str, found: object, *path: str | int) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found
        self.path: list[str | int] = list(path)

    def json_path(self) -> str:
        """Return the path as ``$.invoices[0].total``."""
        return "$" + "".join(map(_step, self.path))

    def description(self, scrub: Scrub = str) -> str:
        """Describe what was found in a few words, without a secret; ``scrub`` is applied to panel text."""
        hidden = any(is_secret_key(step) for step in self.path if isinstance(step, str))
        return _describe(self.found, scrub, hidden=hidden)


class PartlyRead(Mismatch):
    """A value has a `meaning`, but holds more than that: the value is kept in `Model.extra` as well."""

    def __init__(self, expected: str, found: object, meaning: object) -> None:
        super().__init__(expected, found)
        self.meaning = meaning


def is_nothing(value: object) -> bool:
    """Return whether a value is one of those that PHP writes for nothing: null, false, "", [] or {}."""
    return not value and (value is None or value is False or isinstance(value, str | list | dict))


def text(value: Any, _type: object = None) -> str | None:
    """Read text, unchanged ("" stays ""), or a number as text."""
    if value.__class__ is str:
        return value
    if is_nothing(value):
        return None
    if not isinstance(value, bool) and _is_number(value):
        return repr(value)
    raise Mismatch("text", value)


def identity(value: Any, _type: object = None) -> str:
    """Read an id: text that is not empty and has lost no character, or a whole number, as text."""
    if value.__class__ is str and value.strip() and not _LOST_CHARACTER.search(value):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_LIMIT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _is_number(value):
        return str(value)
    raise Mismatch("an id", value)


def optional_identity(value: Any, _type: object = None) -> str | None:
    """Read an id where there is one."""
    return None if is_nothing(value) else identity(value)


def whole(value: Any, _type: object = None) -> int | None:
    """Read a whole number, also as ``"4.000"`` or ``4.0``."""
    if value.__class__ is str:
        # Most texts are digits alone: to check that takes a fifth of the time of a regular expression.
        if len(value) <= _MAX_WHOLE_DIGITS and value.isdecimal() and value.isascii():
            return int(value)
        if _WHOLE.fullmatch(value):
            return int(value)
    elif value.__class__ is int and -_WHOLE_LIMIT < value < _WHOLE_LIMIT:
        return value
    number = decimal(value, expected="a whole number")
    if number is None:
        return None
    if number.adjusted() >= _MAX_WHOLE_DIGITS or number != number.to_integral_value():
        raise Mismatch("a whole number", value)
    return int(number)


def decimal(value: Any, _type: object = None, *, expected: str = "a number") -> Decimal | None:
    """Read a number exactly as its text; a float as its shortest text."""
    if isinstance(value, str):
        # Most sizes and prices: faster than a regular expression, as in whole().
        if len(value) <= _MAX_PLAIN_DIGITS and value.isascii() and value.replace(".", "", 1).isdecimal():
            return Decimal(value)
        stripped = value.strip()
        if not stripped:
            return None
        if _NUMBER.fullmatch(stripped):
            return Decimal(stripped)
    elif is_nothing(value):
        return None
    elif not isinstance(value, bool) and _is_number(value):
        return Decimal(repr(value))
    raise Mismatch(expected, value)


def flag(value: Any, _type: object = None) -> bool | None:
    """Read a boolean in any of PHP's spellings; ``bool("false")`` would be True."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    try:
        number = decimal(value)
    except Mismatch:
        number = Decimal(-1)
    if number is None:
        return None
    if number in (0, 1):
        return bool(number)
    raise Mismatch("a boolean", value)


def says(value: Any) -> bool | None:
    """Return whether a panel's value means yes (True) or no (False), None where it means neither.

    No other function reads success: `Accepted.status` and the judge of answers use this one. Words count in
    any case, with blanks, ``_`` or ``-`` between them. A number counts as a flag or as an HTTP status, and a
    negative whole number means no. ``""`` is PHP's false; null means neither. Never raises.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        stripped = value.strip().lower()
        # A sign is no separator: "-1" is not "1".
        if not _NUMBER.fullmatch(stripped):
            word = _BETWEEN_WORDS.sub(" ", stripped)
            return True if word in _YES else False if word in _NO else None
        value = Decimal(stripped)
        if value != value.to_integral_value():
            return None
    elif not isinstance(value, int) and not (isinstance(value, float) and value.is_integer()):
        return None
    if value in (0, 1):
        return bool(value)
    if value < 0 or 400 <= value < 600:
        return False
    return True if 200 <= value < 300 else None


def yes_or_no(value: Any, _type: object = None) -> bool | None:
    """Read yes or no as `says` does; None for null alone."""
    found = says(value)
    if found is None and value is not None:
        raise Mismatch("yes or no", value)
    return found


def lock(value: Any, _type: object = None) -> bool | None:
    """Read whether something is locked: a boolean; the name or number of a lock raises `PartlyRead`."""
    expected = "a boolean or the name of a lock"
    try:
        return flag(value)
    except Mismatch:
        pass
    if isinstance(value, str):
        stripped = value.strip()
        if _BETWEEN_WORDS.sub(" ", stripped.lower()) in _NO_LOCK:
            return False
        if not (_WORDS.fullmatch(stripped) or _NUMBER.fullmatch(stripped)):
            raise Mismatch(expected, value)
    elif not (isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
        raise Mismatch(expected, value)
    raise PartlyRead(expected, value, meaning=True)


def stamp(value: Any, _type: object = None, *, expected: str = "a date and time") -> dt.datetime | None:
    """Read a time without zone, by the panel's clock; None for a zero date."""
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped or stripped.startswith(_ZERO_DATES):
            return None
        if _TIME.fullmatch(stripped):
            try:
                return dt.datetime.fromisoformat(stripped)
            except ValueError:  # the 30th of February
                pass
    elif is_nothing(value):
        return None
    raise Mismatch(expected, value)


def day(value: Any, _type: object = None) -> dt.date | None:
    """Read a day, also where the panel writes a time after it."""
    found = stamp(value, expected="a date")
    return None if found is None else found.date()


def epoch(value: Any, _type: object = None) -> dt.datetime | None:
    """Read seconds since 1970 as an aware UTC time."""
    expected = "seconds since 1970"
    seconds = decimal(value, expected=expected)
    if seconds is None:
        return None
    if seconds.adjusted() < _MAX_WHOLE_DIGITS:
        try:
            return _EPOCH + dt.timedelta(microseconds=int(seconds.scaleb(6, _EXACT)))
        except OverflowError:
            pass
    raise Mismatch(expected, value)


def secret(value: Any, _type: object = None) -> Secret | None:
    """Read a password; an empty one is an empty `Secret`."""
    plain = text(value)
    return None if plain is None else Secret(plain)


def whole_or_text(value: Any, _type: object = None) -> int | str | None:
    """Read a whole number where the value is one, else text."""
    try:
        return whole(value)
    except Mismatch:
        return text(value)


def texts(value: Any, _type: object = None) -> tuple[str, ...]:
    """Read a list of texts without the empty ones; also a single text, or the values of an object."""
    found: list[str] = []
    for step, item in _steps(value, "a list of texts"):
        try:
            entry = text(item)
        except Mismatch as mismatch:
            mismatch.path[:0] = step
            raise
        if entry is not None and entry.strip():
            found.append(entry.strip())
    return tuple(found)


def addresses(value: Any, _type: object = None) -> tuple[str, ...]:
    """Read address texts from a list of texts or objects, an object keyed by id, one object or one text."""
    found: list[str] = []
    if value.__class__ is list:
        for item in value:
            if item.__class__ is not str:
                found.clear()
                break
            if stripped := item.strip():
                found.append(stripped)
        else:
            return tuple(found)
    if isinstance(value, dict) and any(isinstance(value.get(key), str) for key in _ADDRESS_KEYS):
        value = [value]
    for step, item in _steps(value, "a list of addresses"):
        inner = item
        if isinstance(item, dict):
            inner = next((item[key] for key in _ADDRESS_KEYS if item.get(key)), MISSING)
        if is_nothing(inner):
            continue
        if not isinstance(inner, str):
            raise Mismatch("an address", item, *step)
        if inner.strip():
            found.append(inner.strip())
    return tuple(found)


def word(value: Any) -> str:
    """Return a boolean, number or text as a word for people to read."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if _is_number(value) else type(value).__name__


def _steps(value: Any, expected: str) -> list[tuple[tuple[str | int, ...], Any]]:
    if is_nothing(value):
        return []
    if isinstance(value, str):
        return [((), value)]
    if isinstance(value, list):
        return [((index,), item) for index, item in enumerate(value)]
    if isinstance(value, dict):
        # A value under a secret's key would be shown as one of the texts.
        return [((key,), item) for key, item in value.items() if not is_secret_key(key)]
    raise Mismatch(expected, value)


def _is_number(value: object) -> bool:
    # 64 digits are more than any quantity has; repr() of thousands of them would raise.
    if isinstance(value, int):
        return value.bit_length() <= 212
    return isinstance(value, float) and math.isfinite(value)


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _SIMPLE_KEY.fullmatch(step):
        return f".{step}"
    return f"[{json.dumps(step[:_SHOWN_CHARACTERS] + '…' * (len(step) > _SHOWN_CHARACTERS))}]"


def _describe(value: object, scrub: Scrub, *, hidden: bool) -> str:
    if value is MISSING:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kind = "text" if isinstance(value, str) else "a number"
    if hidden or not (isinstance(value, str) or _is_number(value)):
        return kind
    shown = scrub(repr(value[: _SHOWN_CHARACTERS + 1] if isinstance(value, str) else value))
    return shown if len(shown) <= _SHOWN_CHARACTERS + 2 else shown[:_SHOWN_CHARACTERS] + "…"

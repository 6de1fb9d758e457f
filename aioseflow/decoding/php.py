"""What PHP makes of a value on its way into JSON, and back: numbers as text, "" and [] for nothing.

Every function takes one parsed JSON value and gives what it means, None where it means nothing, or raises
`Mismatch`. They are cattrs hooks, hence the unused second argument: the type.
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

# Digits and exponent are bounded here, so that nothing behind can be made to compute a giant number.
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?"
)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_WHOLE_DIGITS: Final = 18
_PLAIN_DIGITS: Final = 40
_WHOLE_LIMIT: Final = 10**_WHOLE_DIGITS
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
)
# The second is what PHP's DateTime makes of MySQL's zero date.
_NULL_DATES: Final = ("0000-00-00", "-0001-11-30")
# The thread's own context is the application's: with few digits it would round, or raise.
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
# Letters first: "512 MB" and "N/A" are no words.
_WORDS: Final = re.compile(r"[^\W\d_][\w\s:.,()-]*")
_BETWEEN_WORDS: Final = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
_ADDRESS_KEYS: Final = ("ipaddress", "ip", "address")
# What stands for a byte that could not be decoded, and half of a character.
_LOST: Final = re.compile("[\ufffd\ud800-\udfff]")
_SHOWN: Final = 40
_SIMPLE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")

MISSING: Final = object()

Scrub = Callable[[str], str]
"""Takes our own credentials out of a panel's text."""


class Mismatch(Exception):
    """A value is not what it should be: what was expected, what was found, and the way there."""

    def __init__(self, expected: str, found: object, *path: str | int) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found
        self.path: list[str | int] = list(path)

    def json_path(self) -> str:
        """The way as ``$.invoices[0].total``."""
        return "$" + "".join(map(_step, self.path))

    def description(self, scrub: Scrub = str) -> str:
        """What was found, in a few words, without a secret; ``scrub`` goes over what the panel sent."""
        hidden = any(is_secret_key(step) for step in self.path if isinstance(step, str))
        return _describe(self.found, scrub, hidden=hidden)


class Told(Mismatch):
    """A value means something, but says more than that: it is to be kept beside its `meaning`."""

    def __init__(self, expected: str, found: object, meaning: object) -> None:
        super().__init__(expected, found)
        self.meaning = meaning


def is_nothing(value: object) -> bool:
    """Whether this is one of PHP's ways to say nothing: null, false, "", [] or {}."""
    return not value and (value is None or value is False or isinstance(value, str | list | dict))


def as_is(value: Any, _type: object = None) -> Any:
    """The value itself."""
    return value


def text(value: Any, _type: object = None) -> str | None:
    """Text as it stands ("" stays ""), a number as text."""
    if value.__class__ is str:
        return value
    if is_nothing(value):
        return None
    if not isinstance(value, bool) and _is_number(value):
        return repr(value)
    raise Mismatch("text", value)


def identity(value: Any, _type: object = None) -> str:
    """An id: text that is not empty, of which no character was lost; a whole number as text."""
    if value.__class__ is str and value.strip() and not _LOST.search(value):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_LIMIT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _is_number(value):
        return str(value)
    raise Mismatch("an id", value)


def optional_identity(value: Any, _type: object = None) -> str | None:
    """An id where there is one."""
    return None if is_nothing(value) else identity(value)


def whole(value: Any, _type: object = None) -> int | None:
    """A whole number, also as ``"4.000"`` or ``4.0``."""
    if value.__class__ is str:
        # Most are nothing but digits, which is found out in a fifth of the time of a regular expression.
        if len(value) <= _WHOLE_DIGITS and value.isdecimal() and value.isascii():
            return int(value)
        if _WHOLE.fullmatch(value):
            return int(value)
    elif value.__class__ is int and -_WHOLE_LIMIT < value < _WHOLE_LIMIT:
        return value
    number = decimal(value, expected="a whole number")
    if number is None:
        return None
    if number.adjusted() >= _WHOLE_DIGITS or number != number.to_integral_value():
        raise Mismatch("a whole number", value)
    return int(number)


def decimal(value: Any, _type: object = None, *, expected: str = "a number") -> Decimal | None:
    """A number exactly as its text says; a float as its shortest text."""
    if isinstance(value, str):
        # As for whole(); the sizes and prices of this API.
        if len(value) <= _PLAIN_DIGITS and value.isascii() and value.replace(".", "", 1).isdecimal():
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
    """A boolean in any of PHP's spellings; ``bool("false")`` would be True."""
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
    """Whether a panel's value means yes (True) or no (False); None where it says neither.

    It is the only reader of success: of `Accepted.status` and of the judge of answers. Words count in any
    case, with blanks, ``_`` or ``-`` between them; a number counts as it would as a flag or as an HTTP
    status, and a negative whole number says no. ``""`` is PHP's false; null says nothing.
    Never raises.
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


def said(value: Any, _type: object = None) -> bool | None:
    """Yes or no as `says` reads it; None for null alone."""
    found = says(value)
    if found is None and value is not None:
        raise Mismatch("yes or no", value)
    return found


def lock(value: Any, _type: object = None) -> bool | None:
    """Whether something is locked: a boolean, or the lock's own name or number, which is `Told`."""
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
    raise Told(expected, value, meaning=True)


def stamp(value: Any, _type: object = None, *, expected: str = "a date and time") -> dt.datetime | None:
    """A time without zone, the panel's own; None for its zero dates."""
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped or stripped.startswith(_NULL_DATES):
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
    """A day, also where the panel writes a time behind it."""
    found = stamp(value, expected="a date")
    return None if found is None else found.date()


def epoch(value: Any, _type: object = None) -> dt.datetime | None:
    """Seconds since 1970 as an aware UTC time."""
    expected = "seconds since 1970"
    seconds = decimal(value, expected=expected)
    if seconds is None:
        return None
    if seconds.adjusted() < _WHOLE_DIGITS:
        try:
            return _EPOCH + dt.timedelta(microseconds=int(seconds.scaleb(6, _EXACT)))
        except OverflowError:
            pass
    raise Mismatch(expected, value)


def secret(value: Any, _type: object = None) -> Secret | None:
    """A password; an empty one is an empty `Secret`."""
    plain = text(value)
    return None if plain is None else Secret(plain)


def whole_or_text(value: Any, _type: object = None) -> int | str | None:
    """A whole number where it is one, else the text."""
    try:
        return whole(value)
    except Mismatch:
        return text(value)


def texts(value: Any, _type: object = None) -> tuple[str, ...]:
    """A list of texts without its empty places; also one text, or an object whose values count."""
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
    """Address texts: of a list of texts or of objects, an object keyed by id, one object or one text."""
    found: list[str] = []
    if value.__class__ is list:
        # Mostly they are texts.
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
    """A boolean, number or text as the panel's word, for people to read."""
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
        # What stands under a secret's key is none of the texts, and would be shown among them.
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
    return f"[{json.dumps(step[:_SHOWN] + '…' * (len(step) > _SHOWN))}]"


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
    shown = scrub(repr(value[: _SHOWN + 1] if isinstance(value, str) else value))
    return shown if len(shown) <= _SHOWN + 2 else shown[:_SHOWN] + "…"

"""What bytes mean: JSON in some charset, between PHP's noise; an HTML page; or neither. No judgement here."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from typing import Any, Final

import orjson

_PAGE = re.compile(rb"<!doctype\s|<html[\s>]", re.IGNORECASE)
_PHP_NOTICE = re.compile(
    rb"(?:warning|notice|deprecated|strict standards)(?:</b>)?[ \t]{0,8}:", re.IGNORECASE
)
# The quantifiers give nothing back, and are bounded: whatever the body, each byte is looked at a few times.
_OBJECT = re.compile(rb'\{\s{0,64}+"(?:[^"\\]|\\.){0,256}+"\s{0,64}+:|(?<=\n)\{\s{0,64}+\}', re.DOTALL)
# PHP ends what it prints with a line, so that an array in the midst of one is none.
_ARRAY = re.compile(
    rb'(?<=\n)[ \t]{0,64}+(\[)\s{0,64}+(?:[\[\]{"tfn]|-?[0-9][0-9.eE+-]{0,40}+\s{0,64}+[,\]])'
)
_INSIDE = re.compile(rb'(?:[\[,]|"\s*:)\s*\Z')
# Each file of a panel that was saved with a byte order mark prints its own.
_BLANK = b"\xef\xbb\xbf \t\r\n\v\f\0"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
# Python knows codecs that no panel means, some of which give a text another meaning.
_NO_CHARSETS = frozenset(
    {"utf-8", "ascii", "utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_REPLACEMENT: Final = "\ufffd"
_PAGE_WITHIN = 4096
_NOISE_WITHIN = 256 * 1024
_ARRAYS_TRIED = 4
_PLAIN_INTEGER_DIGITS = 18


class Unparsed(Exception):
    """The body is not JSON; ``is_page`` says whether it is a whole HTML page."""

    def __init__(self, *, is_page: bool) -> None:
        super().__init__(is_page)
        self.is_page = is_page


def parse(body: bytes, headers: Mapping[str, str] = {}) -> Any:
    """The JSON value in a body. Raises `Unparsed`.

    The charset that ``Content-Type`` declares is used. Without one, bytes that are no UTF-8 become U+FFFD in
    the texts that have them. NaN and infinities become their words, half a surrogate pair U+FFFD.

    PHP may print byte order marks and warnings around the JSON. What follows noise must be the whole rest of
    the body, or an object with nothing behind it but noise: neither a script inside a page nor a piece of a
    cut answer is taken for an answer.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_odd(body, charset_of(headers))
    if body.isascii() or (charset := charset_of(headers)) is None:
        return value
    return _parse_odd(body, charset)


def charset_of(headers: Mapping[str, str]) -> str | None:
    """The charset that an answer declares, by Python's name; None for UTF-8, none, or one that is unknown."""
    found = _CHARSET.search(headers.get("content-type") or "")
    if found is None:
        return None
    try:
        codec = codecs.lookup(found[1])
    except LookupError:
        return None
    name = codec.name.replace("_", "-")
    return None if name in _NO_CHARSETS or not codec._is_text_encoding else name


def text_of(body: bytes, headers: Mapping[str, str]) -> str:
    """A body as text: in the charset that it declares, else in UTF-8; what cannot be decoded is U+FFFD."""
    return body.decode(charset_of(headers) or "utf-8", "replace")


def _parse_odd(body: bytes, charset: str | None) -> Any:
    """Parse what is not plain JSON in UTF-8."""
    if charset is not None and not body.startswith(codecs.BOM_UTF8):
        body = _utf8(body.decode(charset, "replace"))
    text = body.strip(_BLANK)
    if _PAGE.search(text, 0, _PAGE_WITHIN):
        raise Unparsed(is_page=True)
    try:
        return _loads(text)
    except ValueError:
        pass
    for start in _openings(text):
        try:
            return _loads(text[start:])
        except ValueError:
            continue
    if (value := _before_noise(text)) is not None:
        return value
    raise Unparsed(is_page=False)


def _loads(text: bytes) -> Any:
    """Parse JSON strictly, then as loosely as costs a field and not the answer. Raises `ValueError`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return _well_formed(_LOOSE.decode(text.decode("utf-8", "replace")), text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _whole(digits: str) -> int | float | str:
    # As orjson reads it; int() refuses thousands of digits.
    if len(digits) <= _PLAIN_INTEGER_DIGITS:
        return int(digits)
    return _real(digits)


def _real(digits: str) -> float | str:
    number = float(digits)
    # Marked as what could not be read, so that the beginning of a number is no id.
    return number if math.isfinite(number) else digits[:_PLAIN_INTEGER_DIGITS] + _REPLACEMENT


_LOOSE: Final = json.JSONDecoder(strict=False, parse_constant=str, parse_int=_whole, parse_float=_real)


def _well_formed(value: Any, text: bytes) -> Any:
    """The value without halves of surrogate pairs, which no file and no terminal takes."""
    return _without_halves(value) if _SURROGATE_ESCAPE.search(text) else value


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_without_halves(item) for item in value]
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    return value


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _before_noise(text: bytes) -> Any:
    """The object at the start of a body, or behind a PHP notice, with nothing but noise behind it, or None.

    A cut answer has no complete object where its first one opens. A second object behind contradicts, or is
    part of something else, so that there is no telling which is the answer.
    """
    start = _first_object(text)
    if start is None:
        return {} if text.startswith(b"{}") and _is_noise(text[2:]) else None
    if start and not (_PHP_NOTICE.search(text, 0, start) and text[start - 1] in b"\n>"):
        return None
    shown = text[start:].decode("utf-8", "replace")
    try:
        value, end = _LOOSE.raw_decode(shown)
    except (ValueError, RecursionError):
        return None
    behind = _utf8(shown[end:])
    return _well_formed(value, text) if _is_noise(behind) else None


def _is_noise(text: bytes) -> bool:
    goes_on = text.lstrip(_BLANK).startswith(b",") and text.strip(_BLANK) != b","
    return not (goes_on or b'{"' in text or _OBJECT.search(text) or _PAGE.search(text))


def _openings(text: bytes) -> Iterator[int]:
    """Where behind PHP's noise the JSON may begin; few places, since each costs a reading of the rest."""
    opening = _first_object(text)
    if text.endswith(b"]"):
        yield from _arrays(text, _NOISE_WITHIN if opening is None else opening)
    elif opening and text.endswith(b"}") and not _is_inside(text, opening):
        yield opening


def _first_object(text: bytes) -> int | None:
    # Only the first: one behind it may be part of it, and what is left of a cut answer must not pass for
    # the whole (`{"error": […], "vm": {"status": true}` has lost but its last brace).
    for match in _OBJECT.finditer(text, 0, _NOISE_WITHIN):
        if text[match.end() - 1] == ord(":") or match.end() == len(text):
            return match.start()
    return None


def _arrays(text: bytes, end: int) -> Iterator[int]:
    # An array may end any sentence; an object that fills the rest of the body is an answer.
    notice = _PHP_NOTICE.search(text, 0, end)
    if notice is not None:
        starts = (match.start(1) for match in _ARRAY.finditer(text, notice.end(), _NOISE_WITHIN))
        outer = (start for start in takewhile(end.__gt__, starts) if not _is_inside(text, start))
        yield from islice(outer, _ARRAYS_TRIED)


def _is_inside(text: bytes, start: int) -> bool:
    """Whether what opens here is an item of a list or a value of an object, whose end is missing then."""
    return _INSIDE.search(text[max(0, start - 256) : start]) is not None


def is_blank(body: bytes) -> bool:
    """Whether there is nothing in the body but white space and byte order marks."""
    return not body.strip(_BLANK)


def is_page(markup: str) -> bool:
    """Whether markup is a whole page (maintenance, login) rather than a fragment to embed."""
    return bool(_PAGE.search(markup[:_PAGE_WITHIN].encode("utf-8", "replace")))

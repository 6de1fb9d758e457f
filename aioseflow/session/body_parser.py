"""Parses the body of an answer: JSON in some charset, perhaps inside PHP's noise, or an HTML page."""

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
# The quantifiers are possessive and bounded: each byte of any body is looked at a few times at most.
_OBJECT = re.compile(rb'\{\s{0,64}+"(?:[^"\\]|\\.){0,256}+"\s{0,64}+:|(?<=\n)\{\s{0,64}+\}', re.DOTALL)
# PHP ends its output with a line end, so an array begins a line.
_ARRAY = re.compile(
    rb'(?<=\n)[ \t]{0,64}+(\[)\s{0,64}+(?:[\[\]{"tfn]|-?[0-9][0-9.eE+-]{0,40}+\s{0,64}+[,\]])'
)
_INSIDE = re.compile(rb'(?:[\[,]|"\s*:)\s*\Z')
# Each file of a panel that was saved with a byte order mark prints one.
_BLANK = b"\xef\xbb\xbf \t\r\n\v\f\0"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
# Codecs of Python that no panel means; some of them give a text another meaning.
_NO_CHARSETS = frozenset(
    {"utf-8", "ascii", "utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_REPLACEMENT: Final = "\ufffd"
_PAGE_START_MAX_BYTES: Final = 4096  # a page shows in its first bytes
_NOISE_MAX_BYTES: Final = 256 * 1024  # in front of the JSON
_INSIDE_LOOKBACK_BYTES: Final = 256  # for the white space before a nested value
_MAX_ARRAYS_TRIED: Final = 4  # each is a parse of the rest
_INTEGER_MAX_DIGITS: Final = 18  # what fits 64 bits, as orjson reads integers


class Unparsed(Exception):
    """Raised for a body that is not JSON; ``is_page`` is True for a whole HTML page."""

    def __init__(self, *, is_page: bool) -> None:
        super().__init__(is_page)
        self.is_page = is_page


def parse(body: bytes, headers: Mapping[str, str] = {}) -> Any:
    """Return the JSON value in a body. Raises `Unparsed`.

    The charset of ``Content-Type`` is used. Without one, bytes that are not UTF-8 become U+FFFD in the texts
    that contain them. NaN and infinities become their words, half a surrogate pair becomes U+FFFD.

    PHP may print byte order marks and warnings around the JSON. JSON after such noise must be the whole rest
    of the body, or an object followed by nothing but noise: neither a script inside a page nor a piece of a
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
    """Return the declared charset by Python's name; None for UTF-8, for none, and for an unknown one."""
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
    """Return a body as text, in its declared charset or UTF-8; bytes that cannot be decoded become U+FFFD."""
    return body.decode(charset_of(headers) or "utf-8", "replace")


def _parse_odd(body: bytes, charset: str | None) -> Any:
    """Parse a body that is not plain JSON in UTF-8."""
    if charset is not None and not body.startswith(codecs.BOM_UTF8):
        body = _utf8(body.decode(charset, "replace"))
    text = body.strip(_BLANK)
    if _PAGE.search(text, 0, _PAGE_START_MAX_BYTES):
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
    """Parse JSON strictly, then leniently, so that an odd value costs a field and not the answer.

    Raises `ValueError`.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return _without_surrogates(_LENIENT_DECODER.decode(text.decode("utf-8", "replace")), text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _integer(digits: str) -> int | float | str:
    # As orjson does; int() refuses thousands of digits.
    if len(digits) <= _INTEGER_MAX_DIGITS:
        return int(digits)
    return _float(digits)


def _float(digits: str) -> float | str:
    number = float(digits)
    # Marked as unreadable, so that the beginning of a number is not taken for an id.
    return number if math.isfinite(number) else digits[:_INTEGER_MAX_DIGITS] + _REPLACEMENT


_LENIENT_DECODER: Final = json.JSONDecoder(
    strict=False, parse_constant=str, parse_int=_integer, parse_float=_float
)


def _without_surrogates(value: Any, text: bytes) -> Any:
    """Return a value without halves of surrogate pairs, which no file and no terminal accepts."""
    return _replace_surrogates(value) if _SURROGATE_ESCAPE.search(text) else value


def _replace_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    return value


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _before_noise(text: bytes) -> Any:
    """Return the object at the start of a body or after a PHP notice, if only noise follows it; else None.

    A cut answer has no complete object where its first one opens. With a second object after it, it cannot be
    decided which of them is the answer.
    """
    start = _first_object(text)
    if start is None:
        return {} if text.startswith(b"{}") and _is_noise(text[2:]) else None
    if start and not (_PHP_NOTICE.search(text, 0, start) and text[start - 1] in b"\n>"):
        return None
    rest = text[start:].decode("utf-8", "replace")
    try:
        value, end = _LENIENT_DECODER.raw_decode(rest)
    except (ValueError, RecursionError):
        return None
    following = _utf8(rest[end:])
    return _without_surrogates(value, text) if _is_noise(following) else None


def _is_noise(text: bytes) -> bool:
    continues = text.lstrip(_BLANK).startswith(b",") and text.strip(_BLANK) != b","
    return not (continues or b'{"' in text or _OBJECT.search(text) or _PAGE.search(text))


def _openings(text: bytes) -> Iterator[int]:
    """Yield where JSON may begin after PHP's noise: few places, because each costs a parse of the rest."""
    opening = _first_object(text)
    if text.endswith(b"]"):
        yield from _arrays(text, _NOISE_MAX_BYTES if opening is None else opening)
    elif opening and text.endswith(b"}") and not _is_inside(text, opening):
        yield opening


def _first_object(text: bytes) -> int | None:
    # Only the first: a later one may be part of it, and the rest of a cut answer must not pass for the whole
    # (`{"error": […], "vm": {"status": true}` has lost its last brace).
    for match in _OBJECT.finditer(text, 0, _NOISE_MAX_BYTES):
        if text[match.end() - 1] == ord(":") or match.end() == len(text):
            return match.start()
    return None


def _arrays(text: bytes, end: int) -> Iterator[int]:
    # Brackets may end any sentence, so an array counts only after a notice of PHP.
    notice = _PHP_NOTICE.search(text, 0, end)
    if notice is not None:
        starts = (match.start(1) for match in _ARRAY.finditer(text, notice.end(), _NOISE_MAX_BYTES))
        outer = (start for start in takewhile(end.__gt__, starts) if not _is_inside(text, start))
        yield from islice(outer, _MAX_ARRAYS_TRIED)


def _is_inside(text: bytes, start: int) -> bool:
    """Return True if the value that opens here is an item of a list or object, whose end is then missing."""
    return _INSIDE.search(text[max(0, start - _INSIDE_LOOKBACK_BYTES) : start]) is not None


def is_blank(body: bytes) -> bool:
    """Return True if a body contains only white space and byte order marks."""
    return not body.strip(_BLANK)


def is_page(markup: str) -> bool:
    """Return True if markup is a whole page (maintenance, login) and not a fragment to embed."""
    return bool(_PAGE.search(markup[:_PAGE_START_MAX_BYTES].encode("utf-8", "replace")))

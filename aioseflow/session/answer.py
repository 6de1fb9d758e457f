"""What bytes mean: JSON behind PHP's noise, an HTML page, or neither. No judgement here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Any

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
_PAGE_WITHIN = 4096
_NOISE_WITHIN = 256 * 1024
_ARRAYS_TRIED = 4


class Unparsed(Exception):
    """The body is not JSON; ``is_page`` says whether it is a whole HTML page."""

    def __init__(self, *, is_page: bool) -> None:
        super().__init__(is_page)
        self.is_page = is_page


def parse(body: bytes) -> Any:
    """The JSON value in a body. Raises `Unparsed`.

    PHP may print byte order marks and warnings before the JSON; what follows them must be the whole rest
    of the body, so that neither a script inside a page nor a piece of a cut answer is taken for an answer.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    text = body.strip(_BLANK)
    if len(text) != len(body):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    if _PAGE.search(text, 0, _PAGE_WITHIN):
        raise Unparsed(is_page=True)
    for start in _openings(text):
        try:
            return orjson.loads(text[start:])
        except orjson.JSONDecodeError:
            continue
    raise Unparsed(is_page=False)


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

"""What bytes mean: JSON behind PHP's noise, an HTML page, or neither. No judgement here."""

from __future__ import annotations

import re
from typing import Any

import orjson

_PAGE = re.compile(rb"<!doctype\s|<html[\s>]", re.IGNORECASE)
_PHP_NOTICE = re.compile(
    rb"(?:php\s+)?(?:<b>)?(?:warning|notice|deprecated|strict standards)(?:</b>)?\s*:", re.IGNORECASE
)
_OPENING = re.compile(rb"[{\[]")
_BOM = b"\xef\xbb\xbf"
_PAGE_WITHIN = 4096
_OPENINGS_TRIED = 64


class Unparsed(Exception):
    """The body is not JSON; ``is_page`` says whether it is a whole HTML page."""

    def __init__(self, *, is_page: bool) -> None:
        super().__init__(is_page)
        self.is_page = is_page


def parse(body: bytes) -> Any:
    """The JSON value in a body. Raises `Unparsed`.

    PHP may print a byte order mark and warnings before the JSON; what follows them must be the whole rest
    of the body, so that a script inside a page is never taken for an answer.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    text = body.strip().removeprefix(_BOM).strip()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    if _PAGE.search(text, 0, _PAGE_WITHIN):
        raise Unparsed(is_page=True)
    for tried, opening in enumerate(_OPENING.finditer(text)):
        if tried == _OPENINGS_TRIED:
            break
        start = opening.start()
        if text[start] == ord("[") and not _PHP_NOTICE.search(text, 0, start):
            # An array may end any sentence; an object that fills the rest of the body is an answer.
            continue
        try:
            return orjson.loads(text[start:])
        except orjson.JSONDecodeError:
            continue
    raise Unparsed(is_page=False)


def is_blank(body: bytes) -> bool:
    """Whether there is nothing in the body but white space and a byte order mark."""
    return not body.strip().removeprefix(_BOM).strip()


def is_page(markup: str) -> bool:
    """Whether markup is a whole page (maintenance, login) rather than a fragment to embed."""
    return bool(_PAGE.search(markup[:_PAGE_WITHIN].encode("utf-8", "replace")))

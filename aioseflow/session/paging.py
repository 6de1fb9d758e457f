"""Does a list say that it is one page of several? Then an object that is missing from it is not gone.

No HostBill panel was seen to page its lists; a proxy or a newer version may. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from ..decoding.php import is_nothing, says
from .panel_reply import as_number, normalized

_PARTIAL_CONTENT: Final = 206
_HOLDERS: Final = frozenset(
    {"meta", "pagination", "pager", "paging", "page", "pages", "pageinfo", "links", "sorter", "cursor"}
)
_PAGES: Final = frozenset({"lastpage", "totalpages", "pages", "pagecount", "numpages", "pagestotal", "last"})
_CURRENT: Final = frozenset({"page", "currentpage", "current", "pagenumber", "number"})
_NEXT: Final = frozenset(
    {
        *("next", "nextpage", "nextpageurl", "nextlink", "nextcursor", "nexttoken", "nexturl"),
        *("hasmore", "hasnext", "hasnextpage", "more", "truncated", "partial", "incomplete"),
    }
)
_TOTALS: Final = frozenset(
    {
        *("total", "totalcount", "totalitems", "totalrecords", "totalresults", "recordstotal", "count"),
        *("sorterrecords", "itemstotal", "numresults", "records"),
    }
)
_DEPTH_MAX_LEVELS: Final = 3  # of holders inside holders, such as links inside meta
_MAX_KEYS_READ: Final = 64  # a hostile answer may have millions


def pages_of(payload: Mapping[str, Any], rows: Any, status: int, headers: Mapping[str, str]) -> str | None:
    """Return what an answer says about being incomplete (``"page 1 of 3"``), or None for a whole list.

    Args:
        payload: the whole answer.
        rows: the value under the list's key.
        status: the HTTP status; 206 is a part.
        headers: a ``Link`` with ``rel=next`` shows a page.
    """
    if status == _PARTIAL_CONTENT:
        return "a part of the list (HTTP 206)"
    link = headers.get("link", "").replace('"', "").replace(" ", "").lower()
    if "rel=next" in link:
        return "one page of several"
    length = len(rows) if isinstance(rows, list | dict) else 0
    facts = list(_facts(payload, _DEPTH_MAX_LEVELS))
    numbers = (_whole(value) for key, value in facts if key in _CURRENT)
    current = next((number for number in numbers if number), None)
    for key, value in facts:
        pages = _whole(value)
        if key in _PAGES and pages is not None and pages > 1:
            return f"page {current} of {pages}" if current is not None else f"one page of {pages}"
    for key, value in facts:
        total = _whole(value)
        if key in _TOTALS and total is not None and total > length:
            return f"{length} of {total} entries"
        if key == "pages.total" and total is not None and total > 1 and total != length:
            return f"page {current} of {total}" if current is not None else f"one page of {total}"
    if any(key in _NEXT and _leads_on(value) for key, value in facts):
        return "one page of several"
    return None


def _facts(value: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values that may be about pages, from the answer and the holders inside it."""
    for name, item in islice(value.items(), _MAX_KEYS_READ):
        key = normalized(name)
        if isinstance(item, dict):
            if key in _NEXT:
                yield key, item
            elif key in _HOLDERS and depth:
                for inner, fact in _facts(item, depth - 1):
                    in_pages = key in ("page", "pages") and inner == "total"
                    yield "pages.total" if in_pages else inner, fact
        else:
            yield key, item


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and not value.strip().isdecimal():
        return None  # "12.00" is money
    found = as_number(value)
    return int(found) if found is not None and found == int(found) else None


def _leads_on(value: Any) -> bool:
    return not is_nothing(value) and says(value) is not False

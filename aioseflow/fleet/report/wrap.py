"""Lines that fit a page."""

from __future__ import annotations

import unicodedata
from itertools import accumulate, takewhile
from typing import Final

WIDTH: Final = 100


def cells(text: str) -> int:
    """How many columns a text takes at most."""
    if text.isascii():
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def wrapped(text: str, *, first: str = "", indent: str = "    ", width: int = WIDTH) -> list[str]:
    """The text in lines of at most ``width`` columns, broken at spaces, else anywhere."""
    lines: list[str] = []
    line, room, begun = first, width - len(first), False
    for word in text.split(" "):
        rest = word
        if begun and cells(word) + 1 <= room:
            line, room = f"{line} {word}", room - cells(word) - 1
            continue
        if begun:
            lines.append(line)
            line, room = indent, width - len(indent)
        while cells(rest) > room:
            at = _fitting(rest, room)
            # A folded list of names has commas and no spaces: no name is cut in two.
            at = rest.rfind(",", 0, at) + 1 or at
            lines.append(line + rest[:at])
            rest, line, room = rest[at:], indent, width - len(indent)
        line, room, begun = line + rest, room - cells(rest), True
    return [*lines, line]


def _fitting(text: str, room: int) -> int:
    """How many of its characters fit, at least one."""
    taken = accumulate(map(cells, text))
    return max(1, sum(1 for _ in takewhile(lambda columns: columns <= room, taken)))

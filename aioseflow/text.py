"""Text for people: width in cells, folding, cutting, escaping, durations, quantities, lists, natural order.

A cell is one column of a terminal or of a fixed-width font; a wide character takes two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Final

_DIGITS: Final = re.compile(r"([0-9]+)")
_OTHER_SPACE: Final = re.compile(r"[^\S ]+")
_WITHOUT_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})


def cells(text: str) -> int:
    """Return how many cells a text takes."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def escape(text: str, most: int = 200) -> str:
    """Return foreign text on one line: cut at ``most`` characters, with ``\\x1b`` for an escape character.

    Characters that are not printable are written as Python writes them, so that no text of the panel moves a
    cursor or reverses the line; line ends and tabs become a blank, and none ends the text.
    """
    # Cut first: a text of the panel may have megabytes.
    line = _OTHER_SPACE.sub(" ", text[: 4 * most]).rstrip()
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in line[: most + 1]
    )
    return escaped if len(escaped) <= most and len(line) <= most else escaped[: most - 1] + "…"


def cut(text: str, width: int) -> str:
    """Return at most ``width`` cells of a text; an ellipsis stands for what is left out."""
    if cells(text) <= width:
        return text
    return text[: _fitting(text, width - 1)] + "…" if width > 0 else ""


def wrap(text: str, width: int, indent: int = 0, first: str | None = None) -> list[str]:
    """Return a text in lines of at most ``width`` cells, broken at blanks, else behind commas, else anywhere.

    Lines are indented by ``indent`` blanks; ``first``, if given, begins the first line instead. A blank text
    has no lines.
    """
    if not text.strip():
        return []
    blank = " " * indent
    lines: list[str] = []
    line = blank if first is None else first
    room, begun = width - cells(line), False
    for word in text.rstrip().split(" "):
        rest = word
        if begun and cells(word) + 1 <= room:
            line, room = f"{line} {word}", room - cells(word) - 1
            continue
        if begun:
            lines.append(line.rstrip())
            line, room = blank, width - indent
        while cells(rest) > room:
            at = max(1, _fitting(rest, room))
            # A folded list of names has commas and no blanks: no name is cut in two.
            at = rest.rfind(",", 0, at) + 1 or at
            lines.append(line + rest[:at])
            rest, line, room = rest[at:], blank, width - indent
        line, room, begun = line + rest, room - cells(rest), True
    return [*lines, line]


def _fitting(text: str, room: int) -> int:
    """Return how many characters of a text fit into ``room`` cells."""
    return sum(1 for _ in takewhile(lambda taken: taken <= room, accumulate(map(_cells_of, text))))


def duration(seconds: float) -> str:
    """Return seconds as people write them: ``0.4 s``, ``42 s``, ``4 min 09 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def quantity(number: int, noun: str) -> str:
    """Return a number and a regular noun: ``1 VM``, ``1,000 VMs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """Return names with commas between them; an ellipsis stands for those beyond ``most``."""
    return ", ".join([*names[:most], "…"] if len(names) > most else names)


def natural_key(text: str) -> tuple[object, ...]:
    """Return a key that sorts ``web2`` before ``web10``, ``1`` before ``01``, and ignores case at first."""
    parts = _DIGITS.split(text.casefold())
    numbers = ((len(part.lstrip("0")), part.lstrip("0"), len(part)) for part in parts[1::2])
    return *(key for pair in zip(parts[::2], [*numbers, ()], strict=True) for key in pair), text

"""Folding of many names into few words: ``web[01-14,17]``, as ClusterShell and Slurm write them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Final, TypeAlias

import attrs

from ...errors import InvalidArgument
from ...text import natural_key

# Longer numbers are serial numbers, which do not form ranges; and int() refuses thousands of digits.
_NUMBER: Final = re.compile(r"(?<![0-9])([0-9]{1,18})(?![0-9])")
_MISREADABLE: Final = re.compile(r"""[\[\],"\\]|^[ …]| $|  |^$""")
_POSITIONS_TRIED_MAX: Final = 3
"""Numbers of a name that are tried for a range, from its end."""

_Parts: TypeAlias = tuple[str, ...]
"""A name cut at its numbers: text, number, text, number, text."""


@attrs.frozen
class _Item:
    """A name (``head``), or several: ``head``, the ``ranges`` in brackets, ``tail``."""

    order: tuple[object, ...]
    head: str
    tail: str = ""
    ranges: tuple[tuple[str, int], ...] = ()

    def written(self, most: int) -> tuple[str, int]:
        """Return the item with at most ``most`` ranges, and the number of names in them."""
        if not self.ranges:
            return self.head, 1
        kept = self.ranges[:most]
        number = sum(size for _, size in kept)
        shown = ",".join(text for text, _ in kept)
        if len(kept) == 1 and number == 1:
            return f"{self.head}{shown}{self.tail}", 1
        return f"{self.head}[{shown}]{self.tail}", number


def fold(names: Iterable[str], *, most: int | None = None) -> str:
    """Return the distinct names in natural order, with names that differ in one number written as one.

    ``web01`` … ``web14`` and ``web17`` become ``web[01-14,17]``; items are separated by ``", "``. In brackets
    a number has at least as many digits as the first of its range, so ``web1`` and ``web01`` stay apart. Of
    several numbers in a name the one that joins most names is folded, and of equal ones the last. Names that
    could be misread (empty, with brackets, commas, quotes, backslashes, spaces at an end or in a row,
    unprintable characters) are not folded but written as JSON strings, with unprintable characters escaped.
    So the names can be read back exactly, and no name controls a terminal.

    Args:
        most: number of names and ranges to write; ``… and 12 more`` then counts the names that are left.

    Raises:
        InvalidArgument: ``most`` is less than 1.
    """
    if most is not None and most < 1:
        raise InvalidArgument(f"most={most!r:.40}: give at least 1, or leave it out for all names")
    distinct = set(names)
    items = sorted(_items(distinct), key=lambda item: item.order)
    written: list[str] = []
    left = len(distinct) if most is None else most
    named = 0
    for item in items:
        if left <= 0:
            break
        text, number = item.written(left)
        written.append(text)
        named += number
        left -= min(left, len(item.ranges) or 1)
    if named < len(distinct):
        written.append(f"… and {len(distinct) - named:,} more")
    return ", ".join(written)


def _items(names: set[str]) -> Iterable[_Item]:
    shapes: defaultdict[_Parts, list[_Parts]] = defaultdict(list)
    for name in names:
        if _MISREADABLE.search(name) or not name.isprintable():
            yield _Item(natural_key(name), _quoted(name))
            continue
        parts = tuple(_NUMBER.split(name))
        shapes[parts[::2]].append(parts)
    for shape, alike in shapes.items():
        yield from _folded(alike, numbers=len(shape) - 1)


def _folded(names: list[_Parts], numbers: int) -> Iterable[_Item]:
    """Yield the items of names that have the same text around their numbers."""
    left = names
    places = [2 * number + 1 for number in range(numbers)[::-1][:_POSITIONS_TRIED_MAX]]
    if len(names) > 1 and len(places) > 1:
        places.sort(key=lambda place: len({_without(parts, place) for parts in names}))
    for place in places:
        if len(left) < 2:
            break
        families: defaultdict[_Parts, list[_Parts]] = defaultdict(list)
        for parts in left:
            families[_without(parts, place)].append(parts)
        left = []
        for family in families.values():
            for kin in _same_padding(family, place):
                if len(kin) == 1:
                    left += kin
                else:
                    yield _joined(kin, place)
    for parts in left:
        name = "".join(parts)
        yield _Item(natural_key(name), name)


def _without(parts: _Parts, place: int) -> _Parts:
    return parts[:place] + parts[place + 1 :]


def _same_padding(family: list[_Parts], place: int) -> Iterable[list[_Parts]]:
    """Return the names that can share brackets: ``100`` follows ``099`` and ``99``; ``1`` is not ``01``."""
    if len(family) == 1:
        return [family]
    padded = {len(parts[place]) for parts in family if _is_padded(parts[place])}
    classes: defaultdict[int, list[_Parts]] = defaultdict(list)
    for parts in family:
        digits = parts[place]
        if _is_padded(digits):
            classes[len(digits)].append(parts)
        else:
            classes[max((width for width in padded if width <= len(digits)), default=1)].append(parts)
    return classes.values()


def _is_padded(digits: str) -> bool:
    return len(digits) > 1 and digits[0] == "0"


def _joined(names: list[_Parts], place: int) -> _Item:
    names.sort(key=lambda parts: int(parts[place]))
    ranges: list[tuple[str, int]] = []
    first = last = names[0][place]
    size = 1
    for parts in islice(names, 1, None):
        digits = parts[place]
        if int(digits) == int(last) + 1:
            size += 1
        else:
            ranges.append((f"{first}-{last}" if size > 1 else first, size))
            first, size = digits, 1
        last = digits
    ranges.append((f"{first}-{last}" if size > 1 else first, size))
    parts = names[0]
    head, tail = "".join(parts[:place]), "".join(parts[place + 1 :])
    return _Item(natural_key("".join(parts)), head, tail, tuple(ranges))


def _quoted(name: str) -> str:
    text = name.replace("\\", "\\\\").replace('"', '\\"')
    escaped = (character if character.isprintable() else json.dumps(character)[1:-1] for character in text)
    return f'"{"".join(escaped)}"'

"""Names for Ansible: unique, and the same for the same fleet."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Final, TypeVar

Key = TypeVar("Key", bound=tuple[str, ...])

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NOT_IN_GROUP: Final = re.compile(r"[^A-Za-z0-9_]+")
_NOT_IN_HOST: Final = re.compile(r"[^A-Za-z0-9._-]+")
_PART_MAX: Final = 100
# Names with a meaning in Ansible: work delegated to localhost must not reach a VM of that name.
_RESERVED: Final = frozenset({"all", "ungrouped", "localhost", "_meta"})


def is_host_name(label: str) -> bool:
    """Whether a label can be the name of a host as it is, also in patterns and on the command line."""
    return (
        _HOST.fullmatch(label) is not None
        and label.lower() not in _RESERVED
        # "10.0.0.7", "10.7" and "1" are addresses to a resolver, and perhaps not this VM's.
        and not _is_address(label)
    )


def _is_address(text: str) -> bool:
    try:
        socket.inet_aton(text)
    except OSError:
        return False
    return True


def group_part(text: str) -> str:
    """Return a text as part of a group's name: letters, digits and underscores."""
    return _NOT_IN_GROUP.sub("_", text.lower())[:_PART_MAX].strip("_") or "unnamed"


def host_part(text: str) -> str:
    """Return a text as part of a host's name."""
    return _NOT_IN_HOST.sub("_", text)[:_PART_MAX].strip("._-") or "unnamed"


def distinct(
    candidates: Mapping[Key, Sequence[str]], joint: str, taken: Collection[str] = ()
) -> dict[Key, str]:
    """Return a unique name for each key, and none of those ``taken``.

    ``candidates`` are the names of a key, each more exact than the one before: keys that share a name take
    their next. Names that are shared at the end are numbered in the order of the keys.
    """
    level = dict.fromkeys(candidates, 0)
    while True:
        names = {key: candidates[key][at] for key, at in level.items()}
        uses = Counter(names.values()) + Counter(taken)
        clashing = [key for key, name in names.items() if uses[name] > 1]
        movable = [key for key in clashing if level[key] + 1 < len(candidates[key])]
        if not movable:
            break
        for key in movable:
            level[key] += 1
    used = {*taken, *names.values()}
    first: set[str] = set(taken)
    for key in sorted(clashing):
        if names[key] in first:
            numbered = (f"{names[key]}{joint}{number}" for number in count(2))
            names[key] = next(name for name in numbered if name not in used)
        first.add(names[key])
        used.add(names[key])
    return names

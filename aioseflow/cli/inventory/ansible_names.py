"""Names that Ansible takes: each of one thing only, and the same for the same fleet."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeVar

Key = TypeVar("Key", bound=tuple[str, ...])

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NOT_IN_GROUP: Final = re.compile(r"[^A-Za-z0-9_]+")
_NOT_IN_HOST: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 100
# What Ansible itself means by them: work delegated to localhost must not land on a VM that is called so.
_TAKEN: Final = frozenset({"all", "ungrouped", "localhost", "_meta"})


def is_host_name(label: str) -> bool:
    """Whether a label can be a host's name as it is, in patterns and on the command line too."""
    return (
        _HOST.fullmatch(label) is not None
        and label.lower() not in _TAKEN
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
    """A text as part of a group's name: letters, digits and underscores."""
    return _NOT_IN_GROUP.sub("_", text.lower())[:_LONGEST].strip("_") or "unnamed"


def host_part(text: str) -> str:
    """A text as part of a host's name."""
    return _NOT_IN_HOST.sub("_", text)[:_LONGEST].strip("._-") or "unnamed"


def distinct(
    candidates: Mapping[Key, Sequence[str]], joint: str, taken: Collection[str] = ()
) -> dict[Key, str]:
    """A name for each key, no two the same and none of those ``taken``.

    ``candidates`` are a key's names, the finest first, each more exact than the one before; all keys that
    would share one take their next. Where even the last are shared, they are numbered in the order of the
    keys.
    """
    level = dict.fromkeys(candidates, 0)
    while True:
        names = {key: candidates[key][at] for key, at in level.items()}
        count = Counter(names.values()) + Counter(taken)
        clashing = [key for key, name in names.items() if count[name] > 1]
        movable = [key for key in clashing if level[key] + 1 < len(candidates[key])]
        if not movable:
            break
        for key in movable:
            level[key] += 1
    used = {*taken, *names.values()}
    first: set[str] = set(taken)
    for key in sorted(clashing):
        name, number = names[key], 1
        if name in first:
            while f"{name}{joint}{(number := number + 1)}" in used:
                pass
            names[key] = f"{name}{joint}{number}"
        first.add(names[key])
        used.add(names[key])
    return names

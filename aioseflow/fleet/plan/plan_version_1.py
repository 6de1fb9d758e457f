"""Plan files of version 1, which had texts where version 2 has fields.

Version 1 had no `lost` and no `without_vms`: a line of ``undiscovered`` was all that it kept of a service or
account that could not be listed. ``memory`` and ``cpus`` of a VM were only in the text ``observed``. No text
that can be read in two ways is guessed: such a plan is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_NOT_DIGESTED: Final = frozenset({"created_at", "confirmed", "calls", "seconds", "basis"})
_NUMBER: Final = r"0|-?[1-9][0-9]{0,99}"
_SIZES: Final = re.compile(
    rf"(?:memory unknown|(?P<memory>{_NUMBER}) MB), (?:cores unknown|(?P<cpus>{_NUMBER}) cores)"
)
_CAUSE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def digested_by_version_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a document that its digest was made of."""
    return {name: value for name, value in document.items() if name not in _NOT_DIGESTED}


def from_version_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of version 2 that means the same.

    Raises:
        ValueError: a text has no reading, or more than one. Values of wrong types are left as they are.
    """
    match document:
        case {"accounts": list(accounts), "undiscovered": list(lines), "vms": list(vms)}:
            return dict(document) | {
                "vms": [_vm_of(vm) for vm in vms],
                "lost": [_loss_of(line, accounts) for line in lines],
                "without_vms": [],
            }
    raise ValueError("it has no list of accounts, vms or undiscovered")


def _vm_of(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    observed, locked = entry.get("observed"), entry.get("locked")
    # The text begins with two facts that have fields, too.
    lock = "lock unknown" if locked is None else "locked" if locked else "not locked"
    beginning = f"{entry.get('power')}, {lock}, "
    sizes = None
    if isinstance(observed, str) and observed.startswith(beginning):
        sizes = _SIZES.fullmatch(observed, len(beginning))
    if sizes is None:
        place = f"VM {entry.get('vm_id')!r:.40} of service {entry.get('service_id')!r:.40}"
        raise ValueError(f"what was observed of {place} cannot be read: {observed!r:.100}")
    memory, cpus = (None if size is None else int(size) for size in sizes.group("memory", "cpus"))
    return entry | {"memory": memory, "cpus": cpus}


def _loss_of(line: Any, accounts: list[Any]) -> dict[str, Any]:
    """Return the entry of a line such as ``"service 9 (main): timeout"`` or ``"account main: timeout"``."""
    readings = [*_readings(line, accounts)] if isinstance(line, str) else []
    if len(readings) != 1:
        number = "in more than one way" if readings else "in no way"
        raise ValueError(f"the line {line!r:.100} of what could not be listed can be read {number}")
    return readings[0]


def _readings(line: str, accounts: list[Any]) -> Iterator[dict[str, Any]]:
    place, _, cause = line.rpartition(": ")
    if _CAUSE.fullmatch(cause) is None:
        return
    entry = {"service_id": None, "service_name": None, "cause": cause, "message": ""}
    for account in accounts:
        # An account's name and a service's id may hold any character.
        if place == f"account {account}":
            yield entry | {"account": account}
        end = f" ({account})"
        if place.startswith("service ") and place.endswith(end) and len(place) > len("service ") + len(end):
            yield entry | {"account": account, "service_id": place[len("service ") : -len(end)]}

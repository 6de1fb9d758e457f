"""Which calls an installation has, by its own word: ``GET /service/@id/methods`` names those of a service."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Final

import attrs

from ...endpoints import CALLS
from ...models import ServiceMethod

_PLACEHOLDER: Final = re.compile(r"\{[^}]*\}|@[^/]*")
_OF_A_SERVICE: Final = "/service/@/"
_OF_VMS: Final = "/vms"


class CallState(enum.StrEnum):
    """Whether an installation has a call; ``not_known`` where it does not say."""

    THERE = "there"
    MISSING = "missing"
    NOT_KNOWN = "not_known"


@attrs.frozen
class OfferedCall:
    """One (method, path) of the API.

    Attributes:
        request: ``POST /service/@id/vms/@vmid/stop``, with each id as ``@``.
        calls: the coroutines that make it.
        state: whether it is there.
    """

    request: str
    calls: tuple[str, ...]
    state: CallState


def has_vms(listed: Iterable[ServiceMethod]) -> bool:
    """Whether it can have VMs."""
    return any(_OF_VMS in (method.route or "") for method in listed)


def offered(listed: Iterable[ServiceMethod] | None, answered: Iterable[str]) -> list[OfferedCall]:
    """Each (method, path) of the API, in the document's order.

    ``listed`` is what one service said, None where none did; ``answered`` are calls that gave an answer.
    A service that lists no VM functions says nothing of those of others.
    """
    seen = set(answered)
    said = None if listed is None else list(listed)
    routes = {_request(method.method or "", method.route or "") for method in said or ()}
    with_vms = has_vms(said or ())
    pairs: dict[str, list[str]] = {}
    for call in CALLS:
        pairs.setdefault(_request(call.method, call.path_template), []).append(call.name)
    found = []
    for request, names in pairs.items():
        state = CallState.NOT_KNOWN
        if request in routes or not seen.isdisjoint(names):
            state = CallState.THERE
        elif said is not None and _is_missing(request, with_vms=with_vms):
            state = CallState.MISSING
        found.append(OfferedCall(request, tuple(names), state))
    return found


def _is_missing(request: str, *, with_vms: bool) -> bool:
    """Whether a service's list would have this one if the installation had it."""
    # The list is of what can be done with a service: reading the service itself is none of it.
    return _OF_A_SERVICE in request and (with_vms or _OF_VMS not in request)


def _request(method: str, path: str) -> str:
    return f"{method.upper()} {_PLACEHOLDER.sub('@', path.rstrip('/'))}"

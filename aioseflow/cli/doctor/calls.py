"""The calls that an installation has: ``GET /service/@id/methods`` lists those of a service."""

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
    """A (method, path) of the API.

    Attributes:
        request: ``POST /service/@id/vms/@vmid/stop``, with each id as ``@``.
        calls: the coroutines that make it.
        state: whether the installation has it.
    """

    request: str
    calls: tuple[str, ...]
    state: CallState


def has_vms(listed: Iterable[ServiceMethod]) -> bool:
    """Whether a service with these functions can have VMs."""
    return any(_OF_VMS in (method.route or "") for method in listed)


def offered(listed: list[ServiceMethod] | None, answered: Iterable[str]) -> list[OfferedCall]:
    """Return each (method, path) of the API, in the order of the provider's document.

    ``listed`` are the functions of one service, None where none lists them; ``answered`` are calls that gave
    an answer. A service without VM functions says nothing about those of others.
    """
    seen = set(answered)
    routes = {_request(method.method or "", method.route or "") for method in listed or ()}
    with_vms = has_vms(listed or ())
    pairs: dict[str, list[str]] = {}
    for call in CALLS:
        pairs.setdefault(_request(call.method, call.path_template), []).append(call.name)

    def state_of(request: str, names: Iterable[str]) -> CallState:
        if request in routes or not seen.isdisjoint(names):
            return CallState.THERE
        # A service lists its functions; reading the service itself is none of them.
        would_be_listed = _OF_A_SERVICE in request and (with_vms or _OF_VMS not in request)
        return CallState.MISSING if listed is not None and would_be_listed else CallState.NOT_KNOWN

    return [OfferedCall(request, tuple(names), state_of(request, names)) for request, names in pairs.items()]


def _request(method: str, path: str) -> str:
    return f"{method.upper()} {_PLACEHOLDER.sub('@', path.rstrip('/'))}"

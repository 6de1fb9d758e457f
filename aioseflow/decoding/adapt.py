"""What is read from a whole object and not from one key: a VM's power, and what a model does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..models import Accepted, Availability, PowerState, Vm
from ..models.vms import POWER_WORDS
from ..secret import conceal, is_secret_key
from . import php
from .generate import Adapter, Object
from .php import MISSING, Mismatch, is_nothing

_POWER_KEYS: Final = ("state", "status", "power")


def as_object(value: Any) -> Object:
    """What is no dict: ``[]`` is PHP's empty object."""
    if value == []:
        return {}
    raise Mismatch("an object", value)


def respelt(value: Object, respellable: tuple[tuple[str, ...], ...]) -> Object:
    """The object with what it has under another spelling of a key, where there is nothing under the first."""
    for first, *others in respellable:
        if not is_nothing(value.get(first)):
            continue
        for spelling in others:
            if not is_nothing(value.get(spelling)):
                value = {**value, first: value[spelling]}
                del value[spelling]
                break
    return value


def beside(value: Object, known: frozenset[str], kept: Object | None) -> Object:
    """`Model.extra`: what stands under keys that are not known, and what is kept besides; no secret shows."""
    extra = {key: item for key, item in value.items() if key not in known}
    if kept is not None:
        extra |= kept
    for key, item in extra.items():
        # Most are plain, and conceal() copies.
        if is_secret_key(key) or isinstance(item, dict | list):
            extra[key] = concealed(item, key)
    return extra


def concealed(item: Any, *path: str) -> Any:
    """A copy of parsed JSON without its secrets; nested too deep is a `Mismatch` at the path."""
    try:
        return conceal(item, secret=any(map(is_secret_key, path)))
    except ValueError:
        pass
    raise Mismatch("at most 64 levels, one in another", item, *path)


def hidden(item: Any) -> Any:
    """What stands under a secret's key, as a secret."""
    try:
        return conceal(item, secret=True)
    except ValueError:
        return item  # refused where it is kept, with the way there


def _of_accepted(keys: frozenset[str]) -> Adapter:
    # The panel has acted: nothing that it says about it may turn that into an error.
    def adapt(value: Object) -> tuple[Any, ...]:
        status, info = value.get("status"), value.get("info")
        if status.__class__ is bool and info is None:
            return keys, None, 1, status, ()
        found: dict[str, Any] = {"status": None, "info": ()}
        known = keys
        for key, read in (("status", php.flag), ("info", php.texts)):
            try:
                found[key] = read(value.get(key))
            except Mismatch:
                known -= {key}
        return known, None, 0, found["status"], found["info"]

    return adapt


def _of_availability(keys: frozenset[str]) -> Adapter:
    def adapt(value: Object) -> tuple[Any, ...]:
        if value and "status" not in value:
            raise Mismatch("the word for a free name", MISSING, "status")
        return keys, None, 0

    return adapt


def _of_vm(keys: frozenset[str]) -> Adapter:
    # Of the keys that may say the power, one is read; the others are kept, for they may contradict it.
    silent = keys - {"power"}
    speaking = [(key, silent | {key}) for key in _POWER_KEYS]

    def adapt(value: Object) -> tuple[Any, ...]:
        ip = value.get("ip")
        # Objects say more than an address.
        is_more = ip.__class__ is dict or (ip.__class__ is list and dict in map(type, ip))
        kept = {"ip": ip} if is_more else None
        for key, known in speaking:
            said = value.get(key)
            if said.__class__ is str:
                if said:
                    return known, kept, 1, POWER_WORDS.get(said) or PowerState.read(said), said
            elif not (said is None or said.__class__ is dict or said.__class__ is list):
                return known, kept, 1, PowerState.read(said), php.word(said)
        return silent, kept, 0, PowerState.UNKNOWN, None

    return adapt


# The class's adapter, made for its keys, and the fields that it gives.
ADAPTERS: Final[dict[type, tuple[Callable[[frozenset[str]], Adapter], tuple[str, ...]]]] = {
    Accepted: (_of_accepted, ("status", "info")),
    Availability: (_of_availability, ()),
    Vm: (_of_vm, ("power", "power_word")),
}

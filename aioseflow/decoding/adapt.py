"""What is read from a whole object and not from one key: a VM's power, and what a model does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from ..models import Availability, PowerState, Vm
from ..models.vms import POWER_WORDS
from ..secret import conceal, is_secret_key
from . import php
from .generate import Adapter, Object
from .php import MISSING, Mismatch, is_nothing

_POWER_KEYS: Final = ("state", "status", "power")
_FAMILIES: Final = ("ipv4", "ipv6")
# As many as `conceal` follows.
_LEVELS: Final = 64


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
            extra[key] = concealed(item, secret=is_secret_key(key))
    return extra


def concealed(item: Any, *, secret: bool = False) -> Any:
    """A copy of parsed JSON without its secrets; what is nested too deep is "…"."""
    try:
        return conceal(item, secret=secret)
    except ValueError:
        return conceal(_cut(item, _LEVELS), secret=secret)


def _cut(item: Any, levels: int) -> Any:
    if not isinstance(item, dict | list):
        return item
    if not levels:
        return "…"
    if isinstance(item, list):
        return [_cut(one, levels - 1) for one in item]
    return {key: _cut(one, levels - 1) for key, one in item.items()}


def _of_availability(keys: frozenset[str]) -> Adapter:
    def adapt(value: Object) -> tuple[Any, ...]:
        if value and "status" not in value:
            raise Mismatch("the word for a free name", MISSING, "status")
        return keys, None, 0

    return adapt


def _of_vm(keys: frozenset[str]) -> Adapter:
    # Of the keys that may say the power, one is read; the others are kept, for they may contradict it.
    silent = keys - {"power", "power_word"}
    speaking = [(key, silent | {key}) for key in _POWER_KEYS]

    def adapt(value: Object) -> tuple[Any, ...]:
        ip = value.get("ip")
        # Objects say more than an address.
        is_more = (ip.__class__ is dict and ip) or (ip.__class__ is list and dict in map(type, ip))
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
    Availability: (_of_availability, ()),
    Vm: (_of_vm, ("power", "power_word")),
}


@attrs.frozen(eq=False)
class Rare:
    """Keys that few installations have, looked for only in objects with keys that are not known.

    Attributes:
        keys: all of them.
        gather: the object with what these keys say under the keys that are known, and the names of the
            fields that they say in a form that cannot be read.
    """

    keys: tuple[str, ...]
    gather: Callable[[Object], tuple[Object, tuple[str, ...]]]


def _of_rare_vm(value: Object) -> tuple[Object, tuple[str, ...]]:
    lost: list[str] = []
    found: Object = {}
    gone: set[str] = set()
    if is_nothing(value.get("ip")) and not all(is_nothing(value.get(key)) for key in _FAMILIES):
        try:
            addresses = list(_of_families(value))
            php.addresses(addresses)
        except Mismatch:
            lost.append("ip_texts")
        else:
            found["ip"] = addresses
            gone.update(_FAMILIES)
    name = value.get("template_name")
    if is_nothing(value.get("template_label")) and not is_nothing(name):
        try:
            found["template_label"] = php.text(name)
            gone.add("template_name")
        except Mismatch:
            lost.append("template_label")
    if found:
        value = {**{key: item for key, item in value.items() if key not in gone}, **found}
    return value, tuple(lost)


def _of_families(value: Object) -> Iterator[Any]:
    for key in _FAMILIES:
        if not is_nothing(item := value.get(key)):
            yield from item if isinstance(item, list) else [item]


RARE: Final[dict[type, Rare]] = {Vm: Rare((*_FAMILIES, "template_name"), _of_rare_vm)}

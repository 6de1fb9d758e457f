"""Reads that need the whole object and not one key: a VM's power, other spellings of keys, `Model.extra`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from ..models import Availability, PowerState, Vm
from ..models.vms import POWER_WORDS
from ..secret import conceal, is_secret_key
from . import php
from .generate import JsonObject, ObjectReader
from .php import MISSING, Mismatch, is_nothing

_POWER_KEYS: Final = ("state", "status", "power")
_FAMILY_KEYS: Final = ("ipv4", "ipv6")


def as_object(value: Any) -> JsonObject:
    """Return ``{}`` for ``[]``, which is PHP's empty object. Raises `Mismatch` for everything else."""
    if value == []:
        return {}
    raise Mismatch("an object", value)


def with_first_spellings(value: JsonObject, spellings: tuple[tuple[str, ...], ...]) -> JsonObject:
    """Return the object with each value of another spelling under the first one, if nothing is there.

    Args:
        spellings: the keys of each field that has several, the first spelling in front.
    """
    for first, *others in spellings:
        if not is_nothing(value.get(first)):
            continue
        for other in others:
            if not is_nothing(value.get(other)):
                value = {**value, first: value[other]}
                del value[other]
                break
    return value


def extra_of(value: JsonObject, known: frozenset[str], kept: JsonObject | None) -> JsonObject:
    """Return `Model.extra`: the values under unknown keys and those in ``kept``, secrets concealed."""
    extra = {key: item for key, item in value.items() if key not in known}
    if kept is not None:
        extra |= kept
    for key, item in extra.items():
        # Most values are plain, and conceal() copies.
        if is_secret_key(key) or isinstance(item, dict | list):
            extra[key] = conceal(item, secret=is_secret_key(key))
    return extra


def _availability_reader(keys: frozenset[str]) -> ObjectReader:
    def check_status(value: JsonObject) -> tuple[Any, ...]:
        if value and "status" not in value:
            raise Mismatch("the word for a free name", MISSING, "status")
        return keys, None, 0

    return check_status


def _vm_reader(keys: frozenset[str]) -> ObjectReader:
    # One of the power keys is read. The others go to `extra`, because they may contradict it.
    without_power = keys - {"power", "power_word"}
    known_with = [(key, without_power | {key}) for key in _POWER_KEYS]

    def read_power(value: JsonObject) -> tuple[Any, ...]:
        ip = value.get("ip")
        # Objects hold more than an address.
        holds_objects = (ip.__class__ is dict and ip) or (ip.__class__ is list and dict in map(type, ip))
        kept = {"ip": ip} if holds_objects else None
        for key, known in known_with:
            word = value.get(key)
            if word.__class__ is str:
                if word:
                    return known, kept, 1, POWER_WORDS.get(word) or PowerState.read(word), word
            elif not (word is None or word.__class__ is dict or word.__class__ is list):
                return known, kept, 1, PowerState.read(word), php.word(word)
        return without_power, kept, 0, PowerState.UNKNOWN, None

    return read_power


# The maker of a class's reader, called with the first spellings of the class's keys, and the fields that the
# reader returns.
OBJECT_READERS: Final[dict[type, tuple[Callable[[frozenset[str]], ObjectReader], tuple[str, ...]]]] = {
    Availability: (_availability_reader, ()),
    Vm: (_vm_reader, ("power", "power_word")),
}


@attrs.frozen(eq=False)
class RareKeys:
    """Keys of few installations, for which only objects with unknown keys are searched.

    Attributes:
        keys: all of them.
        gather: returns the object with the values of these keys under known keys, and the names of the fields
            whose values it cannot read.
    """

    keys: tuple[str, ...]
    gather: Callable[[JsonObject], tuple[JsonObject, tuple[str, ...]]]


def _gather_for_vm(value: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
    unread: list[str] = []
    found: JsonObject = {}
    moved: set[str] = set()
    if is_nothing(value.get("ip")) and not all(is_nothing(value.get(key)) for key in _FAMILY_KEYS):
        try:
            addresses = list(_of_both_families(value))
            php.addresses(addresses)
        except Mismatch:
            unread.append("ip_texts")
        else:
            found["ip"] = addresses
            moved.update(_FAMILY_KEYS)
    name = value.get("template_name")
    if is_nothing(value.get("template_label")) and not is_nothing(name):
        try:
            found["template_label"] = php.text(name)
            moved.add("template_name")
        except Mismatch:
            unread.append("template_label")
    if found:
        value = {**{key: item for key, item in value.items() if key not in moved}, **found}
    return value, tuple(unread)


def _of_both_families(value: JsonObject) -> Iterator[Any]:
    for key in _FAMILY_KEYS:
        if not is_nothing(item := value.get(key)):
            yield from item if isinstance(item, list) else [item]


RARE_KEYS: Final[dict[type, RareKeys]] = {Vm: RareKeys((*_FAMILY_KEYS, "template_name"), _gather_for_vm)}

"""Bases of the models: unknown keys and unknown words of a state are kept."""

from __future__ import annotations

import enum
import functools
import ipaddress
from collections.abc import Mapping
from typing import Any, Final, Self

import attrs

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OpenEnum(enum.StrEnum):
    """String enum that keeps unknown words, because each installation has words of its own.

    ``ServiceStatus("Frozen")`` is a `ServiceStatus` equal to ``"Frozen"``, whose `is_known` is False; it
    can be pickled and compared like any other. A value that is no text raises ``ValueError``.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Not added to the members, so that the panel cannot make the enum grow without end.
        word = str.__new__(cls, value)
        word._name_ = str(value)
        word._value_ = str(value)
        return word

    @property
    def is_known(self) -> bool:
        """Whether the word is a member of the enum."""
        return self._value_ in type(self)._value2member_map_


@attrs.frozen
class Model:
    """Base of every answer that is an object.

    Decoding is strict for fields by which something is addressed, paid or reported: ids, the figure that a
    call is for, money that is ordered by or owed. If one of them cannot be read, the call raises
    `DecodeError`. Every other field is optional: if its value cannot be read, the field is None (or empty),
    the value is in `extra` under the key that the panel sent, and the name of the field is in `unread`.

    Attributes:
        extra: the keys without an attribute, and those of `unread`, as parsed from JSON. Every text and
            number under a secret-looking key, at any depth, is a `Secret`; objects and lists below 64 levels
            are "…".
        unread: the names of the fields whose values could not be read.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)
    unread: tuple[str, ...] = attrs.field(default=(), kw_only=True, repr=False)


@attrs.frozen
class AddressModel(Model):
    """Base of the answers that are an address: *documented* in ``GET /service/@id/ip``.

    Attributes:
        ipaddress_text: as the panel spells it; `ipaddress` is the object.
    """

    ipaddress_text: str = attrs.field(alias="ipaddress", metadata={"wire": ("ipaddress", "ip")})

    @functools.cached_property
    def ipaddress(self) -> Address | str:
        """Address as an object; the text itself where it is no address."""
        return address(self.ipaddress_text)


@attrs.frozen
class Accepted(Model):
    """Answer of every call that changes something: the panel accepted the change, which need not be done yet.

    ``{"status": true}`` *seen on another installation* (``POST /service/@id/vms/@vmid/stop``),
    ``{"info": ["revdnsupdated"]}`` *documented* (``POST /service/@id/rdns``), the others *inferred*.

    Attributes:
        status: True for yes; None where the panel says nothing, or neither yes nor no (``"queued"``).
        info: the panel's codes for its actions.
    """

    status: bool | None = None
    info: tuple[str, ...] = ()


def unfrozen(cls: type) -> type:
    """Return a subclass with the layout of a frozen class with slots, whose objects can be changed.

    To make many objects fast, set the fields of an ``object.__new__(unfrozen(cls))``, then set its
    ``__class__`` to ``cls``: the frozen ``__init__`` of attrs goes around the class's ``__setattr__``, which
    takes 1,300 instructions more for each field.
    """
    # Without both methods Python looks the missing one up for every field.
    changing = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), {"__slots__": (), "__module__": cls.__module__, **changing})


STRICT: Final[dict[str, Any]] = {"strict": True}
"""Field metadata: a value that cannot be read is an error, although the field is optional."""


def wire(*keys: str) -> dict[str, Any]:
    """Return field metadata: the key in the answer and its other spellings, where the key is not the name.

    The first spelling with a value counts; the others stay in `Model.extra`.
    """
    return {"wire": keys}


def address(text: str) -> Address | str:
    """Return a text as an ``ipaddress`` object, or the text itself where it is none (``"hiddenip"``)."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return text

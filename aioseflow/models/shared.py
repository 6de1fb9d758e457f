"""What all answers have in common: unknown keys are kept, unknown words of a state are kept."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Mapping
from typing import Any, Final, Self

import attrs

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OpenEnum(enum.StrEnum):
    """A string enum that keeps words it does not know, because each installation has words of its own.

    ``ServiceStatus("Frozen")`` is a `ServiceStatus` equal to ``"Frozen"`` whose `is_known` is False; it
    pickles and compares like any other. Values that are no text are a ``ValueError``.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Not entered among the members: the panel could otherwise make the enum grow without end.
        word = str.__new__(cls, value)
        word._name_ = str(value)
        word._value_ = str(value)
        return word

    @property
    def is_known(self) -> bool:
        """Whether this package has a member for the word."""
        return self._value_ in type(self)._value2member_map_


@attrs.frozen
class Model:
    """Base of every answer that is an object.

    Decoding is strict where something would be addressed, paid or reported by a field: ids, the figure that
    a call is for, money that is ordered by or owed. Such a field is read, or the call raises `DecodeError`.
    Every other field is optional, and costs nothing but itself: where its value cannot be read, it is None
    (or empty), the value is in `extra` under the key that the panel sent, and the field is named in `unread`.

    Attributes:
        extra: the keys that the model has no attribute for, and those of `unread`, as parsed from JSON;
            whatever stands under a secret-looking key, at any depth, is a `Secret`. What is nested deeper
            than 64 levels is "…".
        unread: the names of the fields that the panel sent in a form that cannot be read. Such a field is
            None (or empty), and what was sent is in `extra`.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)
    unread: tuple[str, ...] = attrs.field(default=(), kw_only=True, repr=False)


@attrs.frozen
class Accepted(Model):
    """The panel took a change on: accepted is not finished.

    Answer of every call that changes something; ``{"status": true}`` *seen on another installation*
    (``POST /service/@id/vms/@vmid/stop``), ``{"info": ["revdnsupdated"]}`` *documented*
    (``POST /service/@id/rdns``), the others *inferred*.

    Attributes:
        status: whether the panel says yes; None where it says nothing, or neither yes nor no (``"queued"``).
        info: its codes for what it did.
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
"""Field metadata: a value that cannot be read is an error, though the field is optional."""


def wire(*keys: str) -> dict[str, Any]:
    """Field metadata: the key of the answer, where it is not the attribute's name, then its other spellings.

    The first spelling that holds anything counts; the others stay in `Model.extra`.
    """
    return {"wire": keys}


def address(text: str) -> Address | str:
    """The text as an ``ipaddress`` object, or itself where it is none (``"hiddenip"``)."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return text

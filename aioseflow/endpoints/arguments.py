"""Check arguments that are not ids of the path, and raise `InvalidArgument` before anything is sent."""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from ..errors import InvalidArgument
from ..identifiers import Id, check_id

V = TypeVar("V")

IpAddress: TypeAlias = str | ipaddress.IPv4Address | ipaddress.IPv6Address
ResourceChoice: TypeAlias = Mapping[Id, Id | Mapping[Id, int]]
"""Maps a resource's id to the id of an item, to a quantity, or to quantities by item."""


def at_least_one(call: str, **values: V | None) -> dict[str, V | None]:
    """Return the values. Raises `InvalidArgument` if all of them are None."""
    if all(value is None for value in values.values()):
        raise InvalidArgument(f"{call} needs at least one of {', '.join(values)}")
    return values


def positive(value: int, what: str) -> int:
    """Return a whole number above 0. Raises `InvalidArgument` for a NaN, float, bool or other number."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise InvalidArgument(f"{what} must be a whole number above 0, not {value!r:.40}", argument=what)
    return value


def text(value: str, what: str, *, blank: bool = False, argument: str | None = None) -> str:
    """Return text without control characters (except line ends), and not empty unless ``blank``.

    Args:
        what: the name of the argument, or words for a part of it, for the message.
        argument: the name of the argument, where ``what`` is not that name.

    Raises:
        InvalidArgument: for any other value.
    """
    argument = what if argument is None else argument
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be text, not {type(value).__name__}", argument=argument)
    if not blank and not value.strip():
        raise InvalidArgument(f"{what} is empty", argument=argument)
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in value):
        raise InvalidArgument(f"{what} contains a control character", argument=argument)
    return value


def hostnames(names: Mapping[IpAddress, str]) -> dict[str, str]:
    """Return a host name for each address, both as text. Raises `InvalidArgument`."""
    if not isinstance(names, Mapping) or not names:
        raise InvalidArgument(
            "names must map at least one address to a host name: {'192.0.2.1': 'host.example'}",
            argument="names",
        )
    checked = {}
    for address, name in names.items():
        try:
            key = str(ipaddress.ip_address(address.strip() if isinstance(address, str) else address))
        except ValueError:
            raise InvalidArgument(f"{address!r:.60} is not an IP address", argument="names") from None
        checked[key] = text(name, f"the host name of {key}", argument="names")
    return checked


def resource_choice(resources: ResourceChoice) -> dict[str, str | dict[str, str]]:
    """Return resources with checked ids, and quantities as text. Raises `InvalidArgument`."""
    if not isinstance(resources, Mapping) or not resources:
        raise InvalidArgument(
            "resources must map a resource's id to an item or a quantity: {1557: 9953}", argument="resources"
        )
    checked: dict[str, str | dict[str, str]] = {}
    for resource, choice in resources.items():
        key = _form_key(resource, "a resource's id")
        if isinstance(choice, Mapping):
            if not choice:
                raise InvalidArgument(
                    f"resource {key} has no item; leave it out or choose one", argument="resources"
                )
            checked[key] = {_form_key(item, "an item's id"): _quantity(n) for item, n in choice.items()}
        else:
            checked[key] = (
                _quantity(choice)
                if isinstance(choice, int)
                else check_id(choice, f"resource {key}", argument="resources")
            )
    return checked


def _form_key(value: Id, what: str) -> str:
    key = check_id(value, what, argument="resources")
    if "[" in key or "]" in key:
        # PHP would read another structure from the form.
        raise InvalidArgument(
            f"{what} {key[:40]!r} contains a bracket; give the id alone", argument="resources"
        )
    return key


def _quantity(value: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidArgument(
            f"a quantity must be a whole number of 0 or more, not {value!r:.40}", argument="resources"
        )
    return str(value)

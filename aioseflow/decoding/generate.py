"""The function that reads one object, generated once for its class.

What cattrs generates passes every field by name to attrs' frozen ``__init__``, which goes around the class's
``__setattr__`` for each of them: 43,000 instructions for a VM of ten fields without one conversion, where a
hand-written function takes 27,000 with all of them. So an object begins here as one of a subclass that is not
frozen, which makes a field a plain store, and ends as one of its class: 16,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from . import php
from .php import Mismatch

Hook = Callable[..., Any]
Object = dict[Any, Any]
# A parsed object to the keys that are none of `Model.extra`, what is kept there beside the others, and the
# fields that are read from several keys.
Adapter = Callable[[Object], tuple[Any, ...]]

# What needs no call where a value comes as it mostly does: a call is half of what a field takes.
_DIGITS: Final = "item.__class__ is str and item.isdecimal() and item.isascii() and len(item) < 19"
_AS_CODE: Final[dict[Hook, str]] = {
    php.identity: "item if item.__class__ is str and item.isalnum()",
    php.text: "item if item.__class__ is str",
    php.flag: "item if item.__class__ is bool",
    php.whole: f"int(item) if {_DIGITS}",
    php.whole_or_text: f"int(item) if {_DIGITS}",
    php.decimal: f"Decimal(item) if {_DIGITS}",
}


@attrs.frozen
class Field:
    """One field of a class: its keys in the answer, the canonical one first, and what reads its value."""

    name: str
    keys: tuple[str, ...]
    hook: Hook
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether there must be a value."""
        return self.default is attrs.NOTHING


def generate(
    cls: type,
    fields: Mapping[str, Field],
    *,
    adapt: Adapter | None,
    adapted: tuple[str, ...],
    **helpers: Hook,
) -> Hook:
    """The function from a parsed object to a model.

    Args:
        adapt: looks at the whole object first.
        adapted: the fields that it gives.
        helpers: ``as_object(value)`` for what is no dict, ``respelt(value, keys)``, ``beside(value, known,
            kept)`` for `Model.extra`, ``locate(value, given)`` for the error after a field's hook failed.
    """
    names: dict[str, Any] = {
        **helpers,
        "Decimal": Decimal,
        "cls": cls,
        "draft": _thawed(cls),
        "new": object.__new__,
    }
    names |= {"adapt": adapt, "Mismatch": Mismatch}
    names["all_keys"] = frozenset(field.keys[0] for field in fields.values())
    lines = ["def read(value, _type=None):"]
    lines += [" if value.__class__ is not dict:", "  value = as_object(value)", " given = value"]
    for name, field in fields.items():
        key, *others = map(repr, field.keys)
        if others:
            names[f"keys_{name}"] = field.keys
            present = " or ".join(f"{other} in value" for other in others)
            lines += [f" if not value.get({key}) and ({present}):"]
            lines += [f"  value = respelt(value, keys_{name})"]
    lines += [" self = new(draft)"]
    if adapt is None:
        lines += [" self.extra = {} if all_keys.issuperset(value) else beside(value, all_keys, None)"]
    else:
        given = ", ".join(["known", "kept", *(f"self.{name}" for name in adapted)])
        lines += [f" {given} = adapt(value)"]
        lines += [" plain = kept is None and known.issuperset(value)"]
        lines += [" self.extra = {} if plain else beside(value, known, kept)"]
    lines += [" try:"]
    for name, field in fields.items():
        if name not in adapted:
            lines += _field(field, names)
    lines += ["  self.__class__ = cls", "  return self", " except (Mismatch, KeyError):", "  pass"]
    lines += [" raise locate(value, given)"]
    exec("\n".join(lines), names)  # noqa: S102 - made of names and keys in our own classes
    read: Hook = names["read"]
    return read


def _field(field: Field, names: dict[str, Any]) -> list[str]:
    name, key = field.name, repr(field.keys[0])
    names[f"read_{name}"], names[f"default_{name}"] = field.hook, field.default
    quick = _AS_CODE.get(field.hook)
    lines = [f"item = value[{key}]"]
    lines += [
        f"self.{name} = read_{name}(item)"
        if quick is None
        else f"self.{name} = {quick} else read_{name}(item)"
    ]
    if field.is_required:
        return [f"  {line}" for line in lines]
    made = f"default_{name}"
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        made += ".factory()"
    return [f"  if {key} in value:", *(f"   {line}" for line in lines), "  else:", f"   self.{name} = {made}"]


def _thawed(cls: type) -> type:
    """A subclass of the same layout whose objects can be changed, and can become objects of the class."""
    # Both of them, or Python looks the one up for every field.
    changing = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), {"__slots__": (), "__module__": cls.__module__, **changing})

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

from ..models.shared import unfrozen
from . import php
from .php import Mismatch

Hook = Callable[..., Any]
Object = dict[Any, Any]
# A parsed object to the keys that are none of `Model.extra`, what is kept there beside the others, how many
# of the keys it has read itself (or fewer), and the fields that are read from several keys.
Adapter = Callable[[Object], tuple[Any, ...]]

# What needs no call where a value comes as it mostly does: a call is half of what a field takes.
_DIGITS: Final = "item.__class__ is str and item.isdecimal() and item.isascii() and len(item) < 19"
_WHOLE: Final = f"item if item.__class__ is int and {-(10**18)} < item < {10**18} else int(item) if {_DIGITS}"
_AS_CODE: Final[dict[Hook, str]] = {
    php.identity: "item if item.__class__ is str and item.isalnum()",
    php.text: "item if item.__class__ is str",
    php.flag: "item if item.__class__ is bool",
    php.said: "item if item.__class__ is bool",
    php.lock: "item if item.__class__ is bool",
    php.whole: _WHOLE,
    php.whole_or_text: _WHOLE,
    php.decimal: f"Decimal(item) if {_DIGITS}",
}


@attrs.frozen
class Field:
    """One field of a class.

    Attributes:
        alias: its public name.
        keys: its keys in the answer, the canonical one first.
        hook: reads its value, or raises `Mismatch`.
        strict: whether a value that cannot be read is an error.
    """

    name: str
    alias: str
    keys: tuple[str, ...]
    hook: Hook
    default: Any
    strict: bool

    @property
    def is_required(self) -> bool:
        """Whether there must be a value."""
        return self.default is attrs.NOTHING

    def made(self) -> Any:
        """The value where there is none to read."""
        return self.default.factory() if isinstance(self.default, attrs.Factory) else self.default  # type: ignore[arg-type]


def generate(
    cls: type,
    fields: Mapping[str, Field],
    *,
    adapt: Adapter | None,
    adapted: tuple[str, ...],
    rare: tuple[str, ...],
    **helpers: Hook,
) -> Hook:
    """The function from a parsed object to a model.

    Args:
        adapt: looks at the whole object first.
        adapted: the fields that it gives.
        rare: keys that make an object one for ``read_rare``.
        helpers: ``as_object(value)`` for what is no dict, ``respelt(value, respellable)``, ``beside(value,
            known, kept)`` for `Model.extra`, ``read_odd(given)`` for an object of which a hook could not read
            something, ``read_rare(value)`` for one with rare keys, None where they say nothing.
    """
    names: dict[str, Any] = {
        **helpers,
        "Decimal": Decimal,
        "cls": cls,
        "draft": unfrozen(cls),
        "new": object.__new__,
    }
    names |= {"adapt": adapt, "Mismatch": Mismatch}
    names["known"] = frozenset(field.keys[0] for field in fields.values())
    names["respellable"] = tuple(field.keys for field in fields.values() if len(field.keys) > 1)
    lines = ["def read(value, _type=None):"]
    lines += [" if value.__class__ is not dict:", "  value = as_object(value)", " given = value"]
    if names["respellable"]:
        others = [repr(key) for keys in names["respellable"] for key in keys[1:]]
        lines += [f" if {' or '.join(f'{key} in value' for key in others)}:"]
        lines += ["  value = respelt(value, respellable)"]
    lines += [" self = new(draft)"]
    if adapt is None:
        lines += [" keys, kept, found = known, None, 0"]
    else:
        lines += [
            f" {', '.join(['keys', 'kept', 'found', *(f'self.{name}' for name in adapted)])} = adapt(value)"
        ]
    lines += [" try:", "  pass"]  # there may be no field to read
    for name, field in fields.items():
        if name not in adapted:
            lines += _field(field, names)
    lines += [" except (Mismatch, KeyError):", "  pass", " else:"]
    # Counting takes a third of what comparing the keys does: 1,400 instructions a VM.
    lines += ["  plain = found == len(value) and kept is None"]
    if rare:
        lines += [f"  if not plain and ({' or '.join(f'{key!r} in value' for key in rare)}):"]
        lines += ["   again = read_rare(value)", "   if again is not None:", "    return again"]
    lines += ["  self.extra = {} if plain else beside(value, keys, kept)"]
    lines += ["  self.unread = ()", "  self.__class__ = cls", "  return self"]
    lines += [" return read_odd(given)"]
    exec("\n".join(lines), names)  # noqa: S102 - made of names and keys in our own classes
    read: Hook = names["read"]
    return read


def _field(field: Field, names: dict[str, Any]) -> list[str]:
    name, key = field.name, repr(field.keys[0])
    names[f"read_{name}"], names[f"default_{name}"] = field.hook, field.default
    quick = _AS_CODE.get(field.hook)
    read = f"self.{name} = read_{name}(item)"
    if quick is not None:
        read = f"self.{name} = {quick} else read_{name}(item)"
    if field.is_required:
        return [f"  item = value[{key}]", f"  {read}", "  found += 1"]
    made = f"default_{name}"
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        made += ".factory()"
    # `get` looks it up once instead of twice, and takes more: most fields are not there.
    lines = [f"  if {key} in value:", f"   item = value[{key}]", f"   {read}", "   found += 1"]
    return [*lines, "  else:", f"   self.{name} = {made}"]

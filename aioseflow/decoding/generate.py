"""Generate, once for each model class, the function that reads a parsed object into a model.

cattrs can generate such a function, but passes every field by name to the frozen ``__init__`` of attrs, which
goes around the class's ``__setattr__`` for each of them: 43,000 instructions for a VM of ten fields, without
any conversion. The function that is generated here takes 16,000 with all conversions, because it

- sets the fields of an object of an unfrozen subclass, and changes its ``__class__`` at the end;
- reads a value of the usual type without a call (`_INLINE`): a call is half of the work for a field;
- has no error handling for a single field: where a value cannot be read, ``read_odd`` reads the whole object
  once more, field by field, and finds out which one it was.

The source for a class with the fields ``id`` (required), ``name`` (text) and ``cores`` (a whole number under
``cpus`` or ``cpu``)::

    def read(value, _type=None):
        if value.__class__ is not dict:
            value = as_object(value)
        given = value
        if 'cpu' in value:
            value = with_first_spellings(value, spellings)
        model = new(unfrozen)
        known, kept, found = own_keys, None, 0
        try:
            item = value['id']
            model.id = item if item.__class__ is str and item.isalnum() else read_id(item)
            found += 1
            if 'name' in value:
                item = value['name']
                model.name = item if item.__class__ is str else read_name(item)
                found += 1
            else:
                model.name = default_name
            if 'cpus' in value:
                item = value['cpus']
                model.cores = read_cores(item)
                found += 1
            else:
                model.cores = default_cores
        except (Mismatch, KeyError):
            pass
        else:
            all_known = found == len(value) and kept is None
            model.extra = {} if all_known else extra_of(value, known, kept)
            model.unread = ()
            model.__class__ = cls
            return model
        return read_odd(given)
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs

from ..models.shared import unfrozen
from . import php
from .php import Mismatch

StructureHook: TypeAlias = Callable[..., Any]
"""Reads one parsed value (cattrs passes the type, too), or raises `Mismatch`."""
JsonObject: TypeAlias = dict[Any, Any]
ObjectReader: TypeAlias = Callable[[JsonObject], tuple[Any, ...]]
"""Looks at a whole object before its fields are read.

Returns the keys that are not for `Model.extra`, an object whose items are for it in addition to the others
(or None), how many keys it has read itself (or fewer), and the values of the fields that it reads.
"""

# A line that is a placeholder is replaced by lines with its indentation. After a failure the object is read
# outside of the handler, so that no exception that holds a value is chained to another. To compare two
# numbers instead of the keys takes a third of the instructions.
_FUNCTION: Final = """\
def read(value, _type=None):
    if value.__class__ is not dict:
        value = as_object(value)
    given = value
    {other spellings}
    model = new(unfrozen)
    {whole object}
    try:
        {fields}
    except (Mismatch, KeyError):
        pass
    else:
        all_known = found == len(value) and kept is None
        {rare keys}
        model.extra = {} if all_known else extra_of(value, known, kept)
        model.unread = ()
        model.__class__ = cls
        return model
    return read_odd(given)
"""

# Conditions under which a value is what the hook would return, as the beginning of "… else hook(item)".
_DIGITS: Final = "item.__class__ is str and item.isdecimal() and item.isascii() and len(item) < 19"
_WHOLE: Final = f"item if item.__class__ is int and {-(10**18)} < item < {10**18} else int(item) if {_DIGITS}"
_INLINE: Final[dict[StructureHook, str]] = {
    php.identity: "item if item.__class__ is str and item.isalnum()",
    php.text: "item if item.__class__ is str",
    php.flag: "item if item.__class__ is bool",
    php.yes_or_no: "item if item.__class__ is bool",
    php.lock: "item if item.__class__ is bool",
    php.whole: _WHOLE,
    php.whole_or_text: _WHOLE,
    php.decimal: f"Decimal(item) if {_DIGITS}",
}


@attrs.frozen
class ModelField:
    """A field of a model class.

    Attributes:
        alias: its public name.
        keys: its keys in the answer, the canonical one first.
        hook: reads its value.
        strict: whether a value that cannot be read is an error.
    """

    name: str
    alias: str
    keys: tuple[str, ...]
    hook: StructureHook
    default: Any
    strict: bool

    @property
    def is_required(self) -> bool:
        """Whether there must be a value."""
        return self.default is attrs.NOTHING

    def default_value(self) -> Any:
        """Return the value of the field where the object has none that can be read."""
        return self.default.factory() if isinstance(self.default, attrs.Factory) else self.default  # type: ignore[arg-type]


def generate(
    cls: type,
    fields: Mapping[str, ModelField],
    *,
    read_whole: ObjectReader | None,
    read_by_it: Collection[str],
    rare: Collection[str],
    **helpers: StructureHook,
) -> StructureHook:
    """Return the function from a parsed object to a model.

    Args:
        fields: the fields by their names.
        read_whole: called first, with the whole object.
        read_by_it: the fields that ``read_whole`` returns, in its order.
        rare: keys that, where the object has one, make ``read_rare`` look at it.
        helpers: the functions that the source calls: ``as_object(value)`` for a value that is no dict,
            ``with_first_spellings(value, spellings)``, ``extra_of(value, known, kept)`` for `Model.extra`,
            ``read_odd(given)`` for an object with a value that cannot be read, and ``read_rare(value)``,
            which returns None where the rare keys say nothing.
    """
    names: dict[str, Any] = {
        **helpers,
        **{f"read_{name}": field.hook for name, field in fields.items()},
        **{f"default_{name}": field.default for name, field in fields.items()},
        "Decimal": Decimal,
        "Mismatch": Mismatch,
        "cls": cls,
        "new": object.__new__,
        "own_keys": frozenset(field.keys[0] for field in fields.values()),
        "read_whole": read_whole,
        "spellings": spellings_of(fields),
        "unfrozen": unfrozen(cls),
    }
    source = source_of(fields, reads_whole=read_whole is not None, read_by_it=read_by_it, rare=rare)
    exec(source, names)  # noqa: S102 - made of names and keys in our own classes
    read: StructureHook = names["read"]
    return read


def spellings_of(fields: Mapping[str, ModelField]) -> tuple[tuple[str, ...], ...]:
    """Return the keys of each field that has more than one."""
    return tuple(field.keys for field in fields.values() if len(field.keys) > 1)


def source_of(
    fields: Mapping[str, ModelField],
    *,
    reads_whole: bool = False,
    read_by_it: Collection[str] = (),
    rare: Collection[str] = (),
) -> str:
    """Return the source of the function; the arguments are those of `generate`."""
    others = [key for keys in spellings_of(fields) for key in keys[1:]]
    targets = ", ".join(["known", "kept", "found", *(f"model.{name}" for name in read_by_it)])
    lines = {
        "other spellings": f"if {_any_in_value(others)}:\n    value = with_first_spellings(value, spellings)",
        "whole object": f"{targets} = {'read_whole(value)' if reads_whole else 'own_keys, None, 0'}",
        "fields": "\n".join(_field(field) for name, field in fields.items() if name not in read_by_it)
        or "pass",
        "rare keys": f"if not all_known and ({_any_in_value(rare)}):\n"
        "    rarely = read_rare(value)\n    if rarely is not None:\n        return rarely",
    }
    if not others:
        lines["other spellings"] = ""
    if not rare:
        lines["rare keys"] = ""
    return re.sub(
        r"^( *)\{([a-z ]+)\}\n",
        lambda found: textwrap.indent(lines[found[2]] + "\n" if lines[found[2]] else "", found[1]),
        _FUNCTION,
        flags=re.MULTILINE,
    )


def _any_in_value(keys: Collection[str]) -> str:
    return " or ".join(f"{key!r} in value" for key in keys)


def _field(field: ModelField) -> str:
    inline = _INLINE.get(field.hook)
    read = f"read_{field.name}(item)"
    lines = [
        f"item = value[{field.keys[0]!r}]",
        f"model.{field.name} = {read if inline is None else f'{inline} else {read}'}",
        "found += 1",
    ]
    if field.is_required:
        return "\n".join(lines)
    default = f"default_{field.name}" + (".factory()" if isinstance(field.default, attrs.Factory) else "")  # type: ignore[arg-type]
    # Most fields are missing, so `in` costs less than `get` although it looks up twice what is there.
    return "\n".join(
        [
            f"if {field.keys[0]!r} in value:",
            *(f"    {line}" for line in lines),
            "else:",
            f"    model.{field.name} = {default}",
        ]
    )

"""Read one object, or a list of them: the converter and the shapes of the models.

One cattrs converter knows the hook of each type. The functions for model classes are generated; they know no
path and no tolerance. Where one of them fails, its object is read once more, field by field.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import cattrs

from ..models import (
    Accepted,
    AvailableIp,
    BandwidthUsage,
    Model,
    OpenEnum,
    PowerState,
    RdnsEntry,
    ServiceIp,
    Template,
    Vm,
    VmIp,
)
from ..models.shared import address, unfrozen
from ..secret import Secret, conceal, is_secret_key
from . import php
from .adapt import OBJECT_READERS, RARE_KEYS, as_object, extra_of, with_first_spellings
from .generate import JsonObject, ModelField, StructureHook, generate, spellings_of
from .php import MISSING, Mismatch, PartlyRead, is_nothing

_DIGIT: Final = re.compile("[0-9]")
Rows = Iterator[tuple[str | int, Any]]

# The key of the field that a bare text in a list is, and the key of one that stands under an id.
_BARE: Final[dict[type, str]] = {ServiceIp: "ipaddress", VmIp: "ipaddress", AvailableIp: "ipaddress"}
_BARE_UNDER_KEY: Final[dict[type, str]] = {**_BARE, RdnsEntry: "ptrcontent", Template: "name"}

_FIELD_HOOKS: Final[dict[tuple[type, str], StructureHook]] = {
    (Accepted, "status"): php.yes_or_no,
    (AvailableIp, "id"): php.optional_identity,
    (BandwidthUsage, "from_"): php.epoch,
    (BandwidthUsage, "to"): php.epoch,
    (Vm, "locked"): php.lock,
    (Vm, "power"): PowerState.read,  # from several keys
    (Vm, "ip_texts"): php.addresses,
    (Vm, "uptime"): php.whole_or_text,
    (VmIp, "id"): php.optional_identity,
}
_SCALAR_HOOKS: Final[dict[Any, StructureHook]] = {
    str: php.text,
    int: php.whole,
    bool: php.flag,
    Decimal: php.decimal,
    dt.datetime: php.stamp,
    dt.date: php.day,
    Secret: php.secret,
}

_converter: Final = cattrs.Converter(detailed_validation=False)


@attrs.frozen(eq=False)
class Shape:
    """How objects of one class are found and read in an answer.

    Attributes:
        read: reads a parsed object into the model; raises `Mismatch`.
        id_key: the key that identifies an object, None for a class without one; ``id_keys``: its spellings.
        fields: the fields by every spelling of their keys.
    """

    cls: type
    read: StructureHook
    id_key: str | None
    id_keys: tuple[str, ...]
    fields: Mapping[str, ModelField]

    def own_id(self, value: JsonObject) -> Any:
        """Return the value under the first of `id_keys` that holds one, None where none does."""
        for name in self.id_keys:
            if not is_nothing(found := value.get(name)):
                return found
        return None

    def is_keyed(self, value: JsonObject) -> bool:
        """Return whether an object is a collection of objects of the class, keyed by their ids."""
        return self.fields.keys().isdisjoint(value)

    def named(self, key: str, item: Any) -> Any:
        """Return an item of a collection as an object, with the key as its id where it has no id itself.

        PHP's nothing is an object without any value. Null, false and "" are that only under a key that looks
        like an id: an ``"error": false`` next to the objects is no object.
        """
        is_bare = isinstance(item, str) and self.cls in _BARE_UNDER_KEY
        if self.id_keys and (item == [] or (_DIGIT.search(key) and is_nothing(item) and not is_bare)):
            item = {}
        item = self.guarded(key, item)
        if is_bare and isinstance(item, str) and not is_secret_key(key):
            item = {_BARE_UNDER_KEY[self.cls]: item}
        if (
            not isinstance(item, dict)
            or self.id_key is None
            or item.get(self.id_key)
            or self.own_id(item) is not None
        ):
            return item
        if self.id_key == "ipaddress" and isinstance(address(key), str):
            return item  # the key is not the address
        return {**item, self.id_key: key}

    def guarded(self, key: str, item: Any) -> Any:
        """Return an item of a collection, its unknown values concealed if the key looks like a secret's.

        The values that the model knows stay, because a host may be called ``keyserver``.
        """
        if not isinstance(item, dict) or not is_secret_key(key):
            return item
        return {
            name: value if self._is_readable(name, value) else conceal(value, secret=True)
            for name, value in item.items()
        }

    def _is_readable(self, name: str, value: Any) -> bool:
        """Return whether the model knows all of a value, so that no part of it gets into an `extra`."""
        field = self.fields.get(name)
        if field is None:
            return False
        try:
            return _is_known(field.hook(value))
        except PartlyRead:
            return True
        except Mismatch:
            # The error about it hides the value, because of the key in its path.
            return field.strict or field.is_required

    def rows(self, value: Any) -> Rows | None:
        """Return the objects of a list, or of an object keyed by id, with their indexes or keys.

        Returns None where the value is a single object without a list around it. Raises `Mismatch`.
        """
        if isinstance(value, list):
            bare = _BARE.get(self.cls)
            if bare is None:
                return enumerate(value)
            return enumerate({bare: item} if isinstance(item, str) else item for item in value)
        if not isinstance(value, dict):
            raise Mismatch("a list", value)
        if not self.is_keyed(value):
            return None
        return ((key, self.named(key, item)) for key, item in value.items())

    def read_rows(self, rows: Rows, models: list[Any]) -> None:
        """Read objects and append them to ``models``. Raises `Mismatch`."""
        read, step = self.read, None
        try:
            for step, item in rows:  # noqa: B007 - the error names the last one
                models.append(read(item))
        except Mismatch as mismatch:
            mismatch.path.insert(0, typing.cast("str | int", step))
            raise

    def read_many(self, value: Any) -> list[Any]:
        """Return the models of a list, of an object keyed by id, or of a single object."""
        rows = self.rows(value)
        if rows is None:
            return [self.read(value)]
        models: list[Any] = []
        self.read_rows(rows, models)
        return models


@functools.cache
def shape_of(cls: type) -> Shape:
    """Return the shape of a model class."""
    fields = _fields(cls)
    identity = fields.get("id") or next((field for field in fields.values() if field.is_required), None)
    id_keys = () if identity is None else identity.keys
    by_key = {key: field for field in fields.values() for key in field.keys}
    id_key = id_keys[0] if id_keys else None
    return Shape(cls, _converter.get_structure_hook(cls), id_key, id_keys, by_key)


def _is_known(found: Any) -> bool:
    """Return whether a value has no `extra`, nor has any model in it."""
    if isinstance(found, tuple):
        return all(map(_is_known, found))
    if not isinstance(found, Model):
        return not isinstance(found, Mapping)
    return not found.extra and all(
        _is_known(getattr(found, field.name)) for field in attrs.fields(type(found)) if field.name != "extra"
    )


def _object_hook(cls: type) -> StructureHook:
    fields = _fields(cls)
    make_reader, read_by_it = OBJECT_READERS.get(cls, (None, ()))
    own_keys = frozenset(field.keys[0] for field in fields.values())
    read_whole = None if make_reader is None else make_reader(own_keys)
    spellings = spellings_of(fields)
    rare = RARE_KEYS.get(cls)
    unfrozen_class = unfrozen(cls)

    def read_odd(given: JsonObject) -> Any:
        """Read an object in which a value cannot be read, as the generated function does, but tolerantly."""
        value = with_first_spellings(given, spellings)
        value, not_gathered = (value, ()) if rare is None else rare.gather(value)
        known, more, _, *values = (own_keys, None, 0) if read_whole is None else read_whole(value)
        kept: JsonObject = {} if more is None else dict(more)
        model: Any = object.__new__(unfrozen_class)
        for name, found in zip(read_by_it, values, strict=True):
            setattr(model, name, found)
        unread: list[str] = []
        for name, field in fields.items():
            if name not in read_by_it:
                is_read = _read_field(model, field, value, given, kept)
                if not is_read or name in not_gathered:
                    unread.append(field.alias)
        model.extra = extra_of(value, known, kept)
        model.unread = tuple(unread)
        model.__class__ = cls
        return model

    def read_rare(value: JsonObject) -> Any:
        assert rare is not None  # noqa: S101 - for the type checker
        gathered, not_gathered = rare.gather(value)
        if not_gathered:
            return read_odd(value)
        return None if gathered is value else read(gathered)

    read = generate(
        cls,
        fields,
        read_whole=read_whole,
        read_by_it=read_by_it,
        rare=() if rare is None else rare.keys,
        as_object=as_object,
        with_first_spellings=with_first_spellings,
        extra_of=extra_of,
        read_odd=read_odd,
        read_rare=read_rare,
    )
    return read


def _read_field(
    model: Any, field: ModelField, value: JsonObject, given: JsonObject, kept: JsonObject
) -> bool:
    """Read one field into a model; return False, and add the value to ``kept``, where it cannot be read.

    Args:
        value: the object with each value under the first spelling of its key.
        given: the object as the panel sent it.

    Raises:
        Mismatch: the field is required or strict.
    """
    key, *others = field.keys
    if key not in value:
        if field.is_required:
            raise Mismatch("a value that is always there", MISSING, key)
        setattr(model, field.name, field.default_value())
        return True
    sent = key
    if is_nothing(given.get(key)):
        sent = next((other for other in others if not is_nothing(given.get(other))), key)
    try:
        setattr(model, field.name, field.hook(value[key]))
    except PartlyRead as partly:
        setattr(model, field.name, partly.meaning)
        kept[sent] = value[key]
        return True
    except Mismatch as mismatch:
        if field.strict or field.is_required:
            mismatch.path.insert(0, sent)
            raise
        setattr(model, field.name, field.default_value())
        # Kept under the key that the panel sent alone, not under the first spelling as well.
        kept.pop(key, None)
        kept[sent] = value[key]
        return False
    return True


def _fields(cls: type) -> dict[str, ModelField]:
    """Return the fields of a class by their names, without those of `Model`."""
    attrs.resolve_types(cls)
    fields: dict[str, ModelField] = {}
    for field in attrs.fields(cls):
        if field.name not in ("extra", "unread"):
            hook = _FIELD_HOOKS.get((cls, field.name)) or _converter.get_structure_hook(field.type)
            keys = field.metadata.get("wire", (field.name,))
            strict = field.metadata.get("strict", False)
            alias = field.alias or field.name
            fields[field.name] = ModelField(field.name, alias, keys, hook, field.default, strict)
    return fields


def _optional_hook(type_: Any) -> StructureHook:
    inner: Any = next(arg for arg in typing.get_args(type_) if arg is not types.NoneType)
    if inner in _SCALAR_HOOKS:
        return _SCALAR_HOOKS[inner]
    if issubclass(inner, OpenEnum):
        members = {member.value: member for member in inner}

        def read_state(value: Any, _type: object = None) -> Any:
            plain = php.text(value)
            return (members.get(plain) or inner(plain)) if plain else None

        return read_state
    read: Any = _converter.get_structure_hook(inner)

    def read_object(value: Any, _type: object = None) -> Any:
        return None if is_nothing(value) else read(value)

    return read_object


def _tuple_hook(type_: Any) -> StructureHook:
    inner: Any = typing.get_args(type_)[0]
    if inner is str:
        return php.texts
    shape = shape_of(inner)

    def read_tuple(value: Any, _type: object = None) -> tuple[Any, ...]:
        return () if is_nothing(value) else tuple(shape.read_many(value))

    return read_tuple


def _read_mapping(value: Any, _type: object = None) -> Any:
    if is_nothing(value):
        return {}
    if not isinstance(value, dict):
        raise Mismatch("an object", value)
    return conceal(value)


def _read_anything(value: Any, _type: object = None) -> Any:
    return conceal(value)


def _is_anything(type_: Any) -> bool:
    return type_ is Any


def _has_origin(*origins: Any) -> Callable[[Any], bool]:
    return lambda type_: typing.get_origin(type_) in origins


# A text that is required is an id. cattrs tries the hooks that were registered last first.
_converter.register_structure_hook(str, php.identity)
_converter.register_structure_hook_func(_is_anything, _read_anything)
_converter.register_structure_hook_func(_has_origin(Mapping), _read_mapping)
_converter.register_structure_hook_factory(attrs.has, _object_hook)
_converter.register_structure_hook_factory(_has_origin(types.UnionType, typing.Union), _optional_hook)
_converter.register_structure_hook_factory(_has_origin(tuple), _tuple_hook)

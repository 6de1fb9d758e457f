"""How one object, and one list of them, is read: the converter and the shapes of the models.

There is one cattrs converter, which knows what reads each type. The functions for the classes are generated
and know neither a path nor tolerance; only when one fails is that object read once more, field by field.
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
from ..secret import Secret, is_secret_key
from . import php
from .adapt import ADAPTERS, RARE, as_object, beside, concealed, respelt
from .generate import Field, Hook, Object, generate
from .php import MISSING, Mismatch, Told, is_nothing

_DIGIT: Final = re.compile("[0-9]")
Rows = Iterator[tuple[str | int, Any]]

# What a bare text in a list is, and what one under a key is.
_BARE: Final[dict[type, str]] = {ServiceIp: "ipaddress", VmIp: "ipaddress", AvailableIp: "ipaddress"}
_BARE_UNDER_KEY: Final[dict[type, str]] = {**_BARE, RdnsEntry: "ptrcontent", Template: "name"}

_FIELD_HOOKS: Final[dict[tuple[type, str], Hook]] = {
    (Accepted, "status"): php.said,
    (AvailableIp, "id"): php.optional_identity,
    (BandwidthUsage, "from_"): php.epoch,
    (BandwidthUsage, "to"): php.epoch,
    (Vm, "locked"): php.lock,
    (Vm, "power"): PowerState.read,  # from several keys
    (Vm, "ip_texts"): php.addresses,
    (Vm, "uptime"): php.whole_or_text,
    (VmIp, "id"): php.optional_identity,
}
_SCALARS: Final[dict[Any, Hook]] = {
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
        read: a parsed object to the model; raises `Mismatch`.
        known: every spelling of every key.
        own: the spellings of the key that says which object it is, empty for a class without one.
        fields: by every spelling of their keys.
    """

    cls: type
    read: Hook
    known: frozenset[str]
    own: tuple[str, ...]
    fields: Mapping[str, Field]

    def own_id(self, value: Object) -> Any:
        """The value under `own`, None where there is none."""
        for name in self.own:
            if not is_nothing(found := value.get(name)):
                return found
        return None

    def is_keyed(self, value: Object) -> bool:
        """Whether an object is not the thing itself but holds such things under their ids."""
        return self.known.isdisjoint(value)

    def named(self, key: str, item: Any) -> Any:
        """What stands under its id, with that id where it has none of its own.

        PHP's nothing is an object of which nothing is known. Null, false and "" are so only under what looks
        like an id: ``{"error": false}`` beside the rows is none of them.
        """
        if self.own and (item == [] or (_DIGIT.search(key) and is_nothing(item) and not self._is_bare(item))):
            item = {}
        item = self.guarded(key, item)
        bare = _BARE_UNDER_KEY.get(self.cls)
        if bare is not None and isinstance(item, str) and not is_secret_key(key):
            item = {bare: item}
        if (
            not isinstance(item, dict)
            or not self.own
            or item.get(self.own[0])
            or self.own_id(item) is not None
        ):
            return item
        if self.own[0] == "ipaddress" and isinstance(address(key), str):
            return item  # keyed by something else than the address
        return {**item, self.own[0]: key}

    def guarded(self, key: str, item: Any) -> Any:
        """What stands under a key: where that looks like a secret's, all that the model does not know is one.

        A host may be called ``keyserver``: its name and its addresses are none.
        """
        if not isinstance(item, dict) or not is_secret_key(key):
            return item
        return {
            name: value if self._is_plain(name, value) else concealed(value, secret=True)
            for name, value in item.items()
        }

    def _is_plain(self, name: str, value: Any) -> bool:
        """Whether all of a value is read as what the model knows, so that none of it gets into an `extra`."""
        field = self.fields.get(name)
        if field is None:
            return False
        try:
            return _is_known(field.hook(value))
        except Told:
            return True
        except Mismatch:
            # Of an error about it, the path hides what was found.
            return field.strict or field.is_required

    def _is_bare(self, item: Any) -> bool:
        return isinstance(item, str) and self.cls in _BARE_UNDER_KEY

    def rows(self, value: Any) -> Rows | None:
        """The objects of a list, or of an object keyed by id, with their places.

        None where PHP left the list out, and the value is the only one; raises `Mismatch`.
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
        """Read all of them and append them; raises `Mismatch`."""
        read, step = self.read, None
        try:
            for step, item in rows:  # noqa: B007 - for the error
                models.append(read(item))
        except Mismatch as mismatch:
            mismatch.path.insert(0, typing.cast("str | int", step))
            raise

    def read_many(self, value: Any) -> list[Any]:
        """The models of a list, of an object keyed by id, or of the only one where PHP left the list out."""
        rows = self.rows(value)
        if rows is None:
            return [self.read(value)]
        models: list[Any] = []
        self.read_rows(rows, models)
        return models


@functools.cache
def shape_of(cls: type) -> Shape:
    """The shape of a model class."""
    fields = _fields(cls)
    identity = fields.get("id") or next((field for field in fields.values() if field.is_required), None)
    known = frozenset(key for field in fields.values() for key in field.keys)
    own = () if identity is None else identity.keys
    spelt = {key: field for field in fields.values() for key in field.keys}
    return Shape(cls, _converter.get_structure_hook(cls), known, own, spelt)


def _is_known(found: Any) -> bool:
    """Whether there is nothing in a model, nor in those within it, that it does not know."""
    if isinstance(found, tuple):
        return all(map(_is_known, found))
    if not isinstance(found, Model):
        return not isinstance(found, Mapping)
    return not found.extra and all(
        _is_known(getattr(found, field.name)) for field in attrs.fields(type(found)) if field.name != "extra"
    )


def _object_hook(cls: type) -> Hook:
    fields = _fields(cls)
    make_adapter, adapted = ADAPTERS.get(cls, (None, ()))
    known = frozenset(field.keys[0] for field in fields.values())
    adapt = None if make_adapter is None else make_adapter(known)
    respellable = tuple(field.keys for field in fields.values() if len(field.keys) > 1)
    rare = RARE.get(cls)
    draft = unfrozen(cls)

    def read_odd(given: Object) -> Any:
        value = respelt(given, respellable)
        value, lost = (value, ()) if rare is None else rare.gather(value)
        keys, more, _, *values = (known, None, 0) if adapt is None else adapt(value)
        kept: Object = {} if more is None else dict(more)
        made: Any = object.__new__(draft)
        for name, found in zip(adapted, values, strict=True):
            setattr(made, name, found)
        unread: list[str] = []
        for name, field in fields.items():
            if name not in adapted:
                is_read = _read_field(made, field, value, given, kept)
                if not is_read or name in lost:
                    unread.append(field.alias)
        made.extra = beside(value, keys, kept)
        made.unread = tuple(unread)
        made.__class__ = cls
        return made

    def read_rare(value: Object) -> Any:
        assert rare is not None  # noqa: S101 - for the type checker
        gathered, lost = rare.gather(value)
        if lost:
            return read_odd(value)
        return None if gathered is value else read(gathered)

    read = generate(
        cls,
        fields,
        adapt=adapt,
        adapted=adapted,
        as_object=as_object,
        respelt=respelt,
        beside=beside,
        rare=() if rare is None else rare.keys,
        read_odd=read_odd,
        read_rare=read_rare,
    )
    return read


def _read_field(made: Any, field: Field, value: Object, given: Object, kept: Object) -> bool:
    """Read one field; False where it could not be read, and then what was sent is among what is kept.

    Raises `Mismatch` where that is an error.
    """
    key, *others = field.keys
    if key not in value:
        if field.is_required:
            raise Mismatch("a value that is always there", MISSING, key)
        setattr(made, field.name, field.made())
        return True
    sent = key
    if is_nothing(given.get(key)):
        sent = next((other for other in others if not is_nothing(given.get(other))), key)
    try:
        setattr(made, field.name, field.hook(value[key]))
    except Told as told:
        setattr(made, field.name, told.meaning)
        kept[sent] = value[key]
        return True
    except Mismatch as mismatch:
        if field.strict or field.is_required:
            mismatch.path.insert(0, sent)
            raise
        setattr(made, field.name, field.made())
        # Under the key that the panel sent, and not once more under that by which it is known.
        kept.pop(key, None)
        kept[sent] = value[key]
        return False
    return True


def _fields(cls: type) -> dict[str, Field]:
    """The fields by their names, without those of `Model`."""
    attrs.resolve_types(cls)
    fields: dict[str, Field] = {}
    for field in attrs.fields(cls):
        if field.name not in ("extra", "unread"):
            hook = _FIELD_HOOKS.get((cls, field.name)) or _converter.get_structure_hook(field.type)
            keys = field.metadata.get("wire", (field.name,))
            strict = field.metadata.get("strict", False)
            alias = field.alias or field.name
            fields[field.name] = Field(field.name, alias, keys, hook, field.default, strict)
    return fields


def _optional_hook(type_: Any) -> Hook:
    inner: Any = next(arg for arg in typing.get_args(type_) if arg is not types.NoneType)
    if inner in _SCALARS:
        return _SCALARS[inner]
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


def _tuple_hook(type_: Any) -> Hook:
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
    return concealed(value)


def _read_anything(value: Any, _type: object = None) -> Any:
    return concealed(value)


def _is_anything(type_: Any) -> bool:
    return type_ is Any


def _has_origin(*origins: Any) -> Callable[[Any], bool]:
    return lambda type_: typing.get_origin(type_) in origins


# A required text is an identity; cattrs asks the hooks registered last first.
_converter.register_structure_hook(str, php.identity)
_converter.register_structure_hook_func(_is_anything, _read_anything)
_converter.register_structure_hook_func(_has_origin(Mapping), _read_mapping)
_converter.register_structure_hook_factory(attrs.has, _object_hook)
_converter.register_structure_hook_factory(_has_origin(types.UnionType, typing.Union), _optional_hook)
_converter.register_structure_hook_factory(_has_origin(tuple), _tuple_hook)

"""How one object, and one list of them, is read: the converter and the shapes of the models.

There is one cattrs converter, which knows what reads each type. The functions for the classes are generated
and know no path; only when one fails is the object read once more, field by field, to say where.
"""

from __future__ import annotations

import datetime as dt
import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import cattrs

from ..models import (
    AvailableIp,
    BandwidthUsage,
    OpenEnum,
    PowerState,
    RdnsEntry,
    ServiceIp,
    Template,
    Vm,
    VmIp,
)
from ..models.shared import address
from ..secret import Secret, is_secret_key
from . import php
from .adapt import ADAPTERS, as_object, beside, concealed, hidden, respelt
from .generate import Field, Hook, Object, generate
from .php import MISSING, Mismatch, is_nothing

Rows = Iterator[tuple[str | int, Any]]

# What a bare text in a list is, and what one under a key is.
_BARE: Final[dict[type, str]] = {ServiceIp: "ipaddress", VmIp: "ipaddress", AvailableIp: "ipaddress"}
_BARE_UNDER_KEY: Final[dict[type, str]] = {**_BARE, RdnsEntry: "ptrcontent", Template: "name"}

_FIELD_HOOKS: Final[dict[tuple[type, str], Hook]] = {
    (BandwidthUsage, "from_"): php.epoch,
    (BandwidthUsage, "to"): php.epoch,
    (Vm, "power"): PowerState.read,  # from several keys
    (Vm, "ip_texts"): php.addresses,
    (Vm, "uptime"): php.whole_or_text,
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
    """

    cls: type
    read: Hook
    known: frozenset[str]
    own: tuple[str, ...]

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
        """What stands under its id, with that id where it has none of its own."""
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
        return {name: value if name in self.known else hidden(value) for name, value in item.items()}

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
    return Shape(cls, _converter.get_structure_hook(cls), known, own)


def _object_hook(cls: type) -> Hook:
    fields = _fields(cls)
    make_adapter, adapted = ADAPTERS.get(cls, (None, ()))
    adapt = None if make_adapter is None else make_adapter(frozenset(f.keys[0] for f in fields.values()))

    def locate(value: Object, given: Object) -> Mismatch:
        missing: list[str] = []
        for name, field in fields.items():
            key, *others = field.keys
            if key not in value:
                missing.append(key)
                continue
            if name in adapted:
                continue
            try:
                field.hook(value[key])
            except Mismatch as mismatch:
                spelt = (other for other in others if is_nothing(given.get(key)) and other in given)
                mismatch.path.insert(0, next(spelt, key))
                return mismatch
        # The required field comes first in every class.
        return Mismatch("a value that is always there", MISSING, missing[0])

    return generate(
        cls,
        fields,
        adapt=adapt,
        adapted=adapted,
        as_object=as_object,
        respelt=respelt,
        beside=beside,
        locate=locate,
    )


def _fields(cls: type) -> dict[str, Field]:
    """The fields by their names, without `Model.extra`."""
    attrs.resolve_types(cls)
    fields: dict[str, Field] = {}
    for field in attrs.fields(cls):
        if field.name not in ("extra", "unread"):
            hook = _FIELD_HOOKS.get((cls, field.name)) or _converter.get_structure_hook(field.type)
            keys = field.metadata.get("wire", (field.name,))
            fields[field.name] = Field(field.name, keys, hook, field.default)
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

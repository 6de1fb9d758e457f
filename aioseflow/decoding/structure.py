"""How one object, and one list of them, is read: the converter and the shapes of the models.

There is one cattrs converter, which knows the hook of every type. A class's hook is generated once and knows
no path; only when it fails is the object read once more, field by field, to say where.
"""

from __future__ import annotations

import datetime as dt
import functools
import types
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import cattrs

from ..models import (
    Accepted,
    Availability,
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
from ..secret import Secret, conceal, is_secret_key
from . import php
from .build import Finisher, Hook, Object, builder
from .php import MISSING, Mismatch, is_nothing

# Where `Model.extra` travels through the generated hooks: no key of a JSON object can be equal to it.
_EXTRA: Final[Any] = ("extra",)

# What a bare text in a list is, and what one under a key is.
_BARE: Final[dict[type, str]] = {ServiceIp: "ipaddress", VmIp: "ipaddress", AvailableIp: "ipaddress"}
_BARE_UNDER_KEY: Final[dict[type, str]] = {**_BARE, RdnsEntry: "ptrcontent", Template: "name"}

_FIELD_HOOKS: Final[dict[tuple[type, str], Hook]] = {
    (Accepted, "status"): php.as_is,
    (Accepted, "info"): php.as_is,
    (BandwidthUsage, "from_"): php.epoch,
    (BandwidthUsage, "to"): php.epoch,
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
        return next((value[name] for name in self.own if not is_nothing(value.get(name))), None)

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
        return {name: value if name in self.known else _hidden(value) for name, value in item.items()}

    def read_many(self, value: Any) -> list[Any]:
        """The models of a list, of an object keyed by id, or of the only one where PHP left the list out."""
        if isinstance(value, list):
            return self._read_list(value)
        if not isinstance(value, dict):
            raise Mismatch("a list", value)
        if not self.is_keyed(value):
            return [self.read(value, self.cls)]
        items: list[Any] = []
        for key, item in value.items():
            try:
                items.append(self.read(self.named(key, item), self.cls))
            except Mismatch as mismatch:
                mismatch.path.insert(0, key)
                raise
        return items

    def _read_list(self, value: list[Any]) -> list[Any]:
        read, cls, bare = self.read, self.cls, _BARE.get(self.cls)
        items: list[Any] = []
        try:
            for item in value:
                items.append(read({bare: item} if bare and isinstance(item, str) else item, cls))  # noqa: PERF401
        except Mismatch as mismatch:
            mismatch.path.insert(0, len(items))
            raise
        return items


@functools.cache
def shape_of(cls: type) -> Shape:
    """The shape of a model class."""
    read = _converter.get_structure_hook(cls)
    spellings = _spellings(cls)
    own = spellings.get("id", ())
    if not own:
        required = (name for name in spellings if getattr(attrs.fields(cls), name).default is attrs.NOTHING)
        own = next((spellings[name] for name in required), ())
    return Shape(cls, read, frozenset(key for keys in spellings.values() for key in keys), own)


def _spellings(cls: type) -> dict[str, tuple[str, ...]]:
    """Attribute to its keys in the answer, the canonical one first."""
    fields = (field for field in attrs.fields(cls) if field.name != "extra")
    return {field.name: field.metadata.get("wire", (field.name,)) for field in fields}


def _object_hook(cls: type) -> Hook:
    attrs.resolve_types(cls)
    spellings = _spellings(cls)
    hooks: dict[str, Hook] = {}
    for name in spellings:
        own_hook = _FIELD_HOOKS.get((cls, name))
        hooks[name] = own_hook or _converter.get_structure_hook(getattr(attrs.fields(cls), name).type)
    build = builder(cls, spellings, hooks, _extra, _FINISHERS.get(cls))
    respelt = tuple(keys for keys in spellings.values() if len(keys) > 1)
    adapt = _ADAPTERS.get(cls)

    def respell(value: Object) -> Object:
        for keys in respelt:
            value = _respelt(value, keys)
        return value

    def read(value: Any, _type: Any) -> Any:
        if value.__class__ is not dict:
            if value != []:
                raise Mismatch("an object", value)
            value = {}
        source = value
        if adapt is not None:
            value = adapt(respell(value))
        try:
            return build(value, respell)
        except (Mismatch, KeyError) as reason:
            failed = reason
        raise locate(respell(value), source, failed)

    def locate(value: Object, source: Object, failed: Mismatch | KeyError) -> Mismatch:
        missing: list[str] = []
        for name, (key, *others) in spellings.items():
            if key not in value:
                missing.append(key)
                continue
            try:
                hooks[name](value[key], cls)
            except Mismatch as mismatch:
                given = (other for other in others if is_nothing(source.get(key)) and other in source)
                mismatch.path.insert(0, next(given, key))
                return mismatch
        if isinstance(failed, Mismatch):
            return failed  # of what no field is for
        # The required field comes first in every class.
        return Mismatch("a value that is always there", MISSING, missing[0])

    return read


def _respelt(value: Object, keys: tuple[str, ...]) -> Object:
    if not is_nothing(value.get(keys[0])):
        return value
    for spelling in keys[1:]:
        if not is_nothing(value.get(spelling)):
            value = {**value, keys[0]: value[spelling]}
            del value[spelling]
            break
    return value


def _extra(value: Object, known: frozenset[str]) -> Object:
    extra = {key: value[key] for key in value if key not in known and key is not _EXTRA}
    extra.update(value.get(_EXTRA, ()))
    for key, item in extra.items():
        # Most are plain, and conceal() copies.
        if is_secret_key(key) or isinstance(item, dict | list):
            extra[key] = _concealed(item, key)
    return extra


def _concealed(item: Any, *path: str) -> Any:
    try:
        return conceal(item, secret=any(map(is_secret_key, path)))
    except ValueError:
        pass
    raise Mismatch("at most 64 levels, one in another", item, *path)


def _hidden(item: Any) -> Any:
    try:
        return conceal(item, secret=True)
    except ValueError:
        return item  # refused where it is kept, with the way there


def _adapt_accepted(value: Object) -> Object:
    if value.get("status").__class__ is bool and "info" not in value:
        return value
    # The panel has acted: nothing that it says about it may turn that into an error.
    value = dict(value)
    extra: Object = {}
    for key, read in (("status", php.flag), ("info", php.texts)):
        try:
            value[key] = read(value.get(key))
        except Mismatch:
            extra[key] = value.pop(key)
    return {**value, _EXTRA: extra} if extra else value


def _adapt_availability(value: Object) -> Object:
    if value and "status" not in value:
        raise Mismatch("the word for a free name", MISSING, "status")
    return value


_POWER_KEYS: Final = ("state", "status", "power")


def _finish_vm(vm: Any, value: Object) -> None:
    """Power, which the first of several keys says that says anything; and addresses that are objects."""
    vm.power_word, vm.power = None, PowerState.UNKNOWN
    left: Object = {}
    unsaid = True
    for key in _POWER_KEYS:
        if key not in value:
            continue
        said = value[key]
        if unsaid and not (said is None or said == "" or said.__class__ is dict or said.__class__ is list):
            vm.power_word = said if said.__class__ is str else php.word(said)
            vm.power = PowerState.read(said)
            unsaid = False
        else:
            left[key] = said
    ip = value.get("ip")
    if ip.__class__ is dict or (ip.__class__ is list and dict in map(type, ip)):
        left["ip"] = ip  # objects say more than an address
    if left:
        vm.extra.update(_extra(left, frozenset()))


_ADAPTERS: Final[dict[type, Callable[[Object], Object]]] = {
    Accepted: _adapt_accepted,
    Availability: _adapt_availability,
}
_FINISHERS: Final[dict[type, Finisher]] = {
    Vm: Finisher(_finish_vm, sets=("power", "power_word"), reads=_POWER_KEYS),
}


def _optional_hook(type_: Any) -> Hook:
    inner: Any = next(arg for arg in typing.get_args(type_) if arg is not types.NoneType)
    if inner in _SCALARS:
        return _SCALARS[inner]
    if issubclass(inner, OpenEnum):

        def read_state(value: Any, _type: Any) -> Any:
            plain = php.text(value)
            return inner(plain) if plain else None

        return read_state
    read = _converter.get_structure_hook(inner)

    def read_object(value: Any, _type: Any) -> Any:
        return None if is_nothing(value) else read(value, inner)

    return read_object


def _tuple_hook(type_: Any) -> Hook:
    inner: Any = typing.get_args(type_)[0]
    if inner is str:
        return php.texts
    shape = shape_of(inner)

    def read_tuple(value: Any, _type: Any) -> tuple[Any, ...]:
        return () if is_nothing(value) else tuple(shape.read_many(value))

    return read_tuple


def _read_mapping(value: Any, _type: Any) -> Any:
    if is_nothing(value):
        return {}
    if not isinstance(value, dict):
        raise Mismatch("an object", value)
    return _concealed(value)


def _read_anything(value: Any, _type: Any) -> Any:
    return _concealed(value)


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

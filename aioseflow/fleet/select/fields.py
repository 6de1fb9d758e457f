"""The fields that an expression can name, by type; and functions of values that may be missing."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import operator
import re
import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import attrs

from ...models import Model, Service, Vm
from .expression import Read

TEXT: Final = "a text"
NUMBER: Final = "a number"
BOOLEAN: Final = "true or false"
TEXTS: Final = "a list of texts"
DATE: Final = "a date"
NULL: Final = "null"


@attrs.frozen
class Field:
    """A field that can be named.

    Attributes:
        kind: its type, one of the words above.
        path: the attributes that lead to it, joined with dots.
        names: the public names of these attributes, as in `Model.unread`.
        optional: whether it can be missing, so that it can be compared with null.
        words: the enumeration of its texts, if it has one.
    """

    kind: str
    path: str
    names: tuple[str, ...]
    optional: bool
    words: type[enum.StrEnum] | None = None

    @functools.cached_property
    def read(self) -> Callable[[Model], Any]:
        """A function that reads the plain value (text, number, boolean, tuple, aware datetime) in a model.

        It returns None where the value is missing. A value that the panel sent in a form that cannot be read
        is missing, although the model may have an empty list for it.
        """
        get, plain, name = operator.attrgetter(self.path), _PLAIN[self.kind], self.names[-1]
        within = self.path.rpartition(".")[0]
        get_holder = operator.attrgetter(within) if within else None

        def read(model: Model) -> Any:
            try:
                value = get(model)
            except AttributeError:  # what it is a part of is missing
                return None
            if value is None:
                return None
            holder = model if get_holder is None else get_holder(model)
            if holder.unread and name in holder.unread:
                return None
            return plain(value)

        return read

    def is_unread(self, model: Model) -> bool:
        """Whether the panel sent the field, or what it is a part of, in a form that cannot be read."""
        holder: Any = model
        for attribute, name in zip(self.path.split("."), self.names, strict=True):
            if holder is None:
                return False
            if name in holder.unread:
                return True
            holder = getattr(holder, attribute)
        return False


_known: Final[dict[type[Model], dict[str, Field]]] = {}


def fields(model: type[Model]) -> dict[str, Field]:
    """Return the fields of a model by name; a field of a model within it is named ``outer.inner``.

    Secrets, and fields whose type cannot be compared, are left out.
    """
    if model not in _known:
        _known[model] = dict(_fields(model))
    return _known[model]


def _fields(model: type[Model]) -> Iterator[tuple[str, Field]]:
    hints = typing.get_type_hints(model)
    for attribute in attrs.fields(model):
        if attribute.name == "unread":
            continue  # about the fields, not one of them
        hint = hints[attribute.name]
        union = set(typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,))
        # The number of "int | str": the words in its place are no number, so that it is missing then.
        one = min(union - {types.NoneType}, key=lambda kind: kind is str)
        optional = len(union) > 1
        one = typing.get_origin(one) or one
        if issubclass(one, Model):
            for name, inner in fields(one).items():
                path = f"{attribute.name}.{inner.path}"
                names = (attribute.alias or attribute.name, *inner.names)
                yield f"{attribute.alias}.{name}", attrs.evolve(inner, path=path, names=names, optional=True)
        kind = next((kind for kind, of in _KINDS.items() if issubclass(one, of)), None)
        if kind is not None:
            words = one if issubclass(one, enum.StrEnum) else None
            alias = attribute.alias or attribute.name
            yield alias, Field(kind, attribute.name, (alias,), optional, words)


_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    TEXT: str,
    BOOLEAN: bool,
    NUMBER: (int, float, Decimal),
    TEXTS: tuple,
    DATE: dt.date,
}


def _plain_number(value: Any) -> int | Decimal | None:
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return None if isinstance(value, Decimal) and value.is_nan() else value


def _plain_date(value: Any) -> dt.datetime | None:
    if not isinstance(value, dt.date):
        return None
    moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time(), dt.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


_PLAIN: Final[dict[str, Callable[[Any], Any]]] = {
    TEXT: lambda value: str.__str__(value) if isinstance(value, str) else None,
    NUMBER: _plain_number,
    BOOLEAN: lambda value: value if isinstance(value, bool) else None,
    TEXTS: lambda value: tuple(value) if isinstance(value, tuple | list) else None,
    DATE: _plain_date,
}


def _whole_number(text: str) -> int | None:
    text = text.strip()
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,100}", text) else None


ATTRIBUTES: Final[dict[tuple[str, str], tuple[str, Callable[[Any], Any]]]] = {
    (TEXT, "as_lower"): (TEXT, str.lower),
    (TEXT, "as_upper"): (TEXT, str.upper),
    (TEXT, "length"): (NUMBER, len),
    (TEXT, "is_empty"): (BOOLEAN, operator.not_),
    (TEXT, "to_int"): (NUMBER, _whole_number),
    (TEXTS, "length"): (NUMBER, len),
    (TEXTS, "is_empty"): (BOOLEAN, operator.not_),
}
"""By type and name, the type and the function; ``to_int`` of a text that is no whole number is missing."""


def applied(function: Callable[[Any], Any], read: Read) -> Read:
    def apply(service: Service, vm: Vm, account: str) -> Any:
        value = read(service, vm, account)
        return None if value is None else function(value)

    return apply


def both(function: Callable[[Any, Any], Any], left: Read, right: Read) -> Read:
    def apply(service: Service, vm: Vm, account: str) -> Any:
        one = left(service, vm, account)
        if one is None:
            return None
        other = right(service, vm, account)
        return None if other is None else function(one, other)

    return apply


def decided(by: bool, tests: list[Read]) -> Read:
    """Return the test of ``or``, which one True decides (``by``), or of ``and``, which one False decides."""

    def test(service: Service, vm: Vm, account: str) -> bool | None:
        result: bool | None = not by
        for one in tests:
            value: bool | None = one(service, vm, account)
            if value is by:
                return by
            if value is None:
                result = None
        return result

    return test

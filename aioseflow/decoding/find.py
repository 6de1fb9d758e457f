"""From parsed JSON to models: `decode` finds what a call promised in what the panel sent.

Lists come as lists, as objects keyed by id and as ``[]``; objects come as ``[]`` when they are empty; keys
come and go between installations. What cannot be read is one `DecodeError` that names call and path.
"""

from __future__ import annotations

import functools
import typing
from typing import Any, Final, TypeVar

from ..errors import DecodeError
from ..models import Availability, Ticket
from ..secret import redact
from .php import MISSING, Mismatch, is_nothing
from .php import identity as read_identity
from .structure import Object, Shape, shape_of

T = TypeVar("T")

# Calls whose answer stands at a place of its own, whatever the call says.
_KEYS: Final[dict[type, tuple[str, ...]]] = {Ticket: ("ticket", "tickets"), Availability: ("details",)}
# What stands beside the object in the answer, and belongs to it.
_SIBLINGS: Final[dict[type, tuple[str, ...]]] = {Ticket: ("replies",)}
# Classes for which PHP's nothing is an answer: this panel's "no" is an empty one.
_MAY_BE_NOTHING: Final = frozenset({Availability})


def decode(
    returns: type[T], payload: Any, *, key: tuple[str, ...] = (), call: str, identity: str | None = None
) -> T:
    """The answer of a call as its model, or as a list of them.

    Args:
        returns: a model class, or ``list[…]`` of one.
        payload: what the JSON parser gave; None for an empty body.
        key: the key under which the answer stands, its other spellings behind it; the first that is there
            wins. Empty: the whole payload is the answer (a `Ticket` and an `Availability` have keys of
            their own; a ticket's replies stand beside it).
        call: the coroutine's name, for the error.
        identity: the id that was asked for, where an answer may hold several or leave its own id out.

    An empty list is ``[]`` or ``{}``; null is none, as a list that could not be read must not pass for an
    empty one.

    Raises:
        DecodeError: the payload has another shape, or holds another object than the one asked for.
    """
    try:
        return typing.cast("T", _decode(returns, payload, key, identity))
    except Mismatch as caught:
        mismatch = caught
    # Outside the handler, so that what was found is not chained to the error.
    path = mismatch.json_path()
    raise DecodeError(
        f"{call}: the panel's answer cannot be read at {path}: expected {mismatch.expected}, found "
        f"{mismatch.description()}; the error's payload is the answer without its secrets",
        path=path,
        payload=redact(payload),
        call=call,
    )


def _decode(returns: Any, payload: Any, key: tuple[str, ...], identity: str | None) -> Any:
    cls, many = _promise(returns)
    shape = shape_of(cls)
    keys = key or _KEYS.get(cls, ())
    path: list[str | int] = []
    value = payload
    if keys:
        found = _find(cls, payload, keys)
        value = None if found is None else payload[found]
        if found is not None:
            path.append(found)
    siblings = {name for name in _SIBLINGS.get(cls, ()) if isinstance(payload, dict) and name in payload}
    try:
        if many:
            return shape.read_many(value)
        if cls in _MAY_BE_NOTHING and is_nothing(value):
            value = {}
        value = _pick(shape, value, identity, path)
        if siblings:
            siblings -= value.keys()
            value = {**value, **{name: payload[name] for name in siblings}}
        return shape.read(value, cls)
    except Mismatch as mismatch:
        if not (mismatch.path and mismatch.path[0] in siblings):
            mismatch.path[:0] = path
        raise


@functools.cache
def _promise(returns: Any) -> tuple[type, bool]:
    """The class of a declared answer, and whether it is a list of them."""
    if typing.get_origin(returns) is list:
        return typing.get_args(returns)[0], True
    return returns, False


def _find(cls: type, payload: Any, keys: tuple[str, ...]) -> str | None:
    """The key under which the answer stands; None where an empty answer is one."""
    if is_nothing(payload) and cls in _MAY_BE_NOTHING:
        return None
    expected = f"an object with {' or '.join(map(repr, keys))}"
    if payload != [] and not isinstance(payload, dict):
        raise Mismatch(expected, payload)
    for candidate in keys:
        if candidate in payload:
            return candidate
    raise Mismatch(expected, MISSING, keys[0])


def _pick(shape: Shape, value: Any, identity: str | None, path: list[str | int]) -> Object:
    """The one object that was asked for, with its id; ``path`` is led to it."""
    several: list[tuple[str | int, Any]] = []
    if isinstance(value, list):
        several = list(enumerate(value))
    elif isinstance(value, dict) and shape.own and shape.is_keyed(value):
        # Only one that was asked for by its id may take it from its key: any other key is no id.
        name = shape.named if identity is not None else shape.guarded
        several = [(key, name(key, item)) for key, item in value.items() if isinstance(item, dict)]
    if several:
        step, value = _choose(shape, several, identity, value)
        path.append(step)
    elif value == []:
        value = {}
    if not isinstance(value, dict):
        raise Mismatch("an object", value)
    if identity is None or not shape.own:
        return value
    own = shape.own_id(value)
    if own is None:
        return {**value, shape.own[0]: identity}
    if not _is_same(own, identity):
        raise Mismatch(_wanted(identity), own, shape.own[0])
    return value


def _choose(
    shape: Shape, several: list[tuple[str | int, Any]], identity: str | None, value: Any
) -> tuple[str | int, Any]:
    if identity is not None:
        for step, item in several:
            if isinstance(item, dict) and _is_same(shape.own_id(item), identity):
                return step, item
    if len(several) == 1:
        return several[0]
    raise Mismatch("one object" if identity is None else _wanted(identity), value)


def _wanted(identity: str) -> str:
    return f"the one that was asked for, {identity[:40]!r}"


def _is_same(own: Any, identity: str) -> bool:
    try:
        return read_identity(own) == identity
    except Mismatch:
        return False

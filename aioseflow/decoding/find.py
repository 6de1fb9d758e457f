"""From parsed JSON to models: `decode` finds what a call promised in what the panel sent.

Lists come as lists, as objects keyed by id and as ``[]``; objects come as ``[]`` when they are empty; keys
come and go between installations. What cannot be read is one `DecodeError` that names call and path.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from ..errors import DecodeError
from ..models import Availability, Ticket
from ..secret import redact
from .build import Object
from .php import MISSING, Mismatch, is_nothing
from .php import identity as read_identity
from .structure import Shape, shape_of

T = TypeVar("T")

_SLICE: Final = 50  # objects

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
        answer: T = _decode(returns, payload, key, identity)
    except Mismatch as caught:
        mismatch = caught
    else:
        return answer
    # Outside the handler, so that what was found is not chained to the error.
    raise _unreadable(mismatch, payload, call)


class Reading(Generic[T]):
    """`decode` of a list, in slices that take half a millisecond each; it takes the same arguments.

    Its repr shows nothing of the answer, nor do the frames of whoever waits between two steps.
    """

    __slots__ = ("_steps", "answer")

    answer: T

    def __init__(self, returns: type[T], payload: Any, *, key: tuple[str, ...] = (), call: str) -> None:
        self._steps = _in_slices(returns, payload, key, call)

    def __repr__(self) -> str:
        return "<Reading>"

    def __iter__(self) -> Iterator[None]:
        """Read it, with a pause after each slice; `answer` is there in the end. Raises `DecodeError`."""
        self.answer = yield from self._steps


def _in_slices(returns: Any, payload: Any, key: tuple[str, ...], call: str) -> Generator[None, None, Any]:
    cls, many = _promise(returns)
    where = next((name for name in key if isinstance(payload, dict) and name in payload), None)
    value = payload if where is None else payload[where]
    if not many or (key and where is None) or not _is_many(value, shape_of(cls)):
        return decode(returns, payload, key=key, call=call)
    items: list[Any] = []
    for part in _parts(value):
        try:
            items += shape_of(cls).read_many(part)
        except Mismatch as caught:
            mismatch = caught
            break
        yield
    else:
        return items
    if isinstance(value, list) and mismatch.path and isinstance(mismatch.path[0], int):
        mismatch.path[0] += len(items)
    if where is not None:
        mismatch.path.insert(0, where)
    raise _unreadable(mismatch, payload, call)


def _is_many(value: Any, shape: Shape) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and shape.is_keyed(value))


def _parts(value: list[Any] | dict[Any, Any]) -> Iterator[list[Any] | dict[Any, Any]]:
    if isinstance(value, list):
        yield from (value[start : start + _SLICE] for start in range(0, len(value), _SLICE))
    else:
        items = iter(value.items())
        while part := dict(islice(items, _SLICE)):
            yield part


def _unreadable(mismatch: Mismatch, payload: Any, call: str) -> DecodeError:
    path = mismatch.json_path()
    return DecodeError(
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
    siblings: set[str] = set()
    if cls in _SIBLINGS and isinstance(payload, dict):
        siblings = {name for name in _SIBLINGS[cls] if name in payload}
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
    is_object = isinstance(payload, dict)
    if is_object or payload == []:
        for candidate in keys:
            if candidate in payload:
                return candidate
    expected = f"an object with {' or '.join(map(repr, keys))}"
    if is_object or payload == []:
        raise Mismatch(expected, MISSING, keys[0])
    raise Mismatch(expected, payload)


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

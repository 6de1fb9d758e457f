"""From parsed JSON to models: `decode` finds what a call promised in what the panel sent.

Lists come as lists, as objects keyed by id and as ``[]``; objects come as ``[]`` when they are empty; keys
come and go between installations. What cannot be read is one `DecodeError` that names call and path.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import typing
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs

from ..errors import DecodeError
from ..models import Availability, ServiceResources, Ticket
from ..secret import redact
from .generate import Object
from .php import MISSING, Mismatch, Scrub, is_nothing
from .php import identity as read_identity
from .structure import Rows, Shape, shape_of

T = TypeVar("T")

# Objects that are read before others have their turn: 0.3 ms of VMs with ten fields, 1.1 ms of those that
# another installation published.
_SLICE: Final = 64

# Calls whose answer stands at a place of its own, whatever the call says.
_KEYS: Final[dict[type, tuple[str, ...]]] = {Ticket: ("ticket", "tickets"), Availability: ("details",)}
# What stands beside the object in the answer, and belongs to it.
_SIBLINGS: Final[dict[type, tuple[str, ...]]] = {Ticket: ("replies",)}
# Under which key of `Model.extra` an answer is kept that is no object, of classes that know nothing of it.
_WHOLE: Final[dict[type, str]] = {ServiceResources: "resources"}
# Classes for which PHP's nothing is an answer: this panel's "no" is an empty one.
_MAY_BE_NOTHING: Final = frozenset({Availability})


def decode(
    returns: type[T],
    payload: Any,
    *,
    key: tuple[str, ...] = (),
    call: str,
    identity: str | None = None,
    scrub: Scrub = str,
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
        scrub: takes our own credentials out of the panel's texts that an error shows.

    An empty list is ``[]`` or ``{}``; null is none, as a list that could not be read must not pass for an
    empty one.

    Raises:
        DecodeError: the payload has another shape, or holds another object than the one asked for.
    """
    try:
        answer: T = _decode(_promise(returns), payload, key, identity)
    except Mismatch as caught:
        mismatch = caught
    else:
        return answer
    # Outside the handler, so that what was found is not chained to the error.
    raise _error(mismatch, payload, call, scrub)


async def decode_slowly(
    returns: type[T],
    payload: Any,
    *,
    key: tuple[str, ...] = (),
    call: str,
    identity: str | None = None,
    scrub: Scrub = str,
) -> T:
    """The same as `decode`, giving way to the event loop between slices of a long list.

    One object is read in one piece. No frame that is suspended here shows the payload, in which there may be
    passwords; the caller's own frame does, unless it forgets the payload before it awaits this.

    Raises:
        DecodeError: as `decode` does.
    """
    reading = _Reading(_promise(returns), payload, key, identity, call, scrub)
    del payload
    for _ in iter(reading.go_on, False):
        await asyncio.sleep(0)
    return typing.cast("T", reading.result)


class _Reading:
    """A decoding on its way; its ``repr`` shows nothing, since answers carry passwords."""

    __slots__ = ("_call", "_identity", "_key", "_payload", "_promise", "_rows", "_scrub", "result")

    def __init__(
        self,
        promise: _Promise,
        payload: Any,
        key: tuple[str, ...],
        identity: str | None,
        call: str,
        scrub: Scrub,
    ) -> None:
        self._promise, self._payload, self._key = promise, payload, key
        self._identity, self._call, self._scrub = identity, call, scrub
        self._rows: Rows | None = None
        self.result: Any = None

    def __repr__(self) -> str:
        return f"<reading the answer of {self._call}>"

    def go_on(self) -> bool:
        """Read the next slice; False where that was the last. Raises `DecodeError`."""
        try:
            return self._read_slice()
        except Mismatch as caught:
            mismatch = caught
        raise _error(mismatch, self._payload, self._call, self._scrub)

    def _read_slice(self) -> bool:
        promise = self._promise
        if not promise.many:
            self.result = _decode(promise, self._payload, self._key, self._identity)
            return False
        path: list[str | int] = []
        value = _answer(promise, self._payload, self._key, path)
        try:
            if self._rows is None:
                self._rows = promise.shape.rows(value)
                if self._rows is None:
                    self.result = promise.shape.read_many(value)
                    return False
                self.result = []
            before = len(self.result)
            promise.shape.read_rows(itertools.islice(self._rows, _SLICE), self.result)
        except Mismatch as mismatch:
            mismatch.path[:0] = path
            raise
        return len(self.result) - before == _SLICE


def _error(mismatch: Mismatch, payload: Any, call: str, scrub: Scrub) -> DecodeError:
    path = scrub(mismatch.json_path())
    return DecodeError(
        f"{call}: the panel's answer cannot be read at {path}: expected {mismatch.expected}, found "
        f"{mismatch.description(scrub)}; the error's payload is the answer without its secrets",
        path=path,
        payload=redact(payload),
        call=call,
    )


@attrs.frozen(eq=False)
class _Promise:
    """What an answer is said to be: the class, whether it is a list of them, and where it stands.

    Attributes:
        keys: where it stands whatever the call says.
        siblings: what stands beside the object and belongs to it.
        whole: under which key what is no object is kept.
        may_be_nothing: whether PHP's nothing is an answer.
        own_key: the canonical key that says which object it is.
        is_plain: whether it is one object that stands where the call says.
    """

    cls: type
    many: bool
    shape: Shape
    keys: tuple[str, ...]
    siblings: tuple[str, ...]
    whole: str | None
    may_be_nothing: bool
    own_key: str | None
    is_plain: bool


def _promised(returns: Any) -> _Promise:
    many = typing.get_origin(returns) is list
    cls = typing.get_args(returns)[0] if many else returns
    shape = shape_of(cls)
    return _Promise(
        cls,
        many,
        shape,
        _KEYS.get(cls, ()),
        _SIBLINGS.get(cls, ()),
        _WHOLE.get(cls),
        cls in _MAY_BE_NOTHING,
        own_key=shape.own[0] if shape.own else None,
        is_plain=not many and cls not in (*_KEYS, *_SIBLINGS, *_MAY_BE_NOTHING),
    )


_promise: Final[Callable[[Any], _Promise]] = functools.cache(_promised)


def _decode(promise: _Promise, payload: Any, key: tuple[str, ...], identity: str | None) -> Any:
    if promise.is_plain and payload.__class__ is dict:
        # The one object that was asked for, where it should be. Found without the calls below: a quarter of
        # what decoding a VM took.
        value = payload.get(key[0]) if key else payload
        own = promise.own_key
        if value.__class__ is dict and (
            own is None or (own in value and (identity is None or value[own] == identity))
        ):
            try:
                return promise.shape.read(value)
            except Mismatch:
                pass  # read once more, to say where
    path: list[str | int] = []
    value = _answer(promise, payload, key, path)
    try:
        if promise.many:
            return promise.shape.read_many(value)
        if promise.may_be_nothing and is_nothing(value):
            value = {}
        if promise.whole and not (value is None or value == [] or isinstance(value, dict)):
            value = {promise.whole: value}
        value = _pick(promise.shape, value, identity, path)
        if promise.siblings and isinstance(payload, dict):
            value = {**{name: payload[name] for name in promise.siblings if name in payload}, **value}
        return promise.shape.read(value)
    except Mismatch as mismatch:
        mismatch.path[:0] = path
        raise


def _answer(promise: _Promise, payload: Any, key: tuple[str, ...], path: list[str | int]) -> Any:
    """What stands where the answer does; ``path`` is led to it."""
    keys = key or promise.keys
    if not keys:
        return payload
    found = _find(promise, payload, keys)
    if found is None:
        return None
    path.append(found)
    return payload[found]


def _find(promise: _Promise, payload: Any, keys: tuple[str, ...]) -> str | None:
    """The key under which the answer stands; None where an empty answer is one."""
    if payload.__class__ is dict and keys[0] in payload:
        return keys[0]
    if promise.may_be_nothing and is_nothing(payload):
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
        # PHP's nothing may be an object of which nothing is known, and as well some field's.
        named = [
            (key, name(key, item))
            for key, item in value.items()
            if isinstance(item, dict) or key == identity or (key.isdecimal() and is_nothing(item))
        ]
        several = [(key, item) for key, item in named if isinstance(item, dict)]
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

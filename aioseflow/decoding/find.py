"""From parsed JSON to models: `decode` finds in the panel's answer what a call returns.

Lists come as lists, as objects keyed by id and as ``[]``; objects come as ``[]`` when they are empty; keys
come and go between installations. An answer that cannot be read is one `DecodeError` with call and path.
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
from .generate import JsonObject
from .php import MISSING, Mismatch, Scrub, is_nothing
from .php import identity as read_identity
from .structure import Rows, Shape, shape_of

T = TypeVar("T")

# Objects that are read before other tasks run: 0.3 ms of VMs with ten fields, 1.1 ms of those that another
# installation published.
_SLICE_OBJECTS: Final = 64


@attrs.frozen(eq=False)
class _Placement:
    """Where the answer for a class stands, if not where every call says.

    Attributes:
        keys: the keys under which it stands where the call names none.
        siblings: keys next to it whose values belong to the object.
        key_if_no_object: the key of `Model.extra` for an answer that is no object.
        may_be_nothing: whether PHP's nothing is an answer.
    """

    keys: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    key_if_no_object: str | None = None
    may_be_nothing: bool = False


_PLACEMENTS: Final[dict[type, _Placement]] = {
    Ticket: _Placement(keys=("ticket", "tickets"), siblings=("replies",)),
    # For a name that is taken this panel answers nothing at all.
    Availability: _Placement(keys=("details",), may_be_nothing=True),
    ServiceResources: _Placement(key_if_no_object="resources"),
}


def decode(
    returns: type[T],
    payload: Any,
    *,
    key: tuple[str, ...] = (),
    call: str,
    identity: str | None = None,
    scrub: Scrub = str,
) -> T:
    """Return the answer of a call as its model, or as a list of models.

    An empty list is ``[]`` or ``{}``. Null is no list, because a list that could not be read must not look
    like an empty one.

    Args:
        returns: a model class, or ``list[…]`` of one.
        payload: the parsed JSON; None for an empty body.
        key: the key of the answer, followed by its other spellings; the first that is there counts. Empty:
            the whole payload is the answer, or the class has keys of its own (`_PLACEMENTS`).
        call: the coroutine's name, for the error.
        identity: the id that the call was for, where an answer may hold several objects or leave out the id.
        scrub: removes our own credentials from the panel's texts that an error shows.

    Raises:
        DecodeError: the payload has another shape, or holds another object than the call was for.
    """
    try:
        answer: T = _decode(_expected(returns), payload, key, identity)
    except Mismatch as caught:
        mismatch = caught
    else:
        return answer
    # Raised outside of the handler, so that the value that was found is not chained to the error.
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
    """Do the same as `decode`, and let other tasks run between slices of a long list.

    One object is read in one piece. No frame that is suspended here shows the payload, in which there may be
    passwords; the caller's frame does, unless the caller deletes its reference before it awaits this.

    Raises:
        DecodeError: as `decode` does.
    """
    decoding = _SlicedDecoding(_expected(returns), payload, key, identity, call, scrub)
    del payload
    for _ in iter(decoding.read_slice, False):
        await asyncio.sleep(0)
    return typing.cast("T", decoding.result)


class _SlicedDecoding:
    """State of one `decode_slowly`; its ``repr`` does not show the payload, which may hold passwords."""

    __slots__ = ("_call", "_expected", "_identity", "_key", "_payload", "_rows", "_scrub", "result")

    def __init__(
        self,
        expected: _Expected,
        payload: Any,
        key: tuple[str, ...],
        identity: str | None,
        call: str,
        scrub: Scrub,
    ) -> None:
        self._expected, self._payload, self._key = expected, payload, key
        self._identity, self._call, self._scrub = identity, call, scrub
        self._rows: Rows | None = None
        self.result: Any = None

    def __repr__(self) -> str:
        return f"<reading the answer of {self._call}>"

    def read_slice(self) -> bool:
        """Read the next slice; return False where that was the last. Raises `DecodeError`."""
        try:
            return self._read_slice()
        except Mismatch as caught:
            mismatch = caught
        raise _error(mismatch, self._payload, self._call, self._scrub)

    def _read_slice(self) -> bool:
        expected = self._expected
        if not expected.many:
            self.result = _decode(expected, self._payload, self._key, self._identity)
            return False
        path: list[str | int] = []
        value = _answer(expected, self._payload, self._key, path)
        try:
            if self._rows is None:
                self._rows = expected.shape.rows(value)
                if self._rows is None:
                    self.result = expected.shape.read_many(value)
                    return False
                self.result = []
            before = len(self.result)
            expected.shape.read_rows(itertools.islice(self._rows, _SLICE_OBJECTS), self.result)
        except Mismatch as mismatch:
            mismatch.path[:0] = path
            raise
        return len(self.result) - before == _SLICE_OBJECTS


def _error(mismatch: Mismatch, payload: Any, call: str, scrub: Scrub) -> DecodeError:
    path = scrub(mismatch.json_path())
    return DecodeError(
        f"the panel's answer cannot be read at {path}: expected {mismatch.expected}, found "
        f"{mismatch.description(scrub)}; the error's payload is the answer without its secrets",
        path=path,
        payload=redact(payload),
        call=call,
    )


@attrs.frozen(eq=False)
class _Expected:
    """The answer that a call expects.

    Attributes:
        many: whether it is a list of objects.
        is_plain: whether it is one object that stands where the call says.
    """

    shape: Shape
    many: bool
    placement: _Placement
    is_plain: bool


def _expected_of(returns: Any) -> _Expected:
    many = typing.get_origin(returns) is list
    cls = typing.get_args(returns)[0] if many else returns
    placement = _PLACEMENTS.get(cls, _Placement())
    return _Expected(shape_of(cls), many, placement, is_plain=not many and not placement.keys)


_expected: Final[Callable[[Any], _Expected]] = functools.cache(_expected_of)


def _decode(expected: _Expected, payload: Any, key: tuple[str, ...], identity: str | None) -> Any:
    shape, placement = expected.shape, expected.placement
    if expected.is_plain and payload.__class__ is dict:
        # The usual answer: one object, the right one, where it should be. The calls below take a quarter of
        # the time of decoding a VM.
        value = payload.get(key[0]) if key else payload
        own = shape.id_key
        if value.__class__ is dict and (
            own is None or (own in value and (identity is None or value[own] == identity))
        ):
            try:
                return shape.read(value)
            except Mismatch:
                pass  # read again below, for the path
    path: list[str | int] = []
    value = _answer(expected, payload, key, path)
    try:
        if expected.many:
            return shape.read_many(value)
        if placement.may_be_nothing and is_nothing(value):
            value = {}
        if placement.key_if_no_object and not (value is None or value == [] or isinstance(value, dict)):
            value = {placement.key_if_no_object: value}
        value = _pick(shape, value, identity, path)
        if placement.siblings and isinstance(payload, dict):
            value = {**{name: payload[name] for name in placement.siblings if name in payload}, **value}
        return shape.read(value)
    except Mismatch as mismatch:
        mismatch.path[:0] = path
        raise


def _answer(expected: _Expected, payload: Any, key: tuple[str, ...], path: list[str | int]) -> Any:
    """Return the answer in the payload, and append its key to ``path``."""
    keys = key or expected.placement.keys
    if not keys:
        return payload
    found = _find(expected, payload, keys)
    if found is None:
        return None
    path.append(found)
    return payload[found]


def _find(expected: _Expected, payload: Any, keys: tuple[str, ...]) -> str | None:
    """Return the key of the answer; None where the payload is empty and that is an answer."""
    if payload.__class__ is dict and keys[0] in payload:
        return keys[0]
    if expected.placement.may_be_nothing and is_nothing(payload):
        return None
    wanted = f"an object with {' or '.join(map(repr, keys))}"
    if payload != [] and not isinstance(payload, dict):
        raise Mismatch(wanted, payload)
    for candidate in keys:
        if candidate in payload:
            return candidate
    raise Mismatch(wanted, MISSING, keys[0])


def _pick(shape: Shape, value: Any, identity: str | None, path: list[str | int]) -> JsonObject:
    """Return the object with the id ``identity``, and append its key or index to ``path``."""
    several: list[tuple[str | int, Any]] = []
    if isinstance(value, list):
        several = list(enumerate(value))
    elif isinstance(value, dict) and shape.id_key is not None and shape.is_keyed(value):
        # Without an id to look for, a key is not known to be an id.
        as_item = shape.named if identity is not None else shape.guarded
        # PHP's nothing may stand for an object without any value, or be the value of some field.
        items = [
            (key, as_item(key, item))
            for key, item in value.items()
            if isinstance(item, dict) or key == identity or (key.isdecimal() and is_nothing(item))
        ]
        several = [(key, item) for key, item in items if isinstance(item, dict)]
    if several:
        step, value = _choose(shape, several, identity, value)
        path.append(step)
    elif value == []:
        value = {}
    if not isinstance(value, dict):
        raise Mismatch("an object", value)
    if identity is None or shape.id_key is None:
        return value
    own = shape.own_id(value)
    if own is None:
        return {**value, shape.id_key: identity}
    if not _is_same(own, identity):
        raise Mismatch(_with_id(identity), own, shape.id_key)
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
    raise Mismatch("one object" if identity is None else _with_id(identity), value)


def _with_id(identity: str) -> str:
    return f"the object with the id {identity[:40]!r}"


def _is_same(own: Any, identity: str) -> bool:
    try:
        return read_identity(own) == identity
    except Mismatch:
        return False

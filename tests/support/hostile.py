"""Answers that no sane panel sends: valid ones made from the models' fields, and what becomes of them."""

from __future__ import annotations

import copy
import datetime as dt
import functools
import json
import random
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs
from hypothesis import strategies as st

from aioseflow.models import OpenEnum, PowerState, Vm
from aioseflow.secret import Secret
from aioseflow.session.call import Call

Strategy: TypeAlias = st.SearchStrategy[Any]

PLANTED: Final = "hunter2-planted"
IDENTITY: Final = "7"
STATUSES: Final = (200, 204, 401, 403, 404, 422, 429, 500, 502, 503)
SECRET_KEYS: Final = ("password", "rootpassword", "api_key", "vnc", "authcode", "token")

_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {}, False)
_SPELLINGS: Final[dict[Any, tuple[Any, ...]]] = {
    str: ("a", " b ", "ä\u202e", 5, 2.5, *_NOTHING),
    int: ("512", 512, "4.000", 4.0, " 7 ", "1e3", *_NOTHING),
    bool: (True, "1", "0", 1, 0, "true", "false", "False", "yes", 0.0, *_NOTHING),
    Decimal: ("10.0000", "4.000", "10.00", "-1", ".5", 10, 2.5, 1e300, "1e300", *_NOTHING),
    dt.datetime: ("2015-09-17 09:00:20", "2015-09-17", "0000-00-00 00:00:00", "1437948000", *_NOTHING),
    dt.date: ("2015-09-17", "2015-09-17 09:00:20", "0000-00-00", "-0001-11-30", *_NOTHING),
    Secret: (PLANTED, "", None),
    Any: (None, "x", {"a": [1, {"password": PLANTED}]}, [[]]),
    PowerState: ("online", "offline", "running", "stopped", "active", "true", True, "1", 0, "odd", "", {}),
}
_IDS: Final = (IDENTITY, 7, 7.0, "18867", 18867, "a/b", "", None, 1.5)
_ADDRESSES: Final = ("10.10.101.2", " 10.10.101.3", "::1", "hiddenip", "")
_IPS: Final[tuple[Any, ...]] = (
    *_ADDRESSES,
    list(_ADDRESSES),
    [{"id": "1", "ipaddress": "10.10.101.2"}, {"ip": " ::1"}],
    {"1": {"ipaddress": "10.10.101.2"}, "2": "10.10.101.3"},
    {"1": "10.10.101.2", "rootpassword": PLANTED},
    [],
    {},
    None,
)


@functools.cache
def values(type_: Any) -> Strategy:
    """What a panel may send for a field of this type."""
    if type_ in _SPELLINGS:
        return st.sampled_from(_SPELLINGS[type_])
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(values(inner) for inner in arguments if inner is not types.NoneType))
    if origin is tuple:
        return many(values(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.sampled_from(({"a": 1, "pin": PLANTED}, {}, [], None))
    if attrs.has(type_):
        return objects(type_) | st.sampled_from(_NOTHING)
    if isinstance(type_, type) and issubclass(type_, OpenEnum):
        return st.sampled_from((*map(str, type_), "Frozen", *_NOTHING))
    raise AssertionError(f"no spelling for {type_!r}")


@functools.cache
def objects(cls: type) -> Strategy:
    """JSON objects that a model is made of: each key may be missing, and strange ones may be there."""
    attrs.resolve_types(cls)
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {
        "strange": values(Any),
        **dict.fromkeys(SECRET_KEYS, st.sampled_from((PLANTED, [PLANTED], {"x": PLANTED}))),
    }
    for field in attrs.fields(cls):
        if field.name == "extra":
            continue
        keys = field.metadata.get("wire", (field.name,))
        if field.default is attrs.NOTHING:
            required[keys[0]] = st.sampled_from(_ADDRESSES if "ip" in keys else _IDS)
            continue
        is_address = "ip" in keys or keys == ("ipv6subnets",)
        spelt = st.sampled_from(_IPS) if is_address and cls is Vm else values(field.type)
        optional.update(dict.fromkeys(keys, spelt))
    if cls is Vm:
        optional.update(dict.fromkeys(("state", "status"), values(PowerState)))
    return st.fixed_dictionaries(required, optional=optional)


def many(item: Strategy) -> Strategy:
    """A list, an object keyed by id, PHP's empty array, or the only one without its list."""
    keys = st.sampled_from(("1", IDENTITY, "10.10.101.2", "a b", "password"))
    return st.lists(item, max_size=3) | st.dictionaries(keys, item, max_size=3) | item | st.just([])


def documents(call: Call[Any]) -> Strategy:
    """An answer to a call, as parsed JSON."""
    if call.markup:
        found: Strategy = st.sampled_from(("<p>x</p>", "<!doctype html><p>", {"cpu": "<p>"}, None, 5, []))
        keys: tuple[str, ...] = ("usage",)
    else:
        returned: Any = call.returns
        is_list = typing.get_origin(returned) is list
        found = many(objects(typing.get_args(returned)[0])) if is_list else many(objects(returned))
        keys = call.key or ("details", "ticket", "tickets")
    beside = {
        "error": st.sampled_from(_ERRORS),
        "status": values(bool),
        "success": values(bool),
        "info": st.sampled_from((["revdnsupdated"], "x", {"1": "x", "password": PLANTED}, [])),
        "password": st.just(PLANTED),
        "replies": many(st.sampled_from(({"id": 1, "body": "x"}, {"id": "2"}, 5))),
    }
    under_key = st.fixed_dictionaries({}, optional={**dict.fromkeys(keys, found), **_rarely(beside)})
    return under_key if call.key else under_key | found


def _rarely(beside: dict[str, Strategy]) -> dict[str, Strategy]:
    # Otherwise half of all documents would be errors, and no model be read.
    return {
        key: value if key != "error" else st.just([]) | st.just(None) | value for key, value in beside.items()
    }


_ERRORS: Final[tuple[Any, ...]] = (
    *_NOTHING,
    "vm_locked",
    ["vm_locked"],
    [["wait_x_between_action", 24], "unauthorized"],
    [["wait_x_between_action", "9" * 400]],
    ["wronglogin"],
    ["ipnotallowed"],
    {"1": "vm_locked", "password": PLANTED},
    {"0": {"password": PLANTED}},
    [{"password": PLANTED}],
    [["x" * 5000, {"token": PLANTED}]],
    True,
    "\x1b[31m",
)

# Stand for JSON that json.dumps() does not write; `to_bytes` puts them in.
_RAW: Final[dict[str, bytes]] = {
    "@nan": b"NaN",
    "@inf": b"-Infinity",
    "@over": b"1e999",
    "@digits": b"9" * 20_000,
    "@surrogate": b'"\\ud800"',
    "@utf8": b'"\xff\xfe"',
    "@control": b'"a\x00\x1b[2J"',
    "@twice": b'1,"error":["twice"],"password":"' + PLANTED.encode() + b'"',
    **{f"@deep{levels}": b"[" * levels + b"]" * levels for levels in (10, 63, 65, 1000, 1025, 100_000)},
    **{f"@keys{levels}": b'{"a":' * levels + b"1" + b"}" * levels for levels in (65, 1000, 100_000)},
}
_ODD: Final[tuple[Any, ...]] = (
    *_NOTHING,
    *_RAW,
    *(True, 0, -1, 10**400, 2**64, 1e-320, "1e999999", "-1e400", "NaN", "9" * 5000, "x" * 20_000),
    *(
        "0000-00-00",
        "2015-02-30",
        "9999-12-31 23:59:59",
        "false",
        "2147483648",
        "\ud800",
        "::1%x",
        "1.2.3.0/1e9",
    ),
    *([[]], [{}], {"": ""}, {"1": {}}, {"x" * 5000: 1}, ["a"], {"password": PLANTED}, {"api_key": [PLANTED]}),
)


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key or index) of a document."""
    if isinstance(document, dict | list):
        for step, item in list(document.items() if isinstance(document, dict) else enumerate(document)):
            yield document, step
            yield from places(item)


def changed(document: Any, rng: random.Random) -> Any:
    """A copy of parsed JSON with one place made odd. Secrets stay under secret-looking keys."""
    top = {"": copy.deepcopy(document)}
    holder, step = rng.choice(list(places(top)))
    value = holder[step]
    way = rng.randrange(6)
    if way == 0 and holder is not top:
        del holder[step]
    elif way == 1:
        holder[step] = [value]
    elif way == 2:
        holder[step] = {rng.choice(("0", "7", "x", "id")): value}
    elif way == 3 and isinstance(value, list):
        holder[step] = {str(index): item for index, item in enumerate(value)}
    elif way == 4 and isinstance(value, dict):
        value[rng.choice(SECRET_KEYS)] = rng.choice((PLANTED, [PLANTED], {"a": [0, PLANTED]}))
    else:
        holder[step] = copy.deepcopy(rng.choice(_ODD))
    return top[""]


def to_bytes(document: Any) -> bytes:
    """The document as a body, with its raw tokens."""
    body = json.dumps(document).encode()
    for name, raw in _RAW.items():
        body = body.replace(f'"{name}"'.encode(), raw)
    return body


_WARNING: Final = (
    b"<br />\n<b>Warning</b>:  Undefined array key [x] in <b>/x.php</b> on line <b>3</b><br />\n"
)
_BEFORE: Final = (
    *(b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b" \n", b"\x00", b"Sorry, ", b"[", b"{", b'{"a":', b"\xff"),
    *(_WARNING, _WARNING * 30, b"PHP Notice: {$x} is odd\n[23-Nov-2026 10:00:00 UTC] ", b"[0]\n" * 99),
    *(b"<html><script>", b"<!DOCTYPE html>", b"<p>", b"Notice: a\n[", b"HTTP/1.1 200 OK\r\n\r\n"),
)
_BEHIND: Final = (b"\n", b"}", b"]", b",", b"\x00", b"<br />", b"{}", b"[]", b" " * 5000, _WARNING)
_WHOLE: Final = (
    *(b"", b" ", b"null", b"true", b"0", b'""', b'"x"', b"[]", b"{}", b"[[]]", b"\xff\xfe", b"{}{}", b"NaN"),
    *(b"<html><body>password: " + PLANTED.encode(), b"[" * 100_000, b"{" * 100_000, b'{"a":' * 100_000),
    *(_WARNING * 1000, b"<b>Warning</b>: \n[" * 500, b"pass" * 2000, b"9" * 100_000, b'"' + b"\\" * 10_001),
)


def spoilt(body: bytes, rng: random.Random) -> bytes:
    """A body as it may arrive: with noise around it, cut, or altogether another. Its keys stay whole."""
    way = rng.randrange(8)
    if way == 0:
        return rng.choice(_WHOLE)
    if way == 1:
        return body[: rng.randrange(len(body) + 1)]
    if way == 2:
        return body[: max(0, len(body) - rng.randrange(1, 4))]
    if way == 3:
        return body + rng.choice(_BEHIND)
    return rng.choice(_BEFORE) + body


def flipped(body: bytes, rng: random.Random) -> bytes:
    """A body in which a few bytes are others: then nothing is known of it, not even which keys are secret."""
    made = bytearray(body[: 1 << 16])
    for _ in range(rng.randrange(1, 5) if made else 0):
        made[rng.randrange(len(made))] = rng.choice((rng.randrange(256), *b'"{}[],:\\0'))
    return bytes(made)


_RETRY_AFTER: Final = (
    *(
        "0",
        "7",
        "-1",
        "1e9",
        "9" * 400,
        "nan",
        "inf",
        "soon",
        "",
        " 3 ",
        "1_0",
        "\u0663",
        "\x00",
        "1.5",
        "x" * 8000,
    ),
    *("Mon, 23 Nov 2026 10:00:30 GMT", "Mon, 31 Feb 2026 10:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"),
    *("Mon, 01 Jan 0001 00:00:00 +2359", "Mon, 23 Nov 2026 10:00:30 +99999999999", "1 Nov", ",", "-0000"),
)


def headers() -> st.SearchStrategy[dict[str, str]]:
    """Response headers, lower-case, whatever may stand in them."""
    times = st.sampled_from(_RETRY_AFTER) | st.text(max_size=12)
    places = st.sampled_from(
        ("/login?token=x", f"https://u:{PLANTED}@panel/x#y", "\x1b[31m\u202e", "x" * 9000)
    )
    return st.fixed_dictionaries({}, optional={"retry-after": times, "date": times, "location": places})


def some_headers(rng: random.Random) -> dict[str, str]:
    """The same, drawn by a generator."""
    return {name: rng.choice(_RETRY_AFTER) for name in ("retry-after", "date") if rng.random() < 0.3}

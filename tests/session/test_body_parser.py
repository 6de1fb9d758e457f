"""Bytes as a panel, its PHP and the machines before it send them: charsets, odd characters, noise."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clients import client
from support.wire import Wire, http

from aioseflow import DecodeError, SeFlow
from aioseflow.session.body_parser import Unparsed, charset_of, parse

NOTICE: Final = (
    b"<br />\n<b>Warning</b>:  Unknown: session write failed in <b>Unknown</b> on line <b>0</b><br />\n"
)


def declared(charset: str) -> dict[str, str]:
    return {"content-type": f"application/json; charset={charset}"}


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("ISO-8859-1", "Città"), ("iso-8859-15", "Città €"), ("windows-1252", "Città €"), ("utf-16", "Città"),
        ("utf-16le", "Città"), ("utf-16-be", "Città"), ("UTF-32", "Città"), ("koi8-r", "город"),
        ('"iso-8859-1"', "Città"), ("utf-8", "Città"), ("UTF8", "Città"), ("shift_jis", "東京"),
    ],
)  # fmt: skip
def test_a_declared_charset_is_used(charset: str, text: str) -> None:
    body = f'{{"label":"{text}"}}'.encode(charset.strip('"'))
    assert parse(body, declared(charset)) == {"label": text}


def test_a_declared_charset_wins_over_what_the_bytes_could_be() -> None:
    assert parse('{"label":"Ã©"}'.encode("latin-1"), declared("iso-8859-1")) == {"label": "Ã©"}
    assert parse(b'\xef\xbb\xbf{"label":"\xc3\xa9"}', declared("iso-8859-1")) == {"label": "é"}


@pytest.mark.parametrize(
    "charset", ["no-such", "utf-7", "rot13", "zlib", "idna", "unicode_escape", "\x00", ""]
)
def test_a_charset_that_is_none_is_passed_over(charset: str) -> None:
    assert charset_of(declared(charset)) is None
    assert parse('{"label":"Città"}'.encode(), declared(charset)) == {"label": "Città"}


def test_bytes_that_are_no_utf_8_cost_a_character() -> None:
    assert parse('{"label":"Città","id":"1"}'.encode("latin-1")) == {"label": "Citt\ufffd", "id": "1"}
    assert parse(b'{"label":"x\xff\xfe","n":1}', declared("utf-8")) == {"label": "x\ufffd\ufffd", "n": 1}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":NaN,"b":1}', {"a": "NaN", "b": 1}),
        (b'{"a":[Infinity,-Infinity],"b":1}', {"a": ["Infinity", "-Infinity"], "b": 1}),
        (b'{"a":"x\\ud800y","b":1}', {"a": "x\ufffdy", "b": 1}),
        (b'{"a":"\\uDC00","\\ud800":1}', {"a": "\ufffd", "\ufffd": 1}),
        (b'{"a":"\\ud83d\\ude00","b":NaN}', {"a": "😀", "b": "NaN"}),
        (b'{"a":"line\nand\ttab","b":1}', {"a": "line\nand\ttab", "b": 1}),
        (b'{"a":"nul\x00","b":1}', {"a": "nul\x00", "b": 1}),
    ],
)
def test_what_json_does_not_allow_costs_a_field(body: bytes, value: Any) -> None:
    assert parse(body) == value
    json.dumps(parse(body), allow_nan=False).encode()


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999", "-1e999"])
def test_a_number_that_nothing_holds_is_none(number: str) -> None:
    value = parse(f'{{"a":{number},"b":1}}'.encode())
    assert value["b"] == 1
    # Marked, so that its beginning passes neither for a number nor for an id.
    assert value["a"].endswith("\ufffd")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


BEHIND: Final = [
    b"\n", NOTICE, b"\n" + NOTICE, b"Notice: Undefined index: x in /x.php on line 3\n", b"<!-- 0.02 s -->",
    b"// done", b"/* took 3 ms */", b";", b"}", b"]", b"0", b"1", b"null", b",", b"\xff", b"\x00\x00",
    b"\nPHP Warning:  {$x} is odd\n", b"\n[23-Nov-2026 10:00:00 UTC] PHP Notice: y", b"<br/>Deprecated: x",
]  # fmt: skip


@pytest.mark.parametrize("behind", BEHIND, ids=repr)
def test_a_complete_object_before_noise_is_the_answer(behind: bytes) -> None:
    for value in ({"status": True}, {"vms": {"1": {"id": 1, "label": "{x}"}}}, {}, {"error": ["vm_locked"]}):
        body = json.dumps(value).encode()
        assert parse(body + behind) == value
        assert parse(b"\xef\xbb\xbf \n" + body + behind) == value


def test_noise_on_both_sides_is_passed_over() -> None:
    assert parse(NOTICE + b'{"status":true}' + NOTICE) == {"status": True}


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":true}{"error":["locked"]}',
        b'{"status":true}\n' + NOTICE + b'{"error":["locked"]}',
        b'{"status":true}, {"status": false',
        b'{"status":true},"vm":{}}',
        b'{"status":true}<html><body>500</body></html>',
        b'Warning: odd {"status":true} in /x.php',
        b'[{"status":true}] x',
        b'["a",{"status":true}',
        b'x {"status":true} y',
    ],
)
def test_what_could_be_part_of_something_else_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unparsed):
        parse(body)


VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(
    payload=st.dictionaries(st.sampled_from(["error", "status", "vms"]), VALUES, min_size=1),
    behind=st.sampled_from(BEHIND),
    cut=st.floats(0, 1, exclude_max=True),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_a_cut_answer_never_is_one_and_a_whole_one_always(
    payload: dict[str, Any], behind: bytes, cut: float, indent: int | None, *, ascii_only: bool
) -> None:
    body = json.dumps(payload, indent=indent, ensure_ascii=ascii_only).encode()
    assert parse(body + behind) == payload
    closes = b"}" in behind or b"]" in behind
    with pytest.raises(Unparsed):
        parse(body[: max(1, int(len(body) * cut))] + (b"" if closes else behind))


async def test_one_odd_character_costs_neither_the_list_nor_a_second_request(wire: Wire) -> None:
    async def label(seflow: SeFlow) -> str | None:
        return (await seflow.vms.list(9))[0].label

    body = '{"vms":[{"id":"91","label":"Città","memory":NaN}]}'.encode("latin-1")
    async with client(wire.url) as seflow:
        wire.answer = http(body, headers={"Content-Type": "application/json; charset=ISO-8859-1"})
        assert await label(seflow) == "Città"
        wire.answer = http(body)
        assert await label(seflow) == "Citt\ufffd"
        wire.answer = http('{"status":true,"info":["perché"]}'.encode("latin-1"))
        assert (await seflow.vms.reboot(9, 91)).status is True
        wire.answer = http(b'{"status":true}' + NOTICE)
        assert (await seflow.vms.reboot(9, 91)).status is True
        assert len(wire.requests) == 4


async def test_an_id_that_lost_a_character_is_none(wire: Wire) -> None:
    wire.answer = http('{"vms":[{"id":"9à","label":"x"}]}'.encode("latin-1"))
    async with client(wire.url) as seflow:
        with pytest.raises(DecodeError) as caught:
            await seflow.vms.list(9)
    assert caught.value.path == "$.vms[0].id"
    assert len(wire.requests) == 1
